import { allResources, apiVersionOf, type GroupVersionResource, type ResourceInfo } from "@tsukube/api";
import { TsukubeError } from "@tsukube/foundation";

/** Upstream's selectors of versions, in the order in which they count. */
const SELECTORS: Readonly<Record<string, RegExp>> = {
  "api/all": /^/,
  "api/ga": /^v\d+$/,
  "api/beta": /^v\d+beta\d+$/,
  "api/alpha": /^v\d+alpha\d+$/,
};

/** What upstream serves only with a feature gate as well; there are none here. */
const GATED: Readonly<Record<string, string>> = {
  "lifecycle.k8s.io/v1alpha1": "EvictionRequestAPI",
  "scheduling.k8s.io/v1alpha3": "GenericWorkload",
  "scheduling.k8s.io/v1beta1": "GenericWorkload",
};

/** What the server itself reads and writes, besides the core group. */
const NEEDED: readonly GroupVersionResource[] = [
  { group: "admissionregistration.k8s.io", version: "v1", resource: "validatingadmissionpolicies" },
  { group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" },
  { group: "apiregistration.k8s.io", version: "v1", resource: "apiservices" },
  { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" },
  { group: "flowcontrol.apiserver.k8s.io", version: "v1", resource: "flowschemas" },
  { group: "networking.k8s.io", version: "v1", resource: "ipaddresses" },
  { group: "policy", version: "v1", resource: "poddisruptionbudgets" },
];

const TRUE = new Set(["", "1", "t", "T", "true", "True", "TRUE"]);
const FALSE = new Set(["0", "f", "F", "false", "False", "FALSE"]);

/**
 * The built-in resources that are served.
 * @param config As kube-apiserver's --runtime-config: "api/beta=true,resource.k8s.io/v1alpha3=true,apps/v1/replicasets=false"; "" is
 * what upstream serves by default. Selectors count first, then versions, then resources.
 * @throws {TsukubeError} `usage` for what it does not name.
 */
export function servedResources(config: string): readonly ResourceInfo[] {
  const known = allResources().filter((info) => GATED[apiVersionOf(info)] === undefined);
  const wanted = parse(config);
  const served = known.filter((info) => isServed(info, wanted));
  const missing =
    NEEDED.find((needed) => !served.some((info) => isSame(info, needed))) ??
    known.find((info) => info.group === "" && !served.includes(info));
  if (missing !== undefined)
    throw wrong(`it leaves out ${nameOf(missing)}`, "it to be served, because the server itself needs it");
  return served;
}

type Wanted = ReadonlyMap<string, boolean>;

function isServed(info: ResourceInfo, wanted: Wanted): boolean {
  const version = apiVersionOf(info);
  const own = wanted.get(nameOf(info)) ?? wanted.get(version);
  if (own !== undefined) return own;
  let served = info.enabledByDefault;
  for (const [selector, pattern] of Object.entries(SELECTORS))
    if (pattern.test(info.version)) served = wanted.get(selector) ?? served;
  return served;
}

function parse(config: string): Wanted {
  const wanted = new Map<string, boolean>();
  for (const entry of config.split(",").map((part) => part.trim())) {
    if (entry === "") continue;
    const [, key = "", value = ""] = /^([^=]*)=?(.*)$/s.exec(entry) ?? [];
    if (SELECTORS[key] === undefined) checkKey(key);
    else if (value !== "true" && value !== "false") throw wrong(`${key}=${value}`, "true or false");
    if (!TRUE.has(value) && !FALSE.has(value)) throw wrong(`${key}=${value}`, "true or false");
    wanted.set(key, TRUE.has(value));
  }
  if (wanted.size === 1 && wanted.get("api/all") === false)
    throw wrong("api/all=false alone", "something that is served");
  return wanted;
}

function checkKey(key: string): void {
  const [group = "", version, resource, ...more] = key.split("/");
  if (version === undefined || more.length > 0)
    throw wrong(`key "${key}"`, `group/version, group/version/resource or one of ${Object.keys(SELECTORS).join(", ")}`);
  const ofGroup = allResources().filter((info) => info.group === group && group !== "");
  if (ofGroup.length === 0) throw wrong(`unknown API group "${group}"`, "a built-in one");
  const ofVersion = ofGroup.filter((info) => info.version === version);
  const versions = [...new Set(ofGroup.map((info) => info.version))].join(", ");
  if (ofVersion.length === 0) throw wrong(`unknown version "${group}/${version}"`, `one of ${versions}`);
  const gate = GATED[`${group}/${version}`];
  if (gate !== undefined)
    throw wrong(
      `${group}/${version} is behind the feature gate ${gate}`,
      "a version without one: there are no gates here",
    );
  const resources = ofVersion.map((info) => info.resource);
  if (resource !== undefined && !resources.includes(resource))
    throw wrong(`unknown resource "${key}"`, `one of ${resources.join(", ")}`);
}

function nameOf(info: GroupVersionResource): string {
  return `${apiVersionOf(info)}/${info.resource}`;
}

function isSame(a: GroupVersionResource, b: GroupVersionResource): boolean {
  return a.group === b.group && a.version === b.version && a.resource === b.resource;
}

function wrong(what: string, expected: string): TsukubeError {
  return new TsukubeError("usage", `Cannot use the runtime config: ${what}, expected ${expected}`);
}
