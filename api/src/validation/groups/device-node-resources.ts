import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, entriesOf, fields, member, optional, union } from "../check.ts";
import { isHugePages } from "../core/resources.ts";

const above =
  (least: 0n | 1n, why: string): Check =>
  (value, at, errors) => {
    const isNegative = String(value).startsWith("-");
    if (isNegative || (least === 1n && String(value) === "0")) errors.push(fieldError.invalid(at, String(value), why));
  };

/** What of a node's own resources a device takes (KEP-5517). */
export function nodeResources(capacity: unknown): Check {
  return (value, at, errors) => {
    for (const [name, one] of entriesOf(value)) {
      const here = element(at, name);
      if (name !== "cpu" && name !== "memory" && !isHugePages(name))
        errors.push(fieldError.invalid(here, name, "must be a node allocatable resource name"));
      const [mapping, overhead] = [member(one, "mapping"), member(one, "overhead")];
      if (mapping === undefined && overhead === undefined)
        errors.push(fieldError.required(here, "at least one of mapping or overhead must be set"));
      if (mapping !== undefined) nodeMapping(capacity)(mapping, child(here, "mapping"), errors);
      if (overhead !== undefined) nodeOverhead(overhead, child(here, "overhead"), errors);
    }
  };
}

function nodeMapping(capacity: unknown): Check {
  return (value, at, errors) => {
    const [key, multiplier] = [member(value, "capacityKey"), member(value, "capacityMultiplier")];
    const needs = (name: string, other: string): void =>
      void errors.push(fieldError.required(child(at, name), `${name} is required when ${other} is set`));
    if (key === "")
      errors.push(fieldError.invalid(child(at, "capacityKey"), "", "capacityKey must not be an empty string"));
    else if (key !== undefined && member(capacity, String(key)) === undefined)
      errors.push(fieldError.notFound(child(at, "capacityKey"), key));
    if (key !== undefined && multiplier === undefined) needs("capacityMultiplier", "capacityKey");
    const isAbove = optional(above(1n, "must be positive"));
    fields(
      key === undefined ? { deviceMultiplier: isAbove } : { capacityMultiplier: isAbove, deviceMultiplier: isAbove },
    )(value, at, errors);
    if (key === undefined && multiplier !== undefined) needs("capacityKey", "capacityMultiplier");
  };
}

const nodeOverhead: Check = (value, at, errors) => {
  if (member(value, "perPod") === undefined && member(value, "perContainer") === undefined)
    errors.push(fieldError.invalid(at, "", "at least one of perPod or perContainer must be set"));
  const check = optional(above(0n, "must be non-negative"));
  fields({ perPod: check, perContainer: check })(value, at, errors);
};

/** What its type declares. */
export const declaredNodeResources: Check = (value, at, errors) => {
  for (const [name, one] of entriesOf(value))
    if (member(one, "mapping") !== undefined)
      union("capacityKey", "deviceMultiplier")(member(one, "mapping"), `${element(at, name)}.mapping`, errors);
};
