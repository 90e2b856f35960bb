import { jsonEqual } from "../../patch/json-equal.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  atMost,
  type Check,
  child,
  each,
  element,
  entriesOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  required,
  text,
  uniqueElements,
} from "../check.ts";
import { nodeSelector } from "../core/scheduling.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { typedValue } from "../typed-value.ts";
import { capacities } from "./capacity-policies.ts";
import { attribute, declaredAttributes, hasLists, size } from "./device-attributes.ts";
import { qualifiedName } from "./device-names.ts";
import { declaredNodeResources, nodeResources } from "./device-node-resources.ts";
import { declaredTaint, deviceTaint } from "./device-taints.ts";

/** v1beta1 has what a device has one level deeper, but for its name. */
export const partsOf = (device: unknown): unknown => member(device, "basic") ?? device;

/** Where a device is whose slice leaves it to each: `perDeviceNodeSelection`. */
const PLACES = ["nodeName", "nodeSelector", "allNodes"] as const;
const ONE_PLACE =
  "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
const NO_PLACE =
  "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec";

export const trueOrUnset: Check = optional((value, at, errors) => {
  if (value !== true) errors.push(fieldError.invalid(at, value, "must be either unset or set to true"));
});

export const placed = (places: readonly string[], parts: unknown): readonly string[] =>
  places.filter((name) =>
    name === "nodeSelector" ? member(parts, name) !== undefined : !isUnset(member(parts, name)),
  );

export const shownPlaces = (places: readonly string[]): string => `{${places.map((name) => `\`${name}\``).join(", ")}}`;

function place(isPerDevice: boolean): Check {
  return (parts, at, errors) => {
    const given = placed(PLACES, parts);
    if (!isPerDevice) {
      if (PLACES.some((name) => member(parts, name) !== undefined)) errors.push(fieldError.invalid(at, null, NO_PLACE));
      return;
    }
    fields({
      nodeName: optional((value, here, found) => {
        if (value === "") found.push(fieldError.invalid(here, value, "must not be empty"));
        else text(dnsSubdomain)(value, here, found);
      }),
      nodeSelector: optional(nodeSelector),
      allNodes: trueOrUnset,
    })(parts, at, errors);
    if (given.length === 0) errors.push(fieldError.required(at, ONE_PLACE));
    if (given.length > 1) errors.push(fieldError.invalid(at, shownPlaces(given), ONE_PLACE));
  };
}

/** Of each sort that a device has. */
export const MOST_CONDITIONS = 4;

/** What must be true, and what must not, before pods of a device are bound to its node (KEP-5007). */
export const bindings: Check = (parts, at, errors) => {
  const names = ["bindingConditions", "bindingFailureConditions"] as const;
  const [wanted, failures] = names.map((name) => listOf(member(parts, name))) as [
    readonly unknown[],
    readonly unknown[],
  ];
  const lists = names.map((name) => [name, child(at, name), listOf(member(parts, name))] as const);
  for (const [, here, list] of lists)
    if (list.length <= MOST_CONDITIONS) each(text(labelKeyProblems))(list, here, errors);
  const known = new Set(wanted);
  for (const [name, here, list] of lists) {
    const seen = new Set<unknown>();
    list.forEach((one, index) => {
      if (seen.has(one)) errors.push(fieldError.duplicate(element(here, index), one));
      seen.add(one);
      if (name === "bindingFailureConditions" && known.has(one))
        errors.push(
          fieldError.invalid(
            element(here, index),
            one,
            "bindingFailureConditions must not overlap with bindingConditions",
          ),
        );
    });
  }
  if (wanted.length > 0 === failures.length > 0) return;
  const [missing, other] = wanted.length === 0 ? names : [names[1], names[0]];
  errors.push(
    fieldError.invalid(child(at, missing), member(parts, missing) ?? null, `${missing} are required to use ${other}`),
  );
};

const MOST_TAINTS = 16;
const MOST_COUNTERS = 32;
const MOST_CONSUMPTIONS = 2;

export const counterCount: Check = (value, at, errors) => {
  const count = entriesOf(value).length;
  if (count > MOST_COUNTERS) errors.push(fieldError.tooMany(at, count, MOST_COUNTERS));
};

/** What is as it was before was right then. */
const unlessKept =
  (before: unknown, check: Check): Check =>
  (value, at, errors) => {
    if (before === undefined || !jsonEqual(value ?? null, before)) check(value, at, errors);
  };

/** @param old The spec that the slice had before. */
export function device(isPerDevice: boolean, old: unknown): Check {
  return (value, at, errors) => {
    const parts = partsOf(value);
    const before = listOf(member(old, "devices")).find((one) => member(one, "name") === member(value, "name"));
    const was = (name: string): unknown => (before === undefined ? undefined : (member(partsOf(before), name) ?? null));
    const isShared = member(parts, "allowMultipleAllocations") === true;
    text(dnsLabel)(member(value, "name") ?? "", child(at, "name"), errors);
    size(parts, at, errors);
    fields({
      attributes: (attributes, here, found) => {
        for (const [name, one] of entriesOf(attributes)) {
          qualifiedName(name, here, found);
          attribute(one, element(here, name), found);
        }
      },
      capacity: unlessKept(was("capacity"), capacities(isShared, qualifiedName)),
      taints: unlessKept(was("taints"), atMost(MOST_TAINTS, each(deviceTaint))),
      consumesCounters: (list, here, found) => {
        if (listOf(list).length <= MOST_CONSUMPTIONS) each(fields({ counters: counterCount }))(list, here, found);
      },
    })(parts, at, errors);
    place(isPerDevice)(parts, at, errors);
    bindings(parts, at, errors);
    fields({ nodeAllocatableResources: nodeResources(member(parts, "capacity")) })(parts, at, errors);
  };
}

export const consumes = (one: unknown): boolean => listOf(member(partsOf(one), "consumesCounters")).length > 0;

/** Of devices that do, fewer are in one slice. */
export const isAdvanced = (one: unknown): boolean =>
  consumes(one) || listOf(member(partsOf(one), "taints")).length > 0 || hasLists(member(partsOf(one), "attributes"));

/** Counters by name, of a set or of what a device takes of it. */
export const counters: Check = required((value, at, errors) => {
  for (const [name] of entriesOf(value)) text(dnsLabel)(name, at, errors);
});

const MOST_GROUPS = 2;

const consumption: Check = fields({
  counterSet: required(text(dnsLabel)),
  counters,
  compatibilityGroups: atMost(MOST_GROUPS, each(text(dnsLabel)), uniqueElements(undefined)),
});

/** What the types of a device declare of themselves. */
export const declaredParts: Check = fields({
  attributes: declaredAttributes,
  consumesCounters: atMost(
    MOST_CONSUMPTIONS,
    uniqueElements("counterSet", (one) => typedValue(one, "resource/v1.DeviceCounterConsumption")),
    each(consumption),
  ),
  taints: each(declaredTaint),
  bindingConditions: atMost(MOST_CONDITIONS),
  bindingFailureConditions: atMost(MOST_CONDITIONS),
  nodeAllocatableResources: declaredNodeResources,
});
