import {
  allResources,
  apiVersionOf,
  builtinResource,
  FeatureGates,
  type GroupVersionResource,
  type ResourceInfo,
} from "@tsukube/api";
import { parseBoolean, TsukubeError } from "@tsukube/foundation";

/** Upstream's selectors of versions, in the order in which they count. */
const SELECTORS: Readonly<Record<string, RegExp>> = {
  "api/all": /^/,
  "api/ga": /^v\d+$/,
  "api/beta": /^v\d+beta\d+$/,
  "api/alpha": /^v\d+alpha\d+$/,
};

/** Upstream has types of these that it serves no more: old configurations may name them. */
const FORMER = new Set([
  ...["apps/v1beta1", "apps/v1beta2", "authentication.k8s.io/v1alpha1", "authentication.k8s.io/v1beta1"],
  ...["authorization.k8s.io/v1beta1", "batch/v1beta1", "certificates.k8s.io/v1alpha1", "discovery.k8s.io/v1beta1"],
  ...["events.k8s.io/v1beta1", "extensions/v1beta1", "flowcontrol.apiserver.k8s.io/v1beta1"],
  ...["flowcontrol.apiserver.k8s.io/v1beta2", "flowcontrol.apiserver.k8s.io/v1beta3", "networking.k8s.io/v1beta1"],
  ...["node.k8s.io/v1alpha1", "node.k8s.io/v1beta1", "policy/v1beta1", "rbac.authorization.k8s.io/v1alpha1"],
  ...["rbac.authorization.k8s.io/v1beta1", "storage.k8s.io/v1alpha1", "storage.k8s.io/v1beta1"],
]);

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

/**
 * The built-in resources that are served.
 * @param config As kube-apiserver's --runtime-config: "api/beta=true,resource.k8s.io/v1alpha3=true,apps/v1/replicasets=false"; "" is
 * what upstream serves by default. Selectors count first, then versions, then resources.
 * @param gates Some are served only where a feature gate is on as well.
 * @throws {TsukubeError} `usage` for what names none, or only what is behind a gate that is off.
 */
export function servedResources(config: string, gates = FeatureGates.defaults): readonly ResourceInfo[] {
  const known = allResources().filter((info) => missingGate(info, gates) === undefined);
  const wanted = parse(config, gates);
  const served = known.filter((info) => isServed(info, wanted));
  const missing =
    NEEDED.find((needed) => !served.some((info) => isSame(info, needed))) ??
    known.find((info) => info.group === "" && !served.includes(info));
  if (missing !== undefined)
    throw wrong(`it leaves out ${nameOf(missing)}`, "it to be served, because the server itself needs it");
  return served;
}

/** The gate that keeps a resource from being served; undefined where none does. */
function missingGate({ group, resource }: GroupVersionResource, gates: FeatureGates): string | undefined {
  const gate = builtinResource(group, resource)?.gate;
  return gate === undefined || gates.isOn(gate) ? undefined : gate;
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

function parse(config: string, gates: FeatureGates): Wanted {
  const wanted = new Map<string, boolean>();
  for (const entry of config.split(",").map((part) => part.trim())) {
    if (entry === "") continue;
    const [, key = "", text = ""] = /^([^=]*)=?(.*)$/s.exec(entry) ?? [];
    const meant = SELECTORS[key] === undefined ? resourcesOf(key) : [];
    const value = booleanOf(key, text);
    if (value === undefined) throw wrong(`${key}=${text}`, "true or false");
    if (value) expectUngated(key, meant, gates);
    wanted.set(key, value);
  }
  if (wanted.size === 1 && wanted.get("api/all") === false)
    throw wrong("api/all=false alone", "something that is served");
  return wanted;
}

/** Selectors know two words alone. */
function booleanOf(key: string, text: string): boolean | undefined {
  if (SELECTORS[key] !== undefined) return text === "true" || text === "false" ? text === "true" : undefined;
  return text === "" || parseBoolean(text);
}

/** The resources that a key names. */
function resourcesOf(key: string): readonly ResourceInfo[] {
  const [group = "", version, resource, ...more] = key.split("/");
  if (version === undefined || more.length > 0)
    throw wrong(`key "${key}"`, `group/version, group/version/resource or one of ${Object.keys(SELECTORS).join(", ")}`);
  if (FORMER.has(`${group}/${version}`)) return [];
  const ofGroup = allResources().filter((info) => info.group === group && group !== "");
  if (ofGroup.length === 0) throw wrong(`unknown API group "${group}"`, "a built-in one");
  const ofVersion = ofGroup.filter((info) => info.version === version);
  const versions = [...new Set(ofGroup.map((info) => info.version))].join(", ");
  if (ofVersion.length === 0) throw wrong(`unknown version "${group}/${version}"`, `one of ${versions}`);
  const resources = ofVersion.map((info) => info.resource);
  if (resource !== undefined && !resources.includes(resource))
    throw wrong(`unknown resource "${key}"`, `one of ${resources.join(", ")}`);
  return ofVersion.filter((info) => resource === undefined || info.resource === resource);
}

function expectUngated(key: string, meant: readonly ResourceInfo[], gates: FeatureGates): void {
  const missing = meant.map((info) => missingGate(info, gates));
  if (missing.length > 0 && missing.every((gate) => gate !== undefined))
    throw wrong(`${key} is behind the feature gate ${[...new Set(missing)].join(" and ")}, which is off`, "it on");
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
