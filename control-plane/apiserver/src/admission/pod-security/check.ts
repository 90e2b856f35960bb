import type { Container, PodSpec, SecurityContext } from "@tsukube/api/types/core-v1";
import type { ObjectMeta } from "@tsukube/api/types/meta-v1";

/** A pod, or the template of one. */
export interface PodLike {
  readonly metadata?: ObjectMeta;
  readonly spec?: PodSpec;
}

/** What a pod must not have: `privileged (container "c" must not set securityContext.privileged=true)`. */
export interface Finding {
  readonly reason: string;
  readonly detail: string;
}

/** @param version Minor version of the policy, Infinity for the latest. */
export type Check = (pod: PodLike, version: number) => Finding | undefined;

/** A check as the Pod Security Standards list them. */
export interface NamedCheck {
  readonly id: string;
  /** First minor version of the policy that has it. */
  readonly since: number;
  readonly check: Check;
  /** Check of the baseline that this one includes. */
  readonly replaces?: string;
}

/** Init containers first, ephemeral ones last: the order of names in messages. */
export function containersOf({ spec }: PodLike): readonly Container[] {
  const ephemeral = (spec?.ephemeralContainers ?? []) as readonly Container[];
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...ephemeral];
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return count === 1 ? one : many;
}

/** `"a", "b"`. */
export function quoted(values: Iterable<string>): string {
  return [...values].map((value) => `"${value}"`).join(", ");
}

export function sorted(values: Iterable<string>): readonly string[] {
  return [...new Set(values)].sort();
}

/** `container "a"` or `containers "a", "b"`. */
export function named(containers: readonly Container[]): string {
  return `${plural(containers.length, "container")} ${quoted(containers.map(({ name }) => name))}`;
}

type Context = Pick<SecurityContext, "seccompProfile" | "appArmorProfile" | "seLinuxOptions" | "windowsOptions"> & {
  readonly runAsUser?: number | null;
  readonly runAsNonRoot?: boolean | null;
};

/** Who sets something bad in a security context: "pod", the containers, joined by " and "; "" for nobody. */
export function settersOf(pod: PodLike, isBad: (context: Context) => boolean): string {
  const containers = containersOf(pod).filter(({ securityContext }) => securityContext && isBad(securityContext));
  const own = pod.spec?.securityContext;
  return [...(own && isBad(own) ? ["pod"] : []), ...(containers.length > 0 ? [named(containers)] : [])].join(" and ");
}

/** The security contexts of the pod and of its containers. */
export function contextsOf(pod: PodLike): readonly Context[] {
  const all = [pod.spec?.securityContext, ...containersOf(pod).map(({ securityContext }) => securityContext)];
  return all.filter((context) => context !== undefined && context !== null);
}

/** Root within is nobody outside (KEP-127). */
export function hasOwnUsers({ spec }: PodLike): boolean {
  return spec?.hostUsers === false;
}

export function isWindows({ spec }: PodLike): boolean {
  return spec?.os?.name === "windows";
}
