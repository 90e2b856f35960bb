import { apiVersionOf, type GroupVersionKind } from "@tsukube/api";
import type { Deprecation } from "./definition.ts";

/** Minor versions of Kubernetes 1: since when a version is deprecated, and from when on it is gone. */
interface Lifetime {
  readonly since: number;
  readonly until: number;
  /** The version that takes its place. */
  readonly use?: string;
}

/** By version, or by version and kind where kinds of it differ. */
const DEPRECATIONS: Readonly<Record<string, Lifetime>> = {
  "admissionregistration.k8s.io/v1alpha1": { since: 35, until: 38 },
  "admissionregistration.k8s.io/v1beta1": { since: 37, until: 40, use: "admissionregistration.k8s.io/v1" },
  "certificates.k8s.io/v1beta1": { since: 37, until: 40, use: "certificates.k8s.io/v1" },
  "coordination.k8s.io/v1alpha2": { since: 35, until: 38 },
  "coordination.k8s.io/v1beta1": { since: 36, until: 39 },
  "resource.k8s.io/v1alpha3 DeviceTaintRule": { since: 36, until: 39 },
  "resource.k8s.io/v1beta1": { since: 35, until: 38 },
  "resource.k8s.io/v1beta2 DeviceClass": { since: 36, until: 39 },
  "resource.k8s.io/v1beta2 ResourceClaim": { since: 36, until: 39 },
  "resource.k8s.io/v1beta2 ResourceClaimTemplate": { since: 36, until: 39 },
  "resource.k8s.io/v1beta2 ResourceSlice": { since: 36, until: 39 },
  "storagemigration.k8s.io/v1beta1": { since: 37, until: 40, use: "storagemigration.k8s.io/v1" },
};

/** Of a version that is on its way out; undefined: it is not. */
export function deprecationOf(gvk: GroupVersionKind): Deprecation | undefined {
  const version = apiVersionOf(gvk);
  if (version === "v1" && gvk.kind === "Endpoints")
    return { warning: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice", removed: "" };
  const found = DEPRECATIONS[`${version} ${gvk.kind}`] ?? DEPRECATIONS[version];
  if (found === undefined) return undefined;
  const { since, until, use } = found;
  const instead = use === undefined ? "" : `; use ${use} ${gvk.kind}`;
  const warning = `${version} ${gvk.kind} is deprecated in v1.${since}+, unavailable in v1.${until}+${instead}`;
  return { warning, removed: `1.${until}` };
}
