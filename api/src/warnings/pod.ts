import type {
  Affinity,
  Container,
  ContainerPort,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Volume,
} from "../../generated/types/core-v1.ts";
import type { ObjectMeta } from "../../generated/types/meta-v1.ts";
import { quantityMilliValue } from "../quantity.ts";

/** Labels of nodes that have a newer name. */
const OLD_NODE_LABELS: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region": 'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
  "app.kubernetes.io/created-by": "deprecated since v1.9",
  "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
  "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
};

const OLD_ANNOTATIONS: Readonly<Record<string, string>> = {
  "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
  "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
  "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};

/** Volumes of plugins that are gone or going. */
export const OLD_VOLUMES: readonly (readonly [keyof Volume, string])[] = [
  ["photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"],
  ["gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"],
  ["scaleIO", "deprecated in v1.16, non-functional in v1.22+"],
  ["flocker", "deprecated in v1.22, non-functional in v1.25+"],
  ["storageos", "deprecated in v1.22, non-functional in v1.25+"],
  ["quobyte", "deprecated in v1.22, non-functional in v1.25+"],
  ["glusterfs", "deprecated in v1.25, non-functional in v1.26+"],
  ["cephfs", "deprecated in v1.28, non-functional in v1.31+"],
  ["rbd", "deprecated in v1.28, non-functional in v1.31+"],
];

/**
 * What is accepted in a pod or template but probably not meant, as upstream words it.
 * @param at Path of the template, such as "spec.template"; "" for a pod.
 */
export function podWarnings(pod: { readonly metadata?: ObjectMeta; readonly spec?: PodSpec }, at: string): string[] {
  const spec: Partial<PodSpec> = pod.spec ?? {};
  const here = at === "" ? "" : `${at}.`;
  return [
    ...nodeLabelWarnings(spec, `${here}spec`),
    ...annotationWarnings(pod, here),
    ...volumeWarnings(spec.volumes ?? [], `${here}spec.volumes`),
    ...duplicates(spec.hostAliases ?? [], `${here}spec.hostAliases`, "ip"),
    ...duplicates(spec.imagePullSecrets ?? [], `${here}spec.imagePullSecrets`, "name"),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name = "" }, index) =>
      name === "" ? [`${here}spec.imagePullSecrets[${index}].name: invalid empty name ""`] : [],
    ),
    ...fractions(spec.overhead, `${here}spec.overhead`),
    ...containersOf(spec, `${here}spec`).flatMap(([container, path]) => containerWarnings(container, path)),
    ...portWarnings(containersOf(spec, `${here}spec`)),
    ...(Number(spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [
          `${here}spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
        ]
      : []),
    ...affinityWarnings(spec.affinity ?? undefined, `${here}spec.affinity`),
  ];
}

type Placed = readonly [Container, string];

function containersOf(spec: Partial<PodSpec>, at: string): readonly Placed[] {
  const of = (member: "initContainers" | "containers" | "ephemeralContainers"): Placed[] =>
    ((spec[member] ?? []) as readonly Container[]).map((container, index) => [container, `${at}.${member}[${index}]`]);
  return [...of("initContainers"), ...of("containers"), ...of("ephemeralContainers")];
}

function nodeLabelWarnings(spec: Partial<PodSpec>, at: string): string[] {
  const selector = Object.keys(spec.nodeSelector ?? {}).flatMap((key) =>
    OLD_NODE_LABELS[key] === undefined ? [] : [`${at}.nodeSelector[${key}]: ${OLD_NODE_LABELS[key]}`],
  );
  const { requiredDuringSchedulingIgnoredDuringExecution: required, ...soft } = spec.affinity?.nodeAffinity ?? {};
  const base = `${at}.affinity.nodeAffinity`;
  const terms = [
    ...(required?.nodeSelectorTerms ?? []).map(
      (term, index) =>
        [term, `${base}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`] as const,
    ),
    ...(soft.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ preference }, index) =>
        [preference, `${base}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`] as const,
    ),
  ];
  const expressions = terms.flatMap(([term, path]) => nodeTermWarnings(term, path));
  const spreads = (spec.topologySpreadConstraints ?? []).flatMap(({ topologyKey, labelSelector }, index) => {
    const path = `${at}.topologySpreadConstraints[${index}]`;
    const old = OLD_NODE_LABELS[topologyKey];
    return [
      ...(old === undefined ? [] : [`${path}.topologyKey: ${topologyKey} is ${old}`]),
      ...(labelSelector ? [] : [`${path}.labelSelector: a null labelSelector results in matching no pod`]),
    ];
  });
  return [...selector, ...expressions, ...spreads];
}

/** Old labels in a term that selects nodes. */
export function nodeTermWarnings(term: NodeSelectorTerm, at: string): string[] {
  return (term.matchExpressions ?? []).flatMap(({ key }, index) =>
    OLD_NODE_LABELS[key] === undefined
      ? []
      : [`${at}.matchExpressions[${index}].key: ${key} is ${OLD_NODE_LABELS[key]}`],
  );
}

function annotationWarnings({ metadata, spec }: Pick<Pod, "metadata" | "spec">, here: string): string[] {
  const annotations = metadata?.annotations ?? {};
  const old = Object.entries(OLD_ANNOTATIONS).filter(([key]) => annotations[key] !== undefined);
  const seccomp = "seccomp.security.alpha.kubernetes.io/pod";
  if (annotations[seccomp] !== undefined && !spec?.securityContext?.seccompProfile)
    old.push([seccomp, 'non-functional in v1.27+; use the "seccompProfile" field instead']);
  return old.map(([key, why]) => `${here}metadata.annotations[${key}]: ${why}`);
}

function volumeWarnings(volumes: readonly Volume[], at: string): string[] {
  return volumes.flatMap((volume, index) =>
    OLD_VOLUMES.flatMap(([source, why]) =>
      volume[source] ? [`${at}[${index}].${source === "storageos" ? "storageOS" : source}: ${why}`] : [],
    ),
  );
}

function duplicates<K extends string>(items: readonly { readonly [key in K]?: string }[], at: string, member: K) {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const value = item[member] ?? "";
    if (seen.has(value)) return [`${at}[${index}].${member}: duplicate ${member} "${value}"`];
    seen.add(value);
    return [];
  });
}

/** Parts of a byte. */
function fractions(amounts: Readonly<Record<string, string>> | undefined | null, at: string): string[] {
  return ["memory", "ephemeral-storage"].flatMap((name) => {
    const amount = amounts?.[name];
    if (amount === undefined || quantityMilliValue(amount) % 1000 === 0) return [];
    return [`${at}[${name}]: fractional byte value "${amount}" is invalid, must be an integer`];
  });
}

function containerWarnings(container: Container, at: string): string[] {
  return [
    ...fractions(container.resources?.limits, `${at}.resources.limits`),
    ...fractions(container.resources?.requests, `${at}.resources.requests`),
    ...environmentWarnings(container, at),
  ];
}

/** A variable may build on an earlier one of its name, but not hide it. */
function environmentWarnings({ env = [] }: Container, at: string): string[] {
  const seen = new Set<string>();
  return env.flatMap(({ name, value = "", valueFrom }, index) => {
    const own = `$(${name})`;
    const hides = seen.has(name) && (Boolean(valueFrom) || value === own || !value.includes(own));
    seen.add(name);
    if (!hides) return [];
    return [`${at}.env[${index}]: hides previous definition of "${name}", which may be dropped when using apply`];
  });
}

function portWarnings(containers: readonly Placed[]): string[] {
  const warnings: string[] = [];
  const all = containers.flatMap(([{ ports = [] }, at]) =>
    ports.map((port, index) => [port, `${at}.ports[${index}]`] as const),
  );
  const byName = new Map<string, string>();
  all.forEach(([port, at], index) => {
    for (const [other, where] of all.slice(0, index)) {
      const how = overlap(port, other);
      if (how !== "") warnings.push(`${at}: ${how} port definition with ${where}`);
    }
  });
  for (const [{ name = "" }, at] of all) {
    const first = byName.get(name);
    if (name !== "" && first !== undefined)
      warnings.push(
        `${at}: duplicate port name "${name}" with ${first}, services and probes that select ports by name will use ${first}`,
      );
    else byName.set(name, at);
  }
  return warnings;
}

function overlap(a: ContainerPort, b: ContainerPort): "" | "duplicate" | "overlapping" | "dangerously ambiguous" {
  if (a.containerPort !== b.containerPort || (a.protocol ?? "TCP") !== (b.protocol ?? "TCP")) return "";
  const [aIp, bIp, aPort, bPort] = [a.hostIP ?? "", b.hostIP ?? "", a.hostPort ?? 0, b.hostPort ?? 0];
  if (aIp === bIp && aPort === bPort) return "duplicate";
  if (aPort === 0 || bPort === 0) return "overlapping";
  return aPort === bPort && (aIp === "") !== (bIp === "") ? "dangerously ambiguous" : "";
}

function affinityWarnings(affinity: Affinity | undefined, at: string): string[] {
  return (["podAffinity", "podAntiAffinity"] as const).flatMap((member) => {
    const {
      requiredDuringSchedulingIgnoredDuringExecution: hard,
      preferredDuringSchedulingIgnoredDuringExecution: soft,
    } = affinity?.[member] ?? {};
    const none = "labelSelector: a null labelSelector results in matching no pod";
    return [
      ...(hard ?? []).flatMap((term, index) =>
        term.labelSelector ? [] : [`${at}.${member}.requiredDuringSchedulingIgnoredDuringExecution[${index}].${none}`],
      ),
      ...(soft ?? []).flatMap(({ podAffinityTerm }, index) =>
        podAffinityTerm.labelSelector
          ? []
          : [`${at}.${member}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm.${none}`],
      ),
    ];
  });
}
