import type { Unstructured } from "../object.ts";

type Tree = Readonly<Record<string, unknown>>;
type Complete = (object: Unstructured) => Unstructured;

const NONE: readonly (readonly [string, Complete])[] = [];

/** By "<group>/<Kind>": gates, and what is filled in while they are on. */
const DEFAULTS: Readonly<Record<string, readonly (readonly [string, Complete])[]>> = {
  "/Pod": [["H2CContainerProbe", withHttpVersions]],
  "scheduling.k8s.io/CompositePodGroup": [["PodGroupPreemptionPolicy", withPreemptionPolicy]],
  "scheduling.k8s.io/PodGroup": [["PodGroupPreemptionPolicy", withPreemptionPolicy]],
};

/** @param kind "<group>/<Kind>". */
export function gatedDefaultsOf(kind: string): readonly (readonly [string, Complete])[] {
  return DEFAULTS[kind] ?? NONE;
}

function withPreemptionPolicy(group: Unstructured): Unstructured {
  const spec = (group["spec"] ?? {}) as Tree;
  return (spec["preemptionPolicy"] ?? undefined) === undefined
    ? { ...group, spec: { ...spec, preemptionPolicy: "PreemptLowerPriority" } }
    : group;
}

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"];
const HOOKS = ["postStart", "preStop"];

/** Probes and hooks of a pod (of its template they are not) say which HTTP they speak. */
function withHttpVersions(pod: Unstructured): Unstructured {
  let spec = (pod["spec"] ?? {}) as Tree;
  for (const list of ["containers", "initContainers", "ephemeralContainers"])
    if (Array.isArray(spec[list])) spec = { ...spec, [list]: spec[list].map(withContainerHttp) };
  return { ...pod, spec };
}

function withContainerHttp(container: Tree): Tree {
  const next = PROBES.reduce(withHttp, container);
  const lifecycle = next["lifecycle"] as Tree | undefined | null;
  return lifecycle ? { ...next, lifecycle: HOOKS.reduce(withHttp, lifecycle) } : next;
}

function withHttp(parent: Tree, name: string): Tree {
  const handler = parent[name] as (Tree & { readonly httpGet?: Tree | null }) | undefined | null;
  if (!handler?.httpGet) return parent;
  return {
    ...parent,
    [name]: { ...handler, httpGet: { ...handler.httpGet, protocol: handler.httpGet["protocol"] ?? "HTTP1" } },
  };
}
