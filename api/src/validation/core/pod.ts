import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { fields, listOf, member, run, type Values, valueAt } from "../check.ts";
import { type KindRules, type UpdateCheck, updates } from "../kind-rules.ts";
import { resize } from "./pod-resize.ts";
import { podSpec } from "./pod-spec.ts";

const MUTABLE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** Everything that an update may change, taken from the old spec: what differs then is forbidden. */
const specUnchanged: UpdateCheck = (next, old) => {
  const [spec, before] = [valueAt(next, "spec") as Values, valueAt(old, "spec") as Values];
  const masked: Values = {
    ...spec,
    containers: withImages(spec["containers"], before["containers"]),
    initContainers: withImages(spec["initContainers"], before["initContainers"]),
    activeDeadlineSeconds: before["activeDeadlineSeconds"],
    tolerations: before["tolerations"],
    terminationGracePeriodSeconds: graceOf(spec, before),
    schedulingGates: fewerGates(spec, before) ? before["schedulingGates"] : spec["schedulingGates"],
    nodeSelector: isGated(before) && addsLabels(spec, before) ? before["nodeSelector"] : spec["nodeSelector"],
  };
  return jsonEqual(withoutAbsent(masked), withoutAbsent(before)) ? [] : [fieldError.forbidden("spec", MUTABLE)];
};

function withImages(list: unknown, before: unknown): unknown {
  const old = listOf(before);
  if (listOf(list).length !== old.length) return list;
  return listOf(list).map((container, index) => ({ ...(container as Values), image: member(old[index], "image") }));
}

function graceOf(spec: Values, before: Values): unknown {
  const was = before["terminationGracePeriodSeconds"];
  return Number(was) < 0 && spec["terminationGracePeriodSeconds"] === 1 ? was : spec["terminationGracePeriodSeconds"];
}

function isGated(before: Values): boolean {
  return listOf(before["schedulingGates"]).length > 0;
}

function fewerGates(spec: Values, before: Values): boolean {
  const old = listOf(before["schedulingGates"]);
  return listOf(spec["schedulingGates"]).every((gate) => old.some((one) => jsonEqual(one, gate)));
}

function addsLabels(spec: Values, before: Values): boolean {
  return Object.entries((before["nodeSelector"] ?? {}) as Values).every(
    ([key, value]) => member(spec["nodeSelector"], key) === value,
  );
}

/** Absent, null and empty are one to the API's types. */
function withoutAbsent(value: Values): Values {
  const kept = Object.entries(value).filter(
    ([, one]) => one !== undefined && one !== null && !(Array.isArray(one) && one.length === 0),
  );
  return Object.fromEntries(kept);
}

const deadlineOnlyShrinks: UpdateCheck = (next, old) => {
  const [deadline, before] = [valueAt(next, "spec.activeDeadlineSeconds"), valueAt(old, "spec.activeDeadlineSeconds")];
  const at = "spec.activeDeadlineSeconds";
  if (before === undefined) return [];
  if (deadline === undefined)
    return [fieldError.invalid(at, null, "must not update from a positive integer to nil value")];
  if (Number(deadline) <= Number(before)) return [];
  return [fieldError.invalid(at, deadline, "must be less than or equal to previous value")];
};

const tolerationsOnlyGrow: UpdateCheck = (next, old) => {
  const now = listOf(valueAt(next, "spec.tolerations"));
  const lost = listOf(valueAt(old, "spec.tolerations")).some(
    (toleration) => !now.some((one) => sameToleration(one, toleration)),
  );
  if (!lost) return [];
  return [
    fieldError.forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"),
  ];
};

function sameToleration(left: unknown, right: unknown): boolean {
  const { tolerationSeconds: _left, ...a } = left as Values;
  const { tolerationSeconds: _right, ...b } = right as Values;
  return jsonEqual(a, b);
}

/** Ephemeral containers are added through their subresource, and never change or go. */
const ephemeralOnlyAdded: UpdateCheck = (next, old) => {
  const at = "spec.ephemeralContainers";
  const now = listOf(valueAt(next, at));
  const errors: FieldError[] = run(fields({ spec: podSpec }), next);
  for (const container of listOf(valueAt(old, at))) {
    const same = now.find((one) => member(one, "name") === member(container, "name"));
    if (same === undefined || !jsonEqual(same, container)) {
      errors.push(
        fieldError.forbidden(
          at,
          `existing ephemeral containers "${String(member(container, "name"))}" may not be ${same === undefined ? "removed" : "changed"}\n`,
        ),
      );
    }
  }
  return errors;
};

export const pod: KindRules = {
  state: fields({ spec: podSpec }),
  update: updates(deadlineOnlyShrinks, tolerationsOnlyGrow, specUnchanged),
  subresources: { ephemeralcontainers: ephemeralOnlyAdded, resize },
};
