import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  between,
  type Check,
  child,
  element,
  isUnset,
  listOf,
  member,
  nonNegative,
  optional,
  required,
  run,
  type Values,
  valueAt,
} from "../check.ts";
import type { KindRules, UpdateCheck } from "../kind-rules.ts";
import { untrimmedImage } from "./containers.ts";
import { formerPlacement, placementNarrows } from "./gated-pod.ts";
import { podAnnotations, podAnnotationUpdates } from "./pod-annotations.ts";
import { isMirror, resize } from "./pod-resize.ts";
import { podSpec } from "./pod-spec.ts";
import { profilesMatch } from "./profile-annotations.ts";
import { tolerations } from "./scheduling.ts";
import { withStructDiff } from "./struct-diff.ts";

const MUTABLE =
  "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

/** A pod as it may be at any time. */
const podState: Check = (object, _at, errors) => {
  const spec = member(object, "spec");
  podAnnotations(valueAt(object, "metadata.annotations"), spec, "metadata.annotations", errors);
  podSpec(String(valueAt(object, "metadata.name") ?? ""))(spec, "spec", errors);
  if (isUnset(member(spec, "serviceAccountName"))) withoutTokens(spec, errors);
  optional(nonNegative)(member(spec, "terminationGracePeriodSeconds"), "spec.terminationGracePeriodSeconds", errors);
  for (const list of ["containers", "initContainers"])
    listOf(member(spec, list)).forEach((container, index) => {
      untrimmedImage(container, `spec.${list}[${index}]`, errors);
    });
};

function withoutTokens(spec: unknown, errors: FieldError[]): void {
  listOf(member(spec, "volumes")).forEach((volume, index) => {
    listOf(valueAt(volume, "projected.sources")).forEach((source, place) => {
      if (member(source, "serviceAccountToken") === undefined) return;
      const here = `spec.volumes[${index}].projected.sources[${place}].serviceAccountToken`;
      errors.push(fieldError.forbidden(here, "must not be specified when serviceAccountName is not set"));
    });
  });
}

const create: Check = (object, _at, errors) => {
  const spec = member(object, "spec");
  if (!isUnset(member(spec, "ephemeralContainers")))
    errors.push(fieldError.forbidden("spec.ephemeralContainers", "cannot be set on create"));
  if (!isUnset(member(spec, "nodeName")) && !isUnset(member(spec, "schedulingGates"))) {
    const why = "cannot be set until all schedulingGates have been cleared";
    errors.push(fieldError.forbidden("spec.nodeName", why));
  }
  profilesMatch(valueAt(object, "metadata.annotations"), spec, "spec", errors);
};

/** What an update may change; where something is wrong that hides the rest, nothing more is said. */
const update: UpdateCheck = (next, old) => {
  const errors: FieldError[] = [];
  const annotations = "metadata.annotations";
  podAnnotationUpdates(valueAt(next, annotations), valueAt(old, annotations), annotations, errors);
  for (const list of ["containers", "initContainers"]) if (!sameContainers(next, old, list, errors)) return errors;
  if (!deadlineFits(next, old, errors)) return errors;
  errors.push(...tolerationsOnlyGrow(next, old), ...gatesOnlyGo(next, old), ...placementNarrows(next, old));
  return [...errors, ...specUnchanged(next, old)];
};

/** @returns whether there are as many containers as before. */
function sameContainers(next: Unstructured, old: Unstructured, list: string, errors: FieldError[]): boolean {
  const [now, before] = [listOf(valueAt(next, `spec.${list}`)), listOf(valueAt(old, `spec.${list}`))];
  if (now.length !== before.length) {
    errors.push(fieldError.forbidden(`spec.${list}`, "pod updates may not add or remove containers"));
    return false;
  }
  now.forEach((container, index) => {
    const here = element(`spec.${list}`, index);
    required()(member(container, "image"), child(here, "image"), errors);
    untrimmedImage(container, here, errors);
  });
  return true;
}

/** @returns whether more can be said. */
function deadlineFits(next: Unstructured, old: Unstructured, errors: FieldError[]): boolean {
  const at = "spec.activeDeadlineSeconds";
  const [deadline, before] = [valueAt(next, at), valueAt(old, at)];
  if (deadline === undefined) {
    if (before !== undefined)
      errors.push(fieldError.invalid(at, null, "must not update from a positive integer to nil value"));
    return true;
  }
  const count = errors.length;
  between(0, 2 ** 31 - 1)(deadline, at, errors);
  if (errors.length === count && before !== undefined && Number(before) < Number(deadline))
    errors.push(fieldError.invalid(at, deadline, "must be less than or equal to previous value"));
  return errors.length === count;
}

const tolerationsOnlyGrow = (next: Unstructured, old: Unstructured): readonly FieldError[] => {
  const at = "spec.tolerations";
  const now = listOf(valueAt(next, at));
  const isLost = (toleration: unknown): boolean => !now.some((one) => sameToleration(one, toleration));
  if (!listOf(valueAt(old, at)).some(isLost)) return run(tolerations, now, at);
  return [fieldError.forbidden(at, "existing toleration can not be modified except its tolerationSeconds")];
};

function sameToleration(left: unknown, right: unknown): boolean {
  const { tolerationSeconds: _left, ...a } = left as Values;
  const { tolerationSeconds: _right, ...b } = right as Values;
  return jsonEqual(a, b);
}

function gatesOnlyGo(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const at = "spec.schedulingGates";
  const before = listOf(valueAt(old, at)).map((gate) => member(gate, "name"));
  return listOf(valueAt(next, at)).flatMap((gate, index) => {
    const name = member(gate, "name");
    if (before.includes(name)) return [];
    const why = `only deletion is allowed, but found new scheduling gate '${String(name)}'`;
    return [fieldError.forbidden(`${at}[${index}].name`, why)];
  });
}

/** Everything that an update may change, taken from the old spec: what differs then is forbidden. */
function specUnchanged(next: Unstructured, old: Unstructured): readonly FieldError[] {
  const [spec, before] = [valueAt(next, "spec") as Values, valueAt(old, "spec") as Values];
  if (spec === before) return [];
  const masked = present({
    ...spec,
    containers: withImages(spec["containers"], before["containers"]),
    initContainers: withImages(spec["initContainers"], before["initContainers"]),
    activeDeadlineSeconds: before["activeDeadlineSeconds"],
    tolerations: before["tolerations"],
    schedulingGates: before["schedulingGates"],
    terminationGracePeriodSeconds: graceOf(spec, before),
    ...formerPlacement(spec, old),
  });
  const was = present(before);
  return jsonEqual(masked, was) ? [] : [fieldError.forbidden("spec", withStructDiff(MUTABLE, was, masked))];
}

function withImages(list: unknown, before: unknown): unknown {
  const old = listOf(before);
  return listOf(list).map((container, index) => ({ ...(container as Values), image: member(old[index], "image") }));
}

function graceOf(spec: Values, before: Values): unknown {
  const was = before["terminationGracePeriodSeconds"];
  return Number(was) < 0 && spec["terminationGracePeriodSeconds"] === 1 ? was : spec["terminationGracePeriodSeconds"];
}

/** Absent, null and empty are one to the API's types. */
function present(value: Values): Values {
  const kept = Object.entries(value).filter(
    ([, one]) => one !== undefined && one !== null && !(Array.isArray(one) && one.length === 0),
  );
  return Object.fromEntries(kept);
}

/** Ephemeral containers are added through their subresource, and never change or go. */
const ephemeralOnlyAdded: UpdateCheck = (next, old) => {
  const at = "spec.ephemeralContainers";
  const now = listOf(valueAt(next, at));
  if (isMirror(old)) return [fieldError.forbidden("", "static pods do not support ephemeral containers")];
  const errors: FieldError[] = run(podState, next);
  for (const container of listOf(valueAt(old, at))) {
    const name = String(member(container, "name"));
    const same = now.find((one) => member(one, "name") === name);
    if (same === undefined)
      errors.push(fieldError.forbidden(at, `existing ephemeral containers "${name}" may not be removed\n`));
    else if (!jsonEqual(same, container)) {
      const why = `existing ephemeral containers "${name}" may not be changed`;
      errors.push(fieldError.forbidden(at, withStructDiff(why, container, same)));
    }
  }
  return errors;
};

export const pod: KindRules = {
  state: podState,
  create,
  update,
  subresources: { ephemeralcontainers: ephemeralOnlyAdded, resize },
};
