import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError, OMITTED } from "../../status/field-error.ts";
import { element, listOf, member, NON_NEGATIVE, valueAt } from "../check.ts";
import { commonIndex, parseIndexes } from "../groups/index-intervals.ts";
import type { UpdateCheck } from "../kind-rules.ts";

/** What is asked of a Job's status, of one that is written and of the one before. */
interface JobView {
  readonly status: unknown;
  readonly isComplete: boolean;
  readonly isFailed: boolean;
  readonly isFailing: boolean;
  readonly isSuccessful: boolean;
  readonly isFinished: boolean;
}

function viewOf(job: Unstructured): JobView {
  const [isComplete, isFailed, isFailing, isSuccessful] = CONDITIONS.map((type) => has(job, type, "True"));
  const isFinished = isComplete! || isFailed!;
  return {
    ...{ status: member(job, "status"), isFinished },
    ...{ isComplete: isComplete!, isFailed: isFailed!, isFailing: isFailing!, isSuccessful: isSuccessful! },
  };
}

const CONDITIONS = ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"];

function has(job: Unstructured, type: string, status: string): boolean {
  return listOf(valueAt(job, "status.conditions")).some(
    (condition) => member(condition, "type") === type && member(condition, "status") === status,
  );
}

/** Counters count, and what has ended stays so. Rules about fields hold when those change: a spec may have left them behind. */
export const jobStatus: UpdateCheck = (next, old) => {
  const [job, before] = [viewOf(next), viewOf(old)];
  return [
    ...counterErrors(job),
    ...uncountedErrors(job.status),
    ...endErrors(job, before),
    ...timeErrors(job, before),
    ...decisionErrors(job, before),
    ...activeErrors(job, before),
    ...startErrors(next, job, before),
    ...podErrors(job, before),
    ...indexErrors(next, job, before),
    ...countErrors(job, before),
    ...contradictions(next, job),
    ...regressions(next, old, job, before),
  ];
};

const at = (name: string): string => `status.${name}`;
const numberIn = (status: unknown, name: string): number => Number(member(status, name) ?? 0);
const differs = (job: JobView, before: JobView, name: string): boolean =>
  !jsonEqual(member(job.status, name) ?? null, member(before.status, name) ?? null);
const conditionError = (detail: string): FieldError => fieldError.invalid(at("conditions"), OMITTED, detail);

function counterErrors({ status }: JobView): readonly FieldError[] {
  return ["active", "succeeded", "failed", "ready", "terminating"]
    .filter((name) => numberIn(status, name) < 0)
    .map((name) => fieldError.invalid(at(name), numberIn(status, name), NON_NEGATIVE));
}

function uncountedErrors(status: unknown): readonly FieldError[] {
  const seen = new Set<unknown>();
  return ["succeeded", "failed"].flatMap((name) =>
    listOf(valueAt(status, `uncountedTerminatedPods.${name}`)).flatMap((uid, index) => {
      const here = element(at(`uncountedTerminatedPods.${name}`), index);
      if (uid === "") return [fieldError.invalid(here, uid, "must not be empty")];
      if (seen.has(uid)) return [fieldError.duplicate(here, uid)];
      seen.add(uid);
      return [];
    }),
  );
}

function endErrors(job: JobView, before: JobView): readonly FieldError[] {
  const completed = job.isComplete !== before.isComplete;
  const failed = job.isFailed !== before.isFailed;
  const errors: FieldError[] = [];
  if ((completed || failed) && job.isComplete && job.isFailed)
    errors.push(conditionError("cannot set Complete=True and Failed=true conditions"));
  if ((completed || job.isFailing !== before.isFailing) && job.isComplete && job.isFailing)
    errors.push(conditionError("cannot set Complete=True and FailureTarget=true conditions"));
  return errors;
}

function timeErrors(job: JobView, before: JobView): readonly FieldError[] {
  const [start, completion] = ["startTime", "completionTime"].map((name) => member(job.status, name));
  const moved = job.isComplete !== before.isComplete || differs(job, before, "completionTime");
  const errors: FieldError[] = [];
  if (moved && completion !== undefined && !job.isComplete) {
    const why = "cannot set completionTime when there is no Complete=True condition";
    errors.push(fieldError.invalid(at("completionTime"), completion, why));
  }
  if (moved && completion === undefined && job.isComplete)
    errors.push(fieldError.required(at("completionTime"), "completionTime is required for Complete jobs"));
  const isTimed = differs(job, before, "startTime") || differs(job, before, "completionTime");
  if (isTimed && start !== undefined && Date.parse(`${completion}`) < Date.parse(`${start}`))
    errors.push(fieldError.invalid(at("completionTime"), completion, "must be equal to or after `startTime`"));
  return errors;
}

/** A job ends only after it was said that it will. */
function decisionErrors(job: JobView, before: JobView): readonly FieldError[] {
  const errors: FieldError[] = [];
  if ((job.isFailed !== before.isFailed || differs(job, before, "failedIndexes")) && job.isFailed && !job.isFailing)
    errors.push(conditionError("cannot set Failed=True condition without the FailureTarget=true condition"));
  const decided = job.isComplete !== before.isComplete || job.isSuccessful !== before.isSuccessful;
  if (decided && job.isComplete && !job.isSuccessful)
    errors.push(conditionError("cannot set Complete=True condition without the SuccessCriteriaMet=true condition"));
  return errors;
}

function activeErrors(job: JobView, before: JobView): readonly FieldError[] {
  const active = numberIn(job.status, "active");
  const asked = job.isFinished !== before.isFinished || differs(job, before, "active");
  if (!asked || active <= 0 || !job.isFinished) return [];
  return [fieldError.invalid(at("active"), active, "active>0 is invalid for finished job")];
}

function startErrors(next: Unstructured, job: JobView, before: JobView): readonly FieldError[] {
  const asked = job.isFinished !== before.isFinished || differs(job, before, "startTime");
  const isEmpty = valueAt(next, "spec.suspend") === true && valueAt(next, "spec.completions") === 0;
  if (!asked || isEmpty || !job.isFinished || member(job.status, "startTime") !== undefined) return [];
  return [fieldError.required(at("startTime"), "startTime is required for finished job")];
}

function podErrors(job: JobView, before: JobView): readonly FieldError[] {
  const uncounted = member(job.status, "uncountedTerminatedPods");
  const left = [...listOf(member(uncounted, "succeeded")), ...listOf(member(uncounted, "failed"))];
  const asked = job.isFinished !== before.isFinished || differs(job, before, "uncountedTerminatedPods");
  if (!asked || !job.isFinished || left.length === 0) return [];
  return [fieldError.invalid(at("uncountedTerminatedPods"), uncounted, "must be empty for finished job")];
}

function indexErrors(next: Unstructured, job: JobView, before: JobView): readonly FieldError[] {
  const completions = valueAt(next, "spec.completions");
  const [completed = "", failed] = ["completedIndexes", "failedIndexes"].map((name) => member(job.status, name));
  const limit = valueAt(next, "spec.backoffLimitPerIndex");
  const newCompleted = differs(job, before, "completedIndexes");
  const newFailed = differs(job, before, "failedIndexes");
  const errors: FieldError[] = [];
  const wrong = (name: string, text: string): void => {
    const parsed = completions === undefined ? undefined : parseIndexes(text, Number(completions));
    if (parsed === undefined || !("problem" in parsed)) return;
    errors.push(fieldError.invalid(at(name), text, `error parsing ${name}: ${parsed.problem}`));
  };
  if (newCompleted) wrong("completedIndexes", String(completed));
  if (newFailed && limit !== undefined && failed !== undefined) wrong("failedIndexes", String(failed));
  if (newCompleted && completed !== "" && valueAt(next, "spec.completionMode") !== "Indexed") {
    const why = "cannot set non-empty completedIndexes when non-indexed completion mode";
    errors.push(fieldError.invalid(at("completedIndexes"), completed, why));
  }
  if (newFailed && limit === undefined && failed !== undefined) {
    const why = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
    errors.push(fieldError.invalid(at("failedIndexes"), failed, why));
  }
  if ((newFailed || newCompleted) && completions !== undefined && failed !== undefined) {
    const both = commonIndex(String(completed), String(failed), Number(completions));
    const why = `failedIndexes and completedIndexes overlap at index: ${both}`;
    if (both !== undefined) errors.push(fieldError.invalid(at("failedIndexes"), failed, why));
  }
  return errors;
}

function countErrors(job: JobView, before: JobView): readonly FieldError[] {
  const [terminating = 0, ready = 0, active = 0] = ["terminating", "ready", "active"].map((name) =>
    numberIn(job.status, name),
  );
  const errors: FieldError[] = [];
  const isEnding = job.isFinished !== before.isFinished || differs(job, before, "terminating");
  if (isEnding && terminating > 0 && job.isFinished)
    errors.push(fieldError.invalid(at("terminating"), terminating, "terminating>0 is invalid for finished job"));
  const isCounted = differs(job, before, "ready") || differs(job, before, "active");
  if (isCounted && member(job.status, "ready") !== undefined && ready > active)
    errors.push(fieldError.invalid(at("ready"), ready, "cannot set more ready pods than active"));
  return errors;
}

function contradictions(next: Unstructured, { isSuccessful, isFailed, isFailing, isComplete }: JobView) {
  const errors: FieldError[] = [];
  if (isSuccessful && isFailed)
    errors.push(conditionError("cannot set SuccessCriteriaMet=True and Failed=true conditions"));
  if (isSuccessful && isFailing)
    errors.push(conditionError("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"));
  if (valueAt(next, "spec.successPolicy") !== undefined && !isSuccessful && isComplete) {
    const why = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
    errors.push(conditionError(why));
  }
  return errors;
}

function regressions(next: Unstructured, old: Unstructured, job: JobView, before: JobView): readonly FieldError[] {
  const errors = ["Failed", "Complete", "FailureTarget"]
    .filter((type) => has(old, type, "True") && !has(next, type, "True"))
    .map((type) => conditionError(`cannot disable the terminal ${type}=True condition`));
  const isElastic =
    valueAt(next, "spec.completionMode") === "Indexed" &&
    valueAt(next, "spec.completions") === valueAt(next, "spec.parallelism");
  for (const name of isElastic ? ["failed"] : ["failed", "succeeded"]) {
    const count = numberIn(job.status, name);
    if (count < numberIn(before.status, name))
      errors.push(fieldError.invalid(at(name), count, `cannot decrease the ${name} counter`));
  }
  const [completed, completedBefore] = [job, before].map(({ status }) => member(status, "completionTime"));
  if (completed !== undefined && completedBefore !== undefined && completed !== completedBefore)
    errors.push(fieldError.invalid(at("completionTime"), completed, "field is immutable"));
  const isResuming = has(old, "Suspended", "True") && has(next, "Suspended", "False");
  const isStarted = member(before.status, "startTime") !== undefined && differs(job, before, "startTime");
  if (isStarted && !isResuming && valueAt(next, "spec.suspend") !== true) {
    const why = "field is immutable for unsuspended job once set";
    errors.push(fieldError.invalid(at("startTime"), member(job.status, "startTime") ?? null, why));
  }
  if (before.isSuccessful && !job.isSuccessful)
    errors.push(conditionError("cannot disable the SuccessCriteriaMet=True condition"));
  if (before.isComplete && !before.isSuccessful && job.isSuccessful)
    errors.push(conditionError("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"));
  return errors;
}
