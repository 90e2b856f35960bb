import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { listOf, member, type Values, valueAt } from "../check.ts";
import { changed, immutableError, type UpdateCheck } from "../kind-rules.ts";

const FIXED = ["completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"] as const;

/** What of a job never changes. */
export const jobStays: UpdateCheck = (next, old, context) => {
  const stays = (...names: readonly string[]): FieldError[] =>
    names.filter((name) => changed(next, old, `spec.${name}`)).map((name) => immutableError(next, `spec.${name}`));
  return [
    ...completionsStay(next, old, context),
    ...stays("selector"),
    ...templateStays(next, old, context),
    ...stays(...FIXED),
  ];
};

/** Indexed jobs may grow and shrink when completions and parallelism change together. */
const completionsStay: UpdateCheck = (next, old) => {
  const at = "spec.completions";
  if (!changed(next, old, at)) return [];
  const completions = valueAt(next, at);
  if (valueAt(next, "spec.completionMode") !== "Indexed") return [immutableError(next, at)];
  if (completions === undefined || completions === valueAt(next, "spec.parallelism")) return [];
  return [fieldError.invalid(at, completions, "can only be modified in tandem with spec.parallelism")];
};

const SCHEDULING = ["nodeSelector", "tolerations", "schedulingGates"] as const;

/** While a job is suspended and none of its pods run, their resources and where they may run can still change. */
const templateStays: UpdateCheck = (next, old) => {
  const isSuspended = valueAt(old, "spec.suspend") === true;
  const isOpen =
    isSuspended &&
    Number(valueAt(old, "status.active") ?? 0) === 0 &&
    (valueAt(old, "status.startTime") === undefined || isKnownSuspended(old));
  const [template, before] = [next, old].map((job) => (valueAt(job, "spec.template") ?? {}) as Values) as [
    Values,
    Values,
  ];
  if (!isOpen) return jsonEqual(template as never, before as never) ? [] : [immutableError(next, "spec.template")];
  const [spec, was] = [template, before].map((one) => (member(one, "spec") ?? {}) as Values) as [Values, Values];
  if (jsonEqual(movable(spec, spec) as never, movable(was, spec) as never)) return [];
  return [fieldError.invalid("spec.template.spec", spec, "field is immutable")];
};

function isKnownSuspended(job: unknown): boolean {
  return listOf(valueAt(job, "status.conditions")).some(
    (condition) => member(condition, "type") === "Suspended" && member(condition, "status") === "True",
  );
}

/** `spec` with the parts that may change as they are in `next`. */
function movable(spec: Values, next: Values): Values {
  const moved: Record<string, unknown> = { ...spec };
  for (const name of SCHEDULING) moved[name] = next[name];
  const affinity = {
    ...(spec["affinity"] as Values | undefined),
    nodeAffinity: member(next["affinity"], "nodeAffinity"),
  };
  moved["affinity"] = Object.values(affinity).every((one) => one === undefined) ? undefined : affinity;
  for (const list of ["containers", "initContainers"])
    moved[list] = resourcesOf(listOf(next[list]), listOf(spec[list]));
  return Object.fromEntries(Object.entries(moved).filter(([, value]) => value !== undefined && value !== null));
}

function resourcesOf(next: readonly unknown[], containers: readonly unknown[]): readonly unknown[] | undefined {
  if (containers.length === 0) return undefined;
  if (next.length !== containers.length) return containers;
  return containers.map((container, index) => {
    const [own, other] = [container as Values, next[index] as Values];
    return own["name"] === other["name"] ? { ...own, resources: other["resources"] ?? {} } : own;
  });
}
