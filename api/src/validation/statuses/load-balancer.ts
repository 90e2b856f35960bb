import { isIP } from "@tsukube/foundation/ip-address";
import type { Unstructured } from "../../object.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { element, listOf, member, valueAt } from "../check.ts";
import type { UpdateCheck } from "../kind-rules.ts";
import { dnsSubdomain, ipAddress } from "../names.ts";

const AT = "status.loadBalancer.ingress";
const MODES = ["Proxy", "VIP"];

/** A Service is reached through a load balancer only where it has one. */
export const serviceStatus: UpdateCheck = (next, old) => {
  const ingress = listOf(valueAt(next, AT));
  if (ingress.length > 0 && valueAt(next, "spec.type") !== "LoadBalancer")
    return [fieldError.forbidden(AT, "may only be used when `spec.type` is 'LoadBalancer'")];
  return ingress.flatMap((entry, index) => {
    const at = element(AT, index);
    return [...addressErrors(entry, at, old), ...modeErrors(entry, at), ...hostErrors(entry, at)];
  });
};

export const ingressStatus: UpdateCheck = (next, old) =>
  listOf(valueAt(next, AT)).flatMap((entry, index) => {
    const at = element(AT, index);
    return [...addressErrors(entry, at, old), ...hostErrors(entry, at)];
  });

function addressErrors(entry: unknown, at: string, old: Unstructured): readonly FieldError[] {
  const address = String(member(entry, "ip") ?? "");
  const isKept = listOf(valueAt(old, AT)).some((before) => member(before, "ip") === address);
  if (address === "" || isKept) return [];
  return ipAddress(address).map((problem) => fieldError.invalid(`${at}.ip`, address, problem));
}

function modeErrors(entry: unknown, at: string): readonly FieldError[] {
  const [mode, hasAddress] = [member(entry, "ipMode"), (member(entry, "ip") ?? "") !== ""];
  const here = `${at}.ipMode`;
  if (mode === undefined) return hasAddress ? [fieldError.required(here, "must be specified when `ip` is set")] : [];
  if (!hasAddress) return [fieldError.forbidden(here, "may not be specified when `ip` is not set")];
  return MODES.includes(String(mode)) ? [] : [fieldError.notSupported(here, mode, MODES)];
}

function hostErrors(entry: unknown, at: string): readonly FieldError[] {
  const host = String(member(entry, "hostname") ?? "");
  if (host === "") return [];
  const problems = [...dnsSubdomain(host), ...(isIP(host) === 0 ? [] : ["must be a DNS name, not an IP address"])];
  return problems.map((problem) => fieldError.invalid(`${at}.hostname`, host, problem));
}
