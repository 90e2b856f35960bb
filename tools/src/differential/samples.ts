import {
  allResources,
  apiVersionOf,
  factsText,
  parseApiVersion,
  type ResourceInfo,
  type Unstructured,
} from "@tsukube/api";

/** An object of a resource that upstream accepted. */
export interface Sample {
  readonly resource: ResourceInfo;
  /** "" for the smallest object. */
  readonly variant: string;
  /** Of a resource, or a version, that is off by default. */
  readonly isOff: boolean;
  readonly object: Unstructured;
}

interface Recorded {
  readonly in: Unstructured;
  readonly code: number;
  readonly server: string;
}

/** What upstream accepted of each resource, recorded in facts. */
const SAMPLES: readonly Sample[] = samples();

function samples(): readonly Sample[] {
  const { objects } = JSON.parse(factsText("defaults.json")) as {
    readonly objects: Readonly<Record<string, Recorded>>;
  };
  const resources = allResources();
  return Object.entries(objects).flatMap(([name, recorded]) => {
    const [apiVersion = "", resource = "", variant = ""] = name.split(" ");
    const { group, version } = parseApiVersion(apiVersion);
    const info = resources.find((one) => one.group === group && one.version === version && one.resource === resource);
    if (info === undefined) return [];
    const object = { apiVersion, kind: info.kind, ...recorded.in };
    return [{ resource: info, variant: variant.replace("#", ""), isOff: recorded.server !== "default", object }];
  });
}

/** Samples of resources with objects that stay: no reviews. */
export function storedSamples(): readonly Sample[] {
  return SAMPLES.filter(({ resource }) => resource.verbs.includes("get") && resource.verbs.includes("create"));
}

/** Where objects of a resource are, in this namespace if it has namespaces. */
export function collectionPath(resource: ResourceInfo, namespace: string): string {
  const root = resource.group === "" ? "/api/v1" : `/apis/${apiVersionOf(resource)}`;
  return resource.namespaced ? `${root}/namespaces/${namespace}/${resource.resource}` : `${root}/${resource.resource}`;
}

/** The sample as it is in another namespace than "facts", where it was recorded and which events name. */
export function movedTo(sample: Sample, namespace: string): Sample {
  const text = JSON.stringify(sample.object).replaceAll('"namespace":"facts"', `"namespace":"${namespace}"`);
  return { ...sample, object: JSON.parse(text) as Unstructured };
}

/** "apps-deployments-maxSurge": names a scenario, and its namespace once it is lower case. Of versions that are off: with the version. */
export function labelOf({ resource, variant, isOff }: Sample): string {
  const group = resource.group.split(".")[0] ?? "";
  const version = isOff ? resource.version : "";
  return [group, resource.resource, variant, version].filter((part) => part !== "").join("-");
}
