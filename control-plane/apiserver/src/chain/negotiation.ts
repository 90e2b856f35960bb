import { ApiError } from "@tsukube/api";
import { isRemembered, type MediaRange, parseAccept, wantsPretty } from "@tsukube/host";

export type Encoding = "json" | "yaml" | "protobuf";

/** What the client wants back. */
export interface Accepted {
  readonly encoding: Encoding;
  /** Object as it is, or one of the meta.k8s.io forms. */
  readonly as: "" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";
  /** Of meta.k8s.io: "v1" or "v1beta1". */
  readonly asVersion: string;
  readonly pretty: boolean;
  /** Parameters to echo, such as those of aggregated discovery. */
  readonly mediaType: string;
}

export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  json: "application/json",
  yaml: "application/yaml",
  protobuf: "application/vnd.kubernetes.protobuf",
};

export const ALL_ENCODINGS: readonly Encoding[] = ["json", "yaml", "protobuf"];

/**
 * Refuses an Accept header in which no media type is one that the route knows at all, before anything looks at parameters.
 * @throws {ApiError} 406.
 */
export function checkAcceptable(
  headers: Readonly<Record<string, string>>,
  streams: boolean,
  known: readonly string[] = KNOWN_TYPES,
): void {
  const header = headers["accept"] ?? "";
  if (header === "") return;
  if (known === KNOWN_TYPES && acceptable.has(header)) return;
  const types = header.split(",").map((range) => range.split(";")[0]?.trim() ?? "");
  if (types.some((type) => type === "*/*" || known.includes(type))) {
    if (acceptable.size >= MOST_KNOWN) acceptable.clear();
    if (known === KNOWN_TYPES && isRemembered(header)) acceptable.add(header);
    return;
  }
  const available = streams ? [...known, ...STREAMED] : known;
  throw new ApiError({
    status: "Failure",
    message: `406: Not Acceptable\n\nAvailable representations: ${available.join(", ")}`,
    reason: "NotAcceptable",
    details: {},
    code: 406,
  });
}

const KNOWN_TYPES: readonly string[] = Object.values(CONTENT_TYPES);
const acceptable = new Set<string>();
const MOST_KNOWN = 256;

/** Watches are streams of JSON or protobuf. @throws {ApiError} 406. */
export function checkStreamable(
  headers: Readonly<Record<string, string>>,
  query: URLSearchParams,
  isTyped: boolean,
): void {
  const { encoding } = negotiate(headers, query);
  const encodings: readonly Encoding[] = isTyped ? ["json", "protobuf"] : ["json"];
  if (encoding === "yaml") throw ApiError.notAcceptable(encodings.map((one) => `${CONTENT_TYPES[one]};stream=watch`));
}

const STREAMED = ["application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch"];

export interface NegotiationRules {
  /** Encodings that the endpoint has; all three by default. */
  readonly encodings?: readonly Encoding[];
  /** Encodings to name in the error; those that the endpoint has by default. */
  readonly named?: readonly Encoding[];
  /** Whether the forms of meta.k8s.io are served. */
  readonly forms?: boolean;
  /** Whether there are tables at all. */
  readonly tables?: boolean;
}

/** Chooses the response's form. @throws {ApiError} 406. */
export function negotiate(
  headers: Readonly<Record<string, string>>,
  query: URLSearchParams,
  rules: NegotiationRules = {},
): Accepted {
  const encodings = rules.encodings ?? ALL_ENCODINGS;
  const header = headers["accept"] ?? "";
  const ranges = header === "" ? [{ type: "*/*", parameters: {}, quality: 1 }] : parseAccept(header);
  for (const range of ranges) {
    const encoding = encodingOf(range.type, encodings);
    const form = range.parameters["as"] ?? "";
    if (encoding === undefined || !isFormServed(range, form, encoding, rules)) continue;
    return {
      encoding,
      as: form as Accepted["as"],
      asVersion: range.parameters["v"] ?? "v1",
      pretty: wantsPretty(headers, query, range),
      mediaType: CONTENT_TYPES[encoding],
    };
  }
  throw ApiError.notAcceptable((rules.named ?? encodings).map((encoding) => CONTENT_TYPES[encoding]));
}

function encodingOf(type: string, encodings: readonly Encoding[]): Encoding | undefined {
  if (type === "*/*" || type === "application/*") return encodings[0];
  return encodings.find((encoding) => CONTENT_TYPES[encoding] === type);
}

function isFormServed(range: MediaRange, form: string, encoding: Encoding, rules: NegotiationRules): boolean {
  if (form === "") return true;
  const { g, v } = range.parameters;
  if (rules.forms === false || g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return false;
  if (form === "Table") return rules.tables !== false && encoding !== "protobuf";
  return form === "PartialObjectMetadata" || form === "PartialObjectMetadataList";
}

/** The encoding of a request's body. @throws {ApiError} 415. */
export function bodyEncoding(
  headers: Readonly<Record<string, string>>,
  encodings: readonly Encoding[] = ALL_ENCODINGS,
  named = encodings,
): Encoding {
  const type = (headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "") return "json";
  const encoding = encodings.find((candidate) => CONTENT_TYPES[candidate] === type);
  if (encoding === undefined) throw ApiError.unsupportedMediaType(named.map((candidate) => CONTENT_TYPES[candidate]));
  return encoding;
}
