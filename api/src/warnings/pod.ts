import type { Affinity, Container, ContainerPort, Pod, PodSpec, Volume } from "../../generated/types/core-v1.ts";
import type { ObjectMeta } from "../../generated/types/meta-v1.ts";
import { addressWarnings } from "./addresses.ts";
import { byteFractions } from "./byte-fractions.ts";
import { nodeTermWarnings, OLD_NODE_LABELS } from "./node-labels.ts";
import { OLD_VOLUMES } from "./old-volumes.ts";
import { claimSpecWarnings } from "./storage.ts";
import { MOST_OVERLAPS, pathWarnings } from "./volume-paths.ts";

const OLD_ANNOTATIONS: Readonly<Record<string, string>> = {
  "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
  "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
  "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};

/**
 * What is accepted in a pod or template but probably not meant, as upstream words it.
 * @param at Path of the template, such as "spec.template"; "" for a pod.
 */
export function podWarnings(pod: { readonly metadata?: ObjectMeta; readonly spec?: PodSpec }, at: string): string[] {
  const spec: Partial<PodSpec> = pod.spec ?? {};
  const here = at === "" ? "" : `${at}.`;
  const containers = containersOf(spec, `${here}spec`);
  return [
    ...nodeLabelWarnings(spec, `${here}spec`),
    ...annotationWarnings(pod, here),
    ...volumeWarnings(spec.volumes ?? [], `${here}spec.volumes`),
    ...pathWarnings(spec.volumes ?? []),
    ...duplicates(spec.hostAliases ?? [], `${here}spec.hostAliases`, "ip"),
    ...duplicates(spec.imagePullSecrets ?? [], `${here}spec.imagePullSecrets`, "name"),
    ...(spec.imagePullSecrets ?? []).flatMap(({ name = "" }, index) =>
      name === "" ? [`${here}spec.imagePullSecrets[${index}].name: invalid empty name ""`] : [],
    ),
    ...byteFractions(spec.overhead, `${here}spec.overhead`),
    ...seccompWarnings(pod, here),
    ...containers.flatMap(([container, path]) => containerWarnings(container, pod, path, here)),
    ...portWarnings(containers),
    ...(Number(spec.terminationGracePeriodSeconds ?? 0) < 0 ? [`${here}spec.${ENDLESS}`] : []),
    ...affinityWarnings(spec.affinity ?? undefined, `${here}spec.affinity`),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((address, index) =>
      addressWarnings(address, `${here}spec.dnsConfig.nameservers[${index}]`),
    ),
    ...(spec.hostAliases ?? []).flatMap(({ ip }, index) => addressWarnings(ip, `${here}spec.hostAliases[${index}].ip`)),
  ];
}

const ENDLESS = "terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1";

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
        [term, `${base}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`, false] as const,
    ),
    ...(soft.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ preference }, index) =>
        [preference, `${base}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`, true] as const,
    ),
  ];
  const expressions = terms.flatMap(([term, path, isPreferred]) => nodeTermWarnings(term, path, isPreferred));
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

type Annotated = Pick<Pod, "metadata" | "spec">;

function annotationWarnings({ metadata }: Annotated, here: string): string[] {
  const annotations = metadata?.annotations ?? {};
  return Object.entries(OLD_ANNOTATIONS)
    .filter(([key]) => annotations[key] !== undefined)
    .map(([key, why]) => `${here}metadata.annotations[${key}]: ${why}`);
}

const SECCOMP = 'non-functional in v1.27+; use the "seccompProfile" field instead';

function seccompWarnings({ metadata, spec }: Annotated, here: string): string[] {
  const key = "seccomp.security.alpha.kubernetes.io/pod";
  const isOld = metadata?.annotations?.[key] !== undefined && !spec?.securityContext?.seccompProfile;
  return isOld ? [`${here}metadata.annotations[${key}]: ${SECCOMP}`] : [];
}

/** Annotations that stand for fields of one container. Of a pod's own AppArmor profiles is told when they become fields. */
function profileWarnings(container: Container, { metadata, spec }: Annotated, here: string): string[] {
  const annotations = metadata?.annotations ?? {};
  const warnings: string[] = [];
  const seccomp = `container.seccomp.security.alpha.kubernetes.io/${container.name}`;
  if (annotations[seccomp] !== undefined && !container.securityContext?.seccompProfile)
    warnings.push(`${here}metadata.annotations[${seccomp}]: ${SECCOMP}`);
  const appArmor = `container.apparmor.security.beta.kubernetes.io/${container.name}`;
  const profile = annotations[appArmor];
  const isSaid = here === "" || container.securityContext?.appArmorProfile || isProfile(profile, spec);
  if (profile !== undefined && !isSaid)
    warnings.push(
      `${here}metadata.annotations[${appArmor}]: deprecated since v1.30; use the "appArmorProfile" field instead`,
    );
  return warnings;
}

/** True if the pod's own profile is the one that an annotation names. */
function isProfile(annotation: string | undefined, spec: PodSpec | undefined): boolean {
  const { type, localhostProfile } = spec?.securityContext?.appArmorProfile ?? {};
  if (type === "Localhost") return annotation === `localhost/${localhostProfile}`;
  return type !== undefined && annotation === { Unconfined: "unconfined", RuntimeDefault: "runtime/default" }[type];
}

function volumeWarnings(volumes: readonly Volume[], at: string): string[] {
  return volumes.flatMap((volume, index) => {
    const here = `${at}[${index}]`;
    return OLD_VOLUMES.flatMap(([source, why]) => {
      const own = volume[source] ? [`${here}.${source === "storageos" ? "storageOS" : source}: ${why}`] : [];
      if (source !== "glusterfs") return own;
      const claim = volume.ephemeral?.volumeClaimTemplate?.spec;
      return [...own, ...claimSpecWarnings(claim, `${here}.ephemeral.volumeClaimTemplate.spec`)];
    });
  });
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

function containerWarnings(container: Container, pod: Annotated, at: string, here: string): string[] {
  const { limits, requests } = container.resources ?? {};
  return [
    ...profileWarnings(container, pod, here),
    ...["memory", "ephemeral-storage"].flatMap((name) => [
      ...byteFractions(limits, `${at}.resources.limits`, [name]),
      ...byteFractions(requests, `${at}.resources.requests`, [name]),
    ]),
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
  const earlier = new EarlierPorts();
  let told = 0;
  all.forEach(([port, at], index) => {
    if (port.hostIP && !port.hostPort) warnings.push(`${at}: hostIP set without hostPort: ${shownPort(port)}`);
    if (told >= MOST_OVERLAPS) return;
    for (const one of earlier.meeting(port).slice(0, MOST_OVERLAPS - told)) {
      const [other, where] = all[one]!;
      warnings.push(`${at}: ${overlap(port, other)} port definition with ${where}`);
      told += 1;
    }
    earlier.add(port, index);
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

/** As Go prints a struct. */
function shownPort({ name = "", hostPort, containerPort, protocol = "TCP", hostIP = "" }: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort ?? 0} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
}

/** How two ports meet that do. */
function overlap(a: ContainerPort, b: ContainerPort): "duplicate" | "overlapping" | "dangerously ambiguous" {
  const [aPort, bPort] = [a.hostPort ?? 0, b.hostPort ?? 0];
  if ((a.hostIP ?? "") === (b.hostIP ?? "") && aPort === bPort) return "duplicate";
  return aPort === 0 || bPort === 0 ? "overlapping" : "dangerously ambiguous";
}

/** Ports by what they meet others in: the port of the container, and of the host, where both name one. */
class EarlierPorts {
  readonly #indexes = new Map<string, number[]>();

  add(port: ContainerPort, index: number): void {
    const { inside, onHost, address } = keysOf(port);
    for (const key of [inside, onHost, address]) {
      const held = this.#indexes.get(key);
      if (held === undefined) this.#indexes.set(key, [index]);
      else held.push(index);
    }
  }

  /** Indexes of those that `port` meets, in order. */
  meeting(port: ContainerPort): readonly number[] {
    const { inside, onHost, address } = keysOf(port);
    const of = (key: string): readonly number[] => this.#indexes.get(key) ?? [];
    if (!port.hostPort) return of(inside);
    const same = port.hostIP ? [...of(address), ...of(`${onHost}/`)] : of(onHost);
    return [...of(`${inside}/0`), ...same].sort((a, b) => a - b);
  }
}

function keysOf({ containerPort, protocol = "TCP", hostPort, hostIP }: ContainerPort) {
  const inside = `${containerPort}/${protocol}`;
  const onHost = `${inside}/${hostPort ?? 0}`;
  return { inside, onHost, address: `${onHost}/${hostIP ?? ""}` };
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
