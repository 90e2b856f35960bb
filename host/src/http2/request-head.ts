import type { RepeatedHeaders } from "../https-server.ts";

/** What a request asks for, before its body. */
export interface RequestHead {
  readonly method: string;
  /** With query. */
  readonly path: string;
  /** Lower-case names; `host` filled in. */
  readonly headers: Readonly<Record<string, string>>;
  /** The values, as they came, of headers that came more than once. */
  readonly repeated: RepeatedHeaders;
}

const PSEUDO = new Set([":method", ":scheme", ":authority", ":path"]);
/** Of a connection of HTTP/1.1, which there is none of (RFC 9113 section 8.2.2). */
const OF_CONNECTIONS = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]);
/** The first counts; others are joined where they come again. */
const SINGLE = new Set(["authorization", "content-length", "content-type", "host", "user-agent"]);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** What no value may have (RFC 9110 section 5.5). */
const UNFIT = /[\0-\x08\x0a-\x1f\x7f]/;
const MOST_NAMES = 1000;
const LONGEST_NAME = 100;

/** Names that were found to be well formed: clients send the same few. */
const names = new Set<string>();

/** Undefined for a request that is malformed (RFC 9113 section 8.1.1). @param fields Names and values in turn. */
export function requestHead(fields: readonly string[]): RequestHead | undefined {
  const pseudo: Record<string, string> = {};
  const headers: Record<string, string> = {};
  let repeated: Map<string, string[]> | undefined;
  let isRegular = false;
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]!;
    const value = fields[index + 1]!;
    if (UNFIT.test(value)) return undefined;
    if (name.charCodeAt(0) === COLON) {
      if (isRegular || !PSEUDO.has(name) || pseudo[name] !== undefined) return undefined;
      pseudo[name] = value;
      continue;
    }
    isRegular = true;
    if (!isFit(name, value)) return undefined;
    const before = headers[name];
    if (typeof before !== "string") {
      headers[name] = value; // "constructor" is what every object has
      continue;
    }
    repeated ??= new Map();
    repeated.set(name, [...(repeated.get(name) ?? [before]), value]);
    if (!SINGLE.has(name)) headers[name] = before + (name === "cookie" ? "; " : ", ") + value;
  }
  const { ":method": method, ":path": path, ":scheme": scheme, ":authority": authority } = pseudo;
  if (!method || !path || !scheme) return undefined;
  if (authority !== undefined && headers["host"] === undefined) headers["host"] = authority;
  return { method, path, headers, repeated: repeated ?? NONE };
}

const COLON = 0x3a;
const NONE: RepeatedHeaders = new Map();

function isFit(name: string, value: string): boolean {
  if (!names.has(name)) {
    if (!NAME.test(name) || OF_CONNECTIONS.has(name)) return false;
    if (names.size >= MOST_NAMES) names.clear();
    if (name.length <= LONGEST_NAME) names.add(name);
  }
  return name !== "te" || value === "trailers";
}

/** Whether the fields after a body are well formed; nobody reads them. */
export function areTrailers(fields: readonly string[]): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    const value = fields[index + 1]!;
    if (UNFIT.test(value) || !isFit(fields[index]!, value)) return false;
  }
  return true;
}
