import {
  ApiError,
  type FieldError,
  fieldError,
  jsonEqual,
  serviceAddressErrors,
  type Unstructured,
} from "@tsukube/api";
import type { Service, ServiceSpec } from "@tsukube/api/types/core-v1";
import { familyOf, type IpFamily, otherFamily } from "@tsukube/foundation/ip-network";
import { hasAddress } from "./former-values.ts";

const POLICY = "spec.ipFamilyPolicy";

/**
 * A Service with the families of its addresses (KEP-563). Endpoints that somebody else writes may be of both families
 * everywhere. @param families Of Services here, the primary one first. @throws {ApiError} 422.
 */
export function withFamilies(
  service: Unstructured,
  old: Service | undefined,
  families: readonly IpFamily[],
): Unstructured {
  const spec = (service as Service).spec ?? {};
  const before = old?.spec;
  if (!hasAddress(spec) || stays(spec, before)) return service;
  const isForeign = spec.clusterIP === "None" && Object.keys(spec.selector ?? {}).length === 0;
  const ipFamilyPolicy =
    spec.ipFamilyPolicy ?? before?.ipFamilyPolicy ?? (isForeign ? "RequireDualStack" : "SingleStack");
  const whole = { ...service, spec: { ...spec, ipFamilyPolicy } };
  refuse(service, serviceAddressErrors(whole, old as Unstructured | undefined));
  const single = withoutSecond(whole.spec, before);
  const { inferred, errors } = familiesOf(single, families);
  refuse(service, [...releaseErrors(whole.spec, before), ...countErrors(single), ...errors]);
  if (!isForeign) refuse(service, unknownFamilies(single, inferred, families));
  const own = inferred.length === 0 ? families.slice(0, 1) : inferred;
  const hasBoth = ipFamilyPolicy !== "SingleStack" && (isForeign || families.length === 2);
  const ipFamilies = hasBoth && own.length === 1 ? [own[0]!, otherFamily(own[0] as IpFamily)] : own;
  return { ...service, spec: { ...single, ipFamilies } };
}

/** Whoever prefers two families keeps the number that there is: it does not follow the cluster's. */
function stays(spec: ServiceSpec, before: ServiceSpec | undefined): boolean {
  const isSame = (name: "clusterIPs" | "ipFamilies"): boolean =>
    jsonEqual([...(spec[name] ?? [])], [...(before?.[name] ?? [])]);
  const isPreferred = spec.ipFamilyPolicy === "PreferDualStack" && before?.ipFamilyPolicy === "PreferDualStack";
  return isPreferred && spec.type === before?.type && isSame("clusterIPs") && isSame("ipFamilies");
}

/** @throws {ApiError} */
function refuse({ metadata }: Unstructured, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw ApiError.invalid({ group: "", kind: "Service" }, metadata?.name ?? "", errors);
}

/** Who goes back to one family lets the second address and family go, unless they were changed as well. */
function withoutSecond(spec: ServiceSpec, before: ServiceSpec | undefined): ServiceSpec {
  if (before === undefined || spec.ipFamilyPolicy !== "SingleStack") return spec;
  const first = (name: "clusterIPs" | "ipFamilies"): readonly string[] | undefined => {
    const list = spec[name] ?? [];
    return list.length > 1 && list.join() === (before[name] ?? []).join() ? list.slice(0, 1) : undefined;
  };
  const [clusterIPs, ipFamilies] = [first("clusterIPs"), first("ipFamilies")];
  return { ...spec, ...(clusterIPs && { clusterIPs }), ...(ipFamilies && { ipFamilies: ipFamilies as never }) };
}

function releaseErrors({ clusterIPs, ipFamilies, ipFamilyPolicy }: ServiceSpec, before: ServiceSpec | undefined) {
  if (before === undefined || ipFamilyPolicy === "SingleStack") return [];
  const isReduced = (now: readonly string[] | undefined, was: readonly string[] | undefined): boolean =>
    (now ?? []).length === 1 && (was ?? []).length === 2;
  const error = (what: string): FieldError =>
    fieldError.invalid(POLICY, ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`);
  return [
    ...(isReduced(clusterIPs, before.clusterIPs) ? [error("cluster IP")] : []),
    ...(isReduced(ipFamilies, before.ipFamilies) ? [error("IP family")] : []),
  ];
}

function countErrors({ clusterIPs, ipFamilies, ipFamilyPolicy }: ServiceSpec): FieldError[] {
  if (ipFamilyPolicy !== "SingleStack") return [];
  const error = (what: string): FieldError =>
    fieldError.invalid(
      POLICY,
      ipFamilyPolicy,
      `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`,
    );
  return [
    ...((clusterIPs ?? []).length === 2 ? [error("cluster IPs")] : []),
    ...((ipFamilies ?? []).length === 2 ? [error("IP families")] : []),
  ];
}

/** Families follow from addresses that are given. */
function familiesOf(
  { clusterIPs = [], ipFamilies = [] }: ServiceSpec,
  known: readonly IpFamily[],
): { readonly inferred: readonly string[]; readonly errors: readonly FieldError[] } {
  const more = clusterIPs[0] === "None" ? [] : clusterIPs.slice(ipFamilies.length).map((address) => familyOf(address)!);
  const errors = more.flatMap((family, index) => {
    const at = `spec.clusterIPs[${ipFamilies.length + index}]`;
    const why = `${family} is not configured on this cluster`;
    return known.includes(family) ? [] : [fieldError.invalid(at, clusterIPs, why)];
  });
  return { inferred: [...ipFamilies, ...more], errors };
}

function unknownFamilies(
  { ipFamilyPolicy }: ServiceSpec,
  families: readonly string[],
  known: readonly string[],
): FieldError[] {
  const why = "this cluster is not configured for dual-stack services";
  const isDemanded = ipFamilyPolicy === "RequireDualStack" && known.length < 2;
  return [
    ...(isDemanded ? [fieldError.invalid(POLICY, ipFamilyPolicy, why)] : []),
    ...families.flatMap((family, index) =>
      known.includes(family)
        ? []
        : [fieldError.invalid(`spec.ipFamilies[${index}]`, family, "not configured on this cluster")],
    ),
  ];
}
