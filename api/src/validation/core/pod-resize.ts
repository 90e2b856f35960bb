import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { compareQuantities, parseQuantity } from "../../quantity.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { child, element, entriesOf, fields, isUnset, listOf, member, run, type Values, valueAt } from "../check.ts";
import type { UpdateCheck } from "../kind-rules.ts";
import { podSpec } from "./pod-spec.ts";

const RESIZABLE = ["cpu", "memory"] as const;

export type QosClass = "Guaranteed" | "Burstable" | "BestEffort";

/** The quality-of-service class that a pod's cpu and memory requests and limits make: its own, or those of its containers. */
export function qosClassOf(spec: unknown): QosClass {
  const own = valueAt(spec, "resources");
  const isOwn = ["requests", "limits"].some((kind) => !isUnset(member(own, kind)));
  const containers = [...listOf(member(spec, "containers")), ...listOf(member(spec, "initContainers"))];
  const amounts = (isOwn ? [spec] : containers).flatMap((one) => RESIZABLE.map((name) => amountsOf(one, name)));
  if (amounts.every(({ request, limit }) => request === undefined && limit === undefined)) return "BestEffort";
  return amounts.every(({ request, limit }) => limit !== undefined && (request === undefined || same(request, limit)))
    ? "Guaranteed"
    : "Burstable";
}

function amountsOf(container: unknown, name: string): { readonly request: unknown; readonly limit: unknown } {
  const [request, limit] = ["requests", "limits"].map((kind) => member(valueAt(container, `resources.${kind}`), name));
  return { request: isZero(request) ? undefined : request, limit: isZero(limit) ? undefined : limit };
}

/** Most amounts need no reading to be more than nothing. */
const PLAINLY_MORE = /^[1-9]\d*(?:m|[KMGT]i|[kMGT])?$/;

function isZero(value: unknown): boolean {
  return value !== undefined && !PLAINLY_MORE.test(String(value)) && same(value, "0");
}

function same(left: unknown, right: unknown): boolean {
  return left === right || compareQuantities(parseQuantity(String(left)), parseQuantity(String(right))) === 0;
}

/** True for the copy of a pod that a node runs from a file. */
export function isMirror(pod: Unstructured): boolean {
  return pod.metadata?.annotations?.["kubernetes.io/config.mirror"] !== undefined;
}

const ONLY = "only cpu and memory resources are mutable";

/** The `resize` subresource: cpu and memory of containers and of the pod change, their QoS class and all else stay. */
export const resize: UpdateCheck = (next, old) => {
  if (isMirror(old)) return [fieldError.forbidden("", "static pods cannot be resized")];
  if (valueAt(old, "spec.os.name") === "windows") return [fieldError.forbidden("", "windows pods cannot be resized")];
  const errors = run(fields({ spec: podSpec(String(valueAt(next, "metadata.name") ?? "")) }), next);
  const class_ = valueAt(old, "status.qosClass") ?? qosClassOf(valueAt(old, "spec"));
  if (class_ !== qosClassOf(valueAt(next, "spec")))
    errors.push(fieldError.invalid("spec", class_, "Pod QOS Class may not change as a result of resizing"));
  if (!isSupported(old)) errors.push(fieldError.forbidden("spec", "Pod running on node without support for resize"));
  errors.push(...podLevelErrors(next, old));
  const misplaced = [...orderErrors(next, old, "containers"), ...orderErrors(next, old, "initContainers")];
  if (misplaced.length > 0) return [...errors, ...misplaced];
  errors.push(
    ...removals(next, old, "initContainers"),
    ...removals(next, old, "containers"),
    ...otherChanges(next, old, "containers", () => "spec", ONLY),
    ...otherChanges(next, old, "initContainers", (at) => at, ONLY_INIT),
    ...restarts(next, old),
  );
  return errors;
};

const ONLY_INIT = "only cpu and memory resources for init or sidecar containers are mutable";

/** A node that tells a running container's resources can change them. */
function isSupported(pod: Unstructured): boolean {
  const statuses = listOf(valueAt(pod, "status.containerStatuses"));
  const running = statuses.find((status) => valueAt(status, "state.running") !== undefined);
  return running === undefined || member(running, "resources") !== undefined;
}

/** Of what the pod has as a whole. */
function podLevelErrors(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const at = "spec.resources";
  const [now, before] = [valueAt(next, at), valueAt(old, at)];
  const isSet = (value: unknown): boolean => ["requests", "limits"].some((kind) => !isUnset(member(value, kind)));
  if (!isSet(now) && !isSet(before)) return [];
  if (before !== undefined && now === undefined)
    return [fieldError.forbidden(at, "pod-level resources cannot be removed")];
  const lost = ["requests", "limits"].filter((kind) => isLost(member(now, kind), member(before, kind)));
  const errors = lost.map((kind) =>
    fieldError.forbidden(`${at}.${kind}`, `pod-level resource ${kind} cannot be removed`),
  );
  return jsonEqual(fixedResources(now), fixedResources(before))
    ? errors
    : [...errors, fieldError.forbidden("spec", "only cpu and memory resources are mutable at pod-level")];
}

/** Containers neither come nor go nor change places. */
function orderErrors(next: Unstructured, old: Unstructured, list: string): readonly FieldError[] {
  const at = `spec.${list}`;
  const [now, before] = [listOf(valueAt(next, at)), listOf(valueAt(old, at))];
  if (now.length !== before.length) return [fieldError.forbidden(at, `${list} may not be added or removed on resize`)];
  return before.flatMap((one, index) => {
    if (member(now[index], "name") === member(one, "name")) return [];
    return [fieldError.forbidden(`${element(at, index)}.name`, `${list} may not be renamed or reordered on resize`)];
  });
}

function isLost(now: unknown, before: unknown): boolean {
  return entriesOf(before).some(([name]) => member(now, name) === undefined);
}

/** What was asked for can change but not go. */
function removals(next: Unstructured, old: Unstructured, list: string): readonly FieldError[] {
  const at = `spec.${list}`;
  return listOf(valueAt(old, at)).flatMap((before, index) => {
    const now = listOf(valueAt(next, at))[index];
    return ["requests", "limits"].flatMap((kind) => {
      const path = `resources.${kind}`;
      if (!isLost(valueAt(now, path), valueAt(before, path))) return [];
      return [fieldError.forbidden(child(element(at, index), path), `resource ${kind} cannot be removed`)];
    });
  });
}

function otherChanges(
  next: Unstructured,
  old: Unstructured,
  list: string,
  where: (at: string) => string,
  why: string,
): readonly FieldError[] {
  const at = `spec.${list}`;
  return listOf(valueAt(old, at)).flatMap((before, index) => {
    const now = listOf(valueAt(next, at))[index];
    const isFixed = jsonEqual(fixedContainer(now), fixedContainer(before));
    return isFixed ? [] : [fieldError.forbidden(where(element(at, index)), why)];
  });
}

/** What has ended is not begun again for the sake of its resources. */
function restarts(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const at = "spec.initContainers";
  const why = "non-sidecar init containers with a resize policy of RestartContainer cannot be resized";
  return listOf(valueAt(next, at)).flatMap((now, index) => {
    const isChanged = !jsonEqual(now, listOf(valueAt(old, at))[index]);
    if (!isChanged || member(now, "restartPolicy") === "Always") return [];
    return listOf(member(now, "resizePolicy"))
      .filter((policy) => member(policy, "restartPolicy") === "RestartContainer")
      .map(() => fieldError.forbidden(element(at, index), why));
  });
}

function fixedContainer(container: unknown): Values {
  const { resources, ...rest } = container as Values;
  return { ...rest, resources: fixedResources(resources) };
}

function fixedResources(resources: unknown): Values {
  const kept = ["limits", "requests"].map((kind) => [
    kind,
    Object.fromEntries(entriesOf(member(resources, kind)).filter(([name]) => !RESIZABLE.includes(name as never))),
  ]);
  return { ...Object.fromEntries(kept), claims: member(resources, "claims") ?? null };
}
