import { addQuantities, compareQuantities, formatQuantity, parseQuantity, type Quantity } from "../../quantity.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, entriesOf, listOf, member, valueAt } from "../check.ts";
import { isHugePages, podResources } from "./resources.ts";

type Errors = Parameters<Check>[2];
type Amounts = ReadonlyMap<string, Quantity>;

/** `resources` of a pod's spec: what all its containers have together. */
export const podLevelResources: Check = (spec, at, errors) => {
  const resources = member(spec, "resources");
  if (resources === undefined) return;
  const here = child(at, "resources");
  if (valueAt(spec, "os.name") === "windows")
    return void errors.push(fieldError.forbidden(here, "may not be set for a windows pod"));
  if (member(resources, "claims") !== undefined)
    errors.push(fieldError.forbidden(child(here, "claims"), "claims may not be set for Resources at pod-level"));
  podResources(spec)(resources, here, errors);
  coversContainers(spec, resources, here, errors);
};

function coversContainers(spec: unknown, resources: unknown, at: string, errors: Errors): void {
  for (const [name, asked] of containersTogether(spec, "requests"))
    atLeast(member(resources, "requests"), name, asked, "requests", at, errors);
  for (const [name, asked] of containersTogether(spec, "limits"))
    if (isHugePages(name)) atLeast(member(resources, "limits"), name, asked, "limits", at, errors);
  listOf(member(spec, "containers")).forEach((container, index) => {
    for (const [name, limit] of entriesOf(valueAt(container, "resources.limits"))) {
      const most = member(member(resources, "limits"), name);
      if (most === undefined || compareQuantities(quantity(limit), quantity(most)) <= 0) continue;
      const here = `${child(at, "containers")}[${index}][${name}].limits`;
      errors.push(fieldError.invalid(here, limit, `must be less than or equal to pod limits of ${String(most)}`));
    }
  });
}

function atLeast(given: unknown, name: string, asked: Quantity, kind: string, at: string, errors: Errors): void {
  const own = member(given, name);
  if (own === undefined || compareQuantities(asked, quantity(own)) <= 0) return;
  const why = `must be greater than or equal to aggregate container ${kind} of ${formatQuantity(asked)}`;
  errors.push(fieldError.invalid(`${child(at, kind)}[${name}]`, own, why));
}

/** What containers need at most at a time: all that run together, or one that runs before with the sidecars before it. */
function containersTogether(spec: unknown, kind: "requests" | "limits"): Amounts {
  const amountsOf = (container: unknown): Amounts =>
    new Map(entriesOf(valueAt(container, `resources.${kind}`)).map(([name, amount]) => [name, quantity(amount)]));
  let sidecars: Amounts = new Map();
  let before: Amounts = new Map();
  for (const container of listOf(member(spec, "initContainers"))) {
    const own = amountsOf(container);
    if (member(container, "restartPolicy") === "Always") sidecars = sum(sidecars, own);
    before = highest(before, member(container, "restartPolicy") === "Always" ? sidecars : sum(sidecars, own));
  }
  const running = listOf(member(spec, "containers")).map(amountsOf).reduce<Amounts>(sum, sidecars);
  return highest(running, before);
}

function sum(a: Amounts, b: Amounts): Amounts {
  return combined(a, b, addQuantities);
}

function highest(a: Amounts, b: Amounts): Amounts {
  return combined(a, b, (one, other) => (compareQuantities(one, other) >= 0 ? one : other));
}

function combined(a: Amounts, b: Amounts, join: (one: Quantity, other: Quantity) => Quantity): Amounts {
  const all = new Map(a);
  for (const [name, amount] of b) {
    const present = all.get(name);
    all.set(name, present === undefined ? amount : join(present, amount));
  }
  return all;
}

function quantity(value: unknown): Quantity {
  return parseQuantity(String(value));
}
