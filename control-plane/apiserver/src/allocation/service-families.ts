import { ApiError, type FieldError, fieldError, serviceAddressErrors, type Unstructured } from "@tsukube/api";
import type { Service, ServiceSpec } from "@tsukube/api/types/core-v1";
import { hasAddress } from "./former-values.ts";

const POLICY = "spec.ipFamilyPolicy";

/**
 * A Service with the families of its addresses, in a cluster whose addresses are IPv4 only. Endpoints that somebody else
 * writes may be of both families. @throws {ApiError} 422.
 */
export function withFamilies(service: Unstructured, old: Unstructured | undefined): Unstructured {
  const spec = (service as Service).spec ?? {};
  if (!hasAddress(spec)) return service;
  const isForeign = spec.clusterIP === "None" && Object.keys(spec.selector ?? {}).length === 0;
  const before = (old as Service | undefined)?.spec;
  const ipFamilyPolicy =
    spec.ipFamilyPolicy ?? before?.ipFamilyPolicy ?? (isForeign ? "RequireDualStack" : "SingleStack");
  const whole = { ...service, spec: { ...spec, ipFamilyPolicy } };
  refuse(service, serviceAddressErrors(whole, old));
  const single = withoutSecond(whole.spec, before);
  refuse(service, [...releaseErrors(whole.spec, before), ...countErrors(single)]);
  const ipFamilies = familiesOf(service, single);
  if (isForeign) return { ...service, spec: { ...single, ipFamilies: bothFamilies(ipFamilies, ipFamilyPolicy) } };
  refuse(service, unknownFamilies(single, ipFamilies));
  return { ...service, spec: { ...single, ipFamilies: ipFamilies.length === 0 ? ["IPv4"] : ipFamilies } };
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

/** Families follow from addresses that are given. @throws {ApiError} 422. */
function familiesOf(service: Unstructured, { clusterIPs = [], ipFamilies }: ServiceSpec): readonly string[] {
  const families: string[] = [...(ipFamilies ?? [])];
  const errors: FieldError[] = [];
  if (clusterIPs[0] === "None") return families;
  clusterIPs.forEach((address, index) => {
    if (index < families.length) return;
    if (!address.includes(":")) families.push("IPv4");
    else
      errors.push(
        fieldError.invalid(`spec.clusterIPs[${index}]`, clusterIPs, "IPv6 is not configured on this cluster"),
      );
  });
  refuse(service, errors);
  return families;
}

function bothFamilies(families: readonly string[], policy: string): readonly string[] {
  const own = families.length === 0 ? ["IPv4"] : families;
  if (own.length > 1 || policy === "SingleStack") return own;
  return [...own, own[0] === "IPv4" ? "IPv6" : "IPv4"];
}

function unknownFamilies({ ipFamilyPolicy }: ServiceSpec, families: readonly string[]): FieldError[] {
  const why = "this cluster is not configured for dual-stack services";
  return [
    ...(ipFamilyPolicy === "RequireDualStack" ? [fieldError.invalid(POLICY, ipFamilyPolicy, why)] : []),
    ...families.flatMap((family, index) =>
      family === "IPv4"
        ? []
        : [fieldError.invalid(`spec.ipFamilies[${index}]`, family, "not configured on this cluster")],
    ),
  ];
}
