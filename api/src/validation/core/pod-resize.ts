import { jsonEqual } from "../../patch/json-equal.ts";
import { compareQuantities, parseQuantity } from "../../quantity.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { child, element, entriesOf, fields, listOf, member, run, type Values, valueAt } from "../check.ts";
import type { UpdateCheck } from "../kind-rules.ts";
import { podSpec } from "./pod-spec.ts";

const RESIZABLE = ["cpu", "memory"] as const;

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** The quality-of-service class that a pod's cpu and memory requests and limits make. */
export function qosClassOf(spec: unknown): QosClass {
  const containers = [...listOf(member(spec, "containers")), ...listOf(member(spec, "initContainers"))];
  const amounts = containers.flatMap((one) => RESIZABLE.map((name) => amountsOf(one, name)));
  if (amounts.every(({ request, limit }) => request === undefined && limit === undefined)) return "BestEffort";
  return amounts.every(({ request, limit }) => limit !== undefined && (request === undefined || same(request, limit)))
    ? "Guaranteed"
    : "Burstable";
}

function amountsOf(container: unknown, name: string): { readonly request: unknown; readonly limit: unknown } {
  const [request, limit] = ["requests", "limits"].map((kind) => member(valueAt(container, `resources.${kind}`), name));
  return { request: isZero(request) ? undefined : request, limit: isZero(limit) ? undefined : limit };
}

function isZero(value: unknown): boolean {
  return value !== undefined && same(value, "0");
}

function same(left: unknown, right: unknown): boolean {
  return compareQuantities(parseQuantity(String(left)), parseQuantity(String(right))) === 0;
}

/** The `resize` subresource: cpu and memory of containers change, their QoS class and all else stay. */
export const resize: UpdateCheck = (next, old) => {
  const errors = run(fields({ spec: podSpec(String(valueAt(next, "metadata.name") ?? "")) }), next);
  if (qosClassOf(valueAt(next, "spec")) !== qosClassOf(valueAt(old, "spec"))) {
    const value = valueAt(next, "status.qosClass") ?? qosClassOf(valueAt(old, "spec"));
    errors.push(fieldError.invalid("spec", value, "Pod QOS Class may not change as a result of resizing"));
  }
  for (const list of ["containers", "initContainers"]) errors.push(...removals(next, old, list));
  if (!jsonEqual(fixedParts(valueAt(next, "spec")), fixedParts(valueAt(old, "spec")))) {
    errors.push(fieldError.forbidden("spec", "only cpu and memory resources are mutable"));
  }
  return errors;
};

/** What was asked for can change but not go. */
function removals(next: unknown, old: unknown, list: string): FieldError[] {
  const at = `spec.${list}`;
  return listOf(valueAt(old, at)).flatMap((before, index) => {
    const now = listOf(valueAt(next, at))[index];
    return ["limits", "requests"].flatMap((kind) => {
      const path = `resources.${kind}`;
      const lost = entriesOf(valueAt(before, path)).some(([name]) => member(valueAt(now, path), name) === undefined);
      return lost ? [fieldError.forbidden(child(element(at, index), path), `resource ${kind} cannot be removed`)] : [];
    });
  });
}

function fixedParts(spec: unknown): Values {
  const { containers, initContainers, ...rest } = (spec ?? {}) as Values;
  return {
    ...rest,
    containers: listOf(containers).map(fixedContainer),
    initContainers: listOf(initContainers).map(fixedContainer),
  };
}

function fixedContainer(container: unknown): Values {
  const { resources, ...rest } = container as Values;
  const fixed = ["limits", "requests"].map((kind) =>
    entriesOf(member(resources, kind)).filter(([name]) => !RESIZABLE.includes(name as never)),
  );
  return { ...rest, resources: fixed };
}
