import { ApiError, encodeYaml, type FeatureGates } from "@tsukube/api";
import { KUBERNETES_VERSION } from "@tsukube/api/kubernetes-version";
import { type Clock, formatTime } from "@tsukube/foundation";
import { type ComponentPage, type MediaRange, type PageAnswer, parseAccept, wantsPretty } from "@tsukube/host";

export interface ComponentPagesOptions {
  readonly component: string;
  readonly featureGates: FeatureGates;
  readonly clock: Clock;
  /** Those of upstream's flags that say what is in force, and their values, none of them secret; absent: there is no /flagz. */
  readonly flags?: Readonly<Record<string, string>>;
  /** Where else something answers, at the time. */
  readonly paths: () => readonly string[];
}

/** What there is to show, as data and as lines. */
interface Shown {
  readonly fields: object;
  readonly lines: readonly string[];
}

const GROUP = "config.k8s.io";
const VERSIONS = ["v1beta1", "v1alpha1"];
const DEPRECATED = "v1alpha1";
const MEDIA_TYPES = ["application/json", "application/yaml", "text/plain"] as const;
type MediaType = (typeof MEDIA_TYPES)[number];

/** /statusz and /flagz (KEP-4827, KEP-4828): text for people; objects for who names their kind and version in the Accept header. */
export function componentPages(options: ComponentPagesOptions): Readonly<Record<string, ComponentPage>> {
  const { featureGates, flags, clock } = options;
  const startedAt = clock.now();
  return {
    ...(flags !== undefined &&
      featureGates.isOn("ComponentFlagz") && {
        "/flagz": page(options, "Flagz", () => flagz({ "feature-gates": namedGates(featureGates), ...flags })),
      }),
    ...(featureGates.isOn("ComponentStatusz") && {
      "/statusz": page(options, "Statusz", () => statusz(options, startedAt)),
    }),
  };
}

function page({ component }: ComponentPagesOptions, kind: "Statusz" | "Flagz", show: () => Shown): ComponentPage {
  return (headers, query) => {
    const header = headers["accept"]?.trim() ?? "";
    const found = header === "" ? { type: "text/plain" as const } : chosen(parseAccept(header), kind);
    if (found === undefined) return refused(header, headers, query);
    const { lines, fields } = show();
    if (found.version === undefined || found.range === undefined) return plain(component, kind, lines);
    const object = { kind, apiVersion: `${GROUP}/${found.version}`, metadata: { name: component }, ...fields };
    const warning = `299 - "This version of the ${kind.toLowerCase()} endpoint is deprecated. Please use a newer version."`;
    return {
      status: 200,
      headers: {
        "content-type": `${found.type};g=${GROUP};v=${found.version};as=${kind}`,
        ...(found.version === DEPRECATED && { warning }),
      },
      body: encoded(object, found.type, wantsPretty(headers, query, found.range)),
    };
  };
}

interface Chosen {
  readonly type: MediaType;
  readonly version?: string;
  readonly range?: MediaRange;
}

/** Pure: text as it is, or JSON and YAML of the kind in one of its versions. */
function chosen(ranges: readonly MediaRange[], kind: string): Chosen | undefined {
  for (const range of ranges) {
    const { as, g, v } = range.parameters;
    const isText = as === undefined && g === undefined && v === undefined;
    const isObject = as === kind && g === GROUP && v !== undefined && VERSIONS.includes(v);
    for (const type of MEDIA_TYPES.filter((known) => matches(range.type, known))) {
      if (type === "text/plain" && isText) return { type };
      if (type !== "text/plain" && isObject) return { type, version: v, range };
    }
  }
  return undefined;
}

function matches(wanted: string, type: MediaType): boolean {
  return wanted === type || wanted === "*/*" || wanted === `${type.split("/")[0]}/*`;
}

/** An error is told in the form that was asked for, if that is one without parameters, and to everybody else as to a person. */
function refused(header: string, headers: Readonly<Record<string, string>>, query: URLSearchParams): PageAnswer {
  const { status } = ApiError.notAcceptable(MEDIA_TYPES);
  const range = parseAccept(header).find(
    ({ type, parameters }) => /^application\/(json|yaml|\*)$/.test(type) && parameters["as"] === undefined,
  );
  const type = range?.type === "application/yaml" ? "application/yaml" : "application/json";
  const isPretty = range === undefined || wantsPretty(headers, query, range);
  return { status: 406, headers: { "content-type": type }, body: encoded(status, type, isPretty) };
}

function encoded(object: object, type: MediaType, isPretty: boolean): Uint8Array {
  if (type === "application/yaml") return encodeYaml(object, undefined);
  return Buffer.from(isPretty ? JSON.stringify(object, undefined, 2) : `${JSON.stringify(object)}\n`);
}

function plain(component: string, kind: string, lines: readonly string[]): PageAnswer {
  const text = [
    "",
    `${component} ${kind.toLowerCase()}`,
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging purposes only.",
    ...lines,
    "",
  ];
  return { status: 200, headers: { "content-type": "text/plain; charset=utf-8" }, body: Buffer.from(text.join("\n")) };
}

function flagz(flags: Readonly<Record<string, string>>): Shown {
  const sorted = Object.entries(flags).sort(([a], [b]) => (a < b ? -1 : 1));
  return { fields: { flags: Object.fromEntries(sorted) }, lines: sorted.map(([name, value]) => `${name}=${value}`) };
}

function namedGates({ named }: FeatureGates): string {
  return Object.entries(named)
    .map(([name, isOn]) => `${name}=${isOn}`)
    .join(",");
}

function statusz({ clock, paths }: ComponentPagesOptions, startedAt: number): Shown {
  const version = KUBERNETES_VERSION.slice(1);
  const uptimeSeconds = Math.max(0, Math.floor((clock.now() - startedAt) / 1000));
  const emulationVersion = version.split(".").slice(0, 2).join(".");
  const listed = foldersOf(paths());
  return {
    fields: {
      startTime: formatTime(startedAt),
      uptimeSeconds,
      // there is no Go here
      ...{ goVersion: "", binaryVersion: version, emulationVersion, paths: listed },
    },
    lines: [
      "",
      `Started: ${unixDate(startedAt)}`,
      `Up: ${uptime(uptimeSeconds)}`,
      `Binary version: ${version}`,
      `Emulation version: ${emulationVersion}`,
      `Paths: ${listed.join(" ")}`,
    ],
  };
}

/** What is for clients of the API, and not for who looks for a fault. */
const NOT_FOR_DEBUGGING = ["/apis", "/api", "/openid", "/openapi", "/.well-known"];

/** Pure: the first part of each path, once, in order. */
function foldersOf(paths: readonly string[]): readonly string[] {
  const folders = new Set(paths.map((path) => `/${path.split("/")[1] ?? ""}`));
  for (const other of ["/", ...NOT_FOR_DEBUGGING]) folders.delete(other);
  return [...folders].sort();
}

/** Pure: "0 hr 05 min 59 sec". */
function uptime(seconds: number): string {
  const two = (count: number): string => String(count % 60).padStart(2, "0");
  return `${Math.floor(seconds / 3600)} hr ${two(Math.floor(seconds / 60))} min ${two(seconds)} sec`;
}

/** Pure: "Sun Nov  9 18:50:26 UTC 2026", as date(1) has it. */
function unixDate(ms: number): string {
  const [weekday = "", day = "", month = "", year = "", time = ""] = new Date(ms).toUTCString().split(/,? /);
  return `${weekday} ${month} ${day.replace(/^0/, " ")} ${time} UTC ${year}`;
}
