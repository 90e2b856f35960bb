import type { Pod } from "@tsukube/api/types/core-v1";
import { containersOf } from "../pods/pod-containers.ts";

/** Sysctls of the pod's own namespaces, by which it can harm no other (upstream's safe set). */
const SAFE_SYSCTLS = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);

/** Pure: what a pod demands that this node cannot give, for which it is refused rather than run without. */
export function unmetDemand(
  pod: Pod,
  { mapsUsers }: { readonly mapsUsers: boolean },
): { readonly reason: string; readonly message: string } | undefined {
  const { spec } = pod;
  if ((pod.metadata?.labels?.["kubernetes.io/os"] ?? "linux") !== "linux")
    return {
      reason: "PodOSSelectorNodeLabelDoesNotMatch",
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  if ((spec?.os?.name ?? "linux") !== "linux")
    return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  const sysctl = (spec?.securityContext?.sysctls ?? []).find(
    ({ name }) => !SAFE_SYSCTLS.has(name.replaceAll("/", ".")),
  );
  if (sysctl !== undefined)
    return { reason: "SysctlForbidden", message: `forbidden sysctl: "${sysctl.name}" not allowlisted` };
  const profiles = [spec?.securityContext, ...containersOf(pod).map(({ securityContext }) => securityContext)];
  const profile = profiles
    .map((context) => context?.appArmorProfile?.type)
    .find((type) => (type ?? "Unconfined") !== "Unconfined");
  if (profile !== undefined)
    return {
      reason: "AppArmor",
      message: `Cannot enforce AppArmor: profiles of type ${profile} are not supported on this node`,
    };
  if (spec?.hostUsers === false && !mapsUsers)
    return {
      reason: "UserNamespaces",
      message: "can't set `spec.hostUsers: false`, runtime does not support user namespaces",
    };
  const claim = spec?.resourceClaims?.[0];
  if (claim !== undefined)
    return {
      reason: "ResourceClaims",
      message: `resource claim "${claim.name}" cannot be prepared: this node has no dynamic resources`,
    };
  return undefined;
}
