import { isIP } from "@tsukube/foundation/ip-address";
import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { element, exactlyOneOf, isUnset, listOf, optional, run, valueAt } from "../check.ts";
import type { UpdateCheck } from "../kind-rules.ts";
import { ipAddress } from "../names.ts";

const ADDRESSES = "spec.clusterIPs";
const FAMILIES = "spec.ipFamilies";
const POLICY = "spec.ipFamilyPolicy";
const FIXED = "may not change once set";

/** True for a Service whose only address is "None". */
export function isHeadless(service: Unstructured): boolean {
  return jsonEqual(addressesOf(service) as never, ["None"]);
}

const addressesOf = (service: Unstructured): readonly unknown[] => listOf(valueAt(service, ADDRESSES));
const familiesOf = (service: Unstructured): readonly unknown[] => listOf(valueAt(service, FAMILIES));
const isNamed = (service: Unstructured): boolean => valueAt(service, "spec.type") === "ExternalName";

/** What is wrong with the addresses and families of a Service. @param old What it had may stay. */
export function serviceAddressErrors(service: Unstructured, old: Unstructured | undefined): readonly FieldError[] {
  if (isNamed(service)) return [];
  const errors = [...singleErrors(service), ...familyErrors(service)];
  const addresses = addressesOf(service);
  const wrong = eachAddress(addresses, old === undefined ? [] : addressesOf(old));
  errors.push(...wrong);
  if (addresses.length > 2) errors.push(fieldError.invalid(ADDRESSES, addresses, "may only hold up to 2 values"));
  return wrong.length > 0 ? errors : [...errors, ...stackErrors(service)];
}

/** `clusterIP` is the first of `clusterIPs`. */
function singleErrors(service: Unstructured): FieldError[] {
  const [single, list] = [valueAt(service, "spec.clusterIP"), addressesOf(service)];
  if (isUnset(single)) {
    const why = "must be empty when `clusterIP` is not specified";
    return list.length === 0 ? [] : [fieldError.invalid(ADDRESSES, list, why)];
  }
  if (list.length === 0) return [fieldError.required(ADDRESSES)];
  return list[0] === single ? [] : [fieldError.invalid(ADDRESSES, list, "first value must match `clusterIP`")];
}

function familyErrors(service: Unstructured): FieldError[] {
  const families = familiesOf(service);
  const errors = families.flatMap((family, index) => {
    const at = element(FAMILIES, index);
    const unknown =
      family === "IPv4" || family === "IPv6" ? [] : [fieldError.notSupported(at, family, ["IPv4", "IPv6"])];
    return families.indexOf(family) < index ? [...unknown, fieldError.duplicate(at, family)] : unknown;
  });
  const policies = optional(exactlyOneOf("PreferDualStack", "RequireDualStack", "SingleStack"));
  return [...errors, ...run(policies, valueAt(service, POLICY), POLICY)];
}

function eachAddress(addresses: readonly unknown[], kept: readonly unknown[]): FieldError[] {
  return addresses.flatMap((address, index) => {
    if (index === 0 && address === "None") {
      const why = "'None' must be the first and only value";
      return addresses.length > 1 ? [fieldError.invalid(ADDRESSES, addresses, why)] : [];
    }
    if (kept.includes(address)) return [];
    return ipAddress(String(address)).map((why) => fieldError.invalid(element(ADDRESSES, index), address, why));
  });
}

/** At most one address of each family, and each of the family that stands at its place. */
function stackErrors(service: Unstructured): FieldError[] {
  const [addresses, families] = [addressesOf(service), familiesOf(service)];
  const kinds = addresses.map((address) => isIP(String(address)));
  const errors: FieldError[] = [];
  if (addresses.length > 1 && new Set(kinds).size < 2)
    errors.push(fieldError.invalid(ADDRESSES, addresses, "may specify no more than one IP for each IP family"));
  if (isHeadless(service)) return errors;
  addresses.slice(0, families.length).forEach((address, index) => {
    const wanted = families[index] === "IPv4" ? 4 : families[index] === "IPv6" ? 6 : kinds[index];
    if ((wanted === 6) === (kinds[index] === 6)) return;
    const why = `expected an ${String(families[index])} value as indicated by \`ipFamilies[${index}]\``;
    errors.push(fieldError.invalid(element(ADDRESSES, index), address, why));
  });
  return errors;
}

/** The primary address and family stay once set; the second comes and goes. */
export const addressesStay: UpdateCheck = (next, old) => {
  if (isNamed(next) || isNamed(old)) return [];
  const [headless, wasHeadless] = [isHeadless(next), isHeadless(old)];
  const addresses = headless && wasHeadless ? [] : addressStays(next, old);
  return headless || wasHeadless ? addresses : [...addresses, ...familyStays(next, old)];
};

function addressStays(next: Unstructured, old: Unstructured): FieldError[] {
  const [now, before] = [addressesOf(next), addressesOf(old)];
  const fixed = (index: number): FieldError => fieldError.invalid(element(ADDRESSES, index), now, FIXED);
  if (before.length === now.length)
    return before.flatMap((address, index) => (address === now[index] ? [] : [fixed(index)]));
  if (before.length < now.length) return before.length > 0 && now[0] !== before[0] ? [fixed(0)] : [];
  const errors: FieldError[] = [];
  if (now.length === 0)
    errors.push(fieldError.invalid(element(ADDRESSES, 0), null, "primary clusterIP can not be unset"));
  else if (now[0] !== before[0]) errors.push(fixed(0));
  return now.length === 1 ? [...errors, ...released(next, "clusterIP")] : errors;
}

function familyStays(next: Unstructured, old: Unstructured): FieldError[] {
  const [now, before] = [familiesOf(next), familiesOf(old)];
  const fixed = (shown: readonly unknown[]): FieldError => fieldError.invalid(element(FAMILIES, 0), shown, FIXED);
  if (before.length === now.length)
    return before.flatMap((family, index) => (family === now[index] ? [] : [fixed(now)]));
  const isOther = before.length > 0 && now.length > 0 && now[0] !== before[0];
  const errors = isOther ? [fixed(addressesOf(next))] : [];
  if (before.length < now.length) return errors;
  const unset = "primary ipFamily can not be unset";
  const first = addressesOf(next).length === 0 ? [fieldError.invalid(element(FAMILIES, 0), now, unset)] : [];
  return [...first, ...errors, ...(now.length === 1 ? released(next, "ipFamily") : [])];
}

function released(next: Unstructured, what: string): FieldError[] {
  const policy = valueAt(next, POLICY);
  if (policy === "SingleStack") return [];
  return [
    fieldError.invalid(POLICY, policy ?? null, `must be set to 'SingleStack' when releasing the secondary ${what}`),
  ];
}
