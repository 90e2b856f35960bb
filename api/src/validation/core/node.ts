import { isIP } from "@tsukube/foundation/ip-address";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { type Check, child, each, element, entriesOf, listOf, member, text, valueAt } from "../check.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
import { cidr } from "../names.ts";
import { resourceQuantity } from "./resources.ts";
import { taints } from "./scheduling.ts";

const FEATURE = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

/** Upstream puts the names of resources after a dot. */
function resources(object: unknown, errors: FieldError[]): void {
  for (const map of ["status.capacity", "status.allocatable"])
    for (const [name, amount] of entriesOf(valueAt(object, map)))
      resourceQuantity(name)(amount, child(map, name), errors);
}

function declaredFeatures(object: unknown, errors: FieldError[]): void {
  const at = "status.declaredFeatures";
  const list = listOf(valueAt(object, at)).map(String);
  list.forEach((feature, index) => {
    if (!FEATURE.test(feature))
      errors.push(
        fieldError.invalid(
          element(at, index),
          feature,
          `invalid feature name "${feature}": must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes`,
        ),
      );
    const following = list[index + 1];
    if (following === feature) errors.push(fieldError.duplicate(element(at, index + 1), following));
    else if (following !== undefined && feature > following)
      errors.push(fieldError.invalid(element(at, index + 1), following, "list must be sorted alphabetically"));
  });
}

const create: Check = (object, _at, errors) => {
  taints(valueAt(object, "spec.taints"), "metadata.taints", errors);
  resources(object, errors);
  declaredFeatures(object, errors);
  podCidrs(listOf(valueAt(object, "spec.podCIDRs")).map(String), "spec.podCIDRs", errors);
};

function podCidrs(list: readonly string[], at: string, errors: FieldError[]): void {
  each(text(cidr))(list, at, errors);
  if (list.length < 2) return;
  const families = new Set(list.map((range) => isIP(range.split("/")[0] ?? "")));
  if (families.size < 2 || list.length > 2)
    errors.push(fieldError.invalid(at, list, "may specify no more than one CIDR for each IP family"));
}

/** Of a node and of its status. */
export const nodeUpdate: UpdateCheck = (next, old) => {
  const errors: FieldError[] = [];
  resources(next, errors);
  declaredFeatures(next, errors);
  distinctAddresses(next, errors);
  podCidrsStay(next, old, errors);
  providerStays(next, old, errors);
  taints(valueAt(next, "spec.taints"), "metadata.taints", errors);
  if ((valueAt(next, "spec.externalID") ?? "") !== (valueAt(old, "spec.externalID") ?? ""))
    errors.push(fieldError.forbidden("spec.externalID", "may not be updated"));
  return errors;
};

function distinctAddresses(object: unknown, errors: FieldError[]): void {
  const seen = new Set<string>();
  listOf(valueAt(object, "status.addresses")).forEach((address, index) => {
    const id = `${String(member(address, "type") ?? "")} ${String(member(address, "address") ?? "")}`;
    if (seen.has(id)) errors.push(fieldError.duplicate(`status.addresses[${index}]`, address));
    seen.add(id);
  });
}

function podCidrsStay(next: unknown, old: unknown, errors: FieldError[]): void {
  const at = "spec.podCIDRs";
  const [now, before] = [listOf(valueAt(next, at)), listOf(valueAt(old, at))];
  const why = 'node updates may not change podCIDR except from "" to valid';
  if (!jsonEqual(now, before)) podCidrs(now.map(String), at, errors);
  if (before.length === 0) return;
  if (before.length !== now.length) return void errors.push(fieldError.forbidden(at, why));
  before.forEach((range, index) => {
    if (range !== now[index]) errors.push(fieldError.forbidden(at, why));
  });
}

function providerStays(next: unknown, old: unknown, errors: FieldError[]): void {
  const at = "spec.providerID";
  const [now, before] = [valueAt(next, at) ?? "", valueAt(old, at) ?? ""];
  if (before === "" || before === now) return;
  errors.push(fieldError.invalid(at, null, `field cannot be ${now === "" ? "cleared" : "modified"} once set`));
}

export const node: KindRules = { create, updateState: () => [], update: nodeUpdate };
