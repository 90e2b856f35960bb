import { jsonEqual } from "../../patch/json-equal.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  atLeast,
  type Check,
  child,
  each,
  exactlyOneOf,
  fields,
  isUnset,
  member,
  nonNegative,
  oneOf,
  optional,
  optionalOneOf,
  required,
  text,
  type Values,
  valueAt,
} from "../check.ts";
import { podTemplate } from "../core/pod-spec.ts";
import { changed, immutableError, type RuleTable, type UpdateCheck } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import { dnsSubdomain } from "../names.ts";
import { matchingTemplate } from "./apps.ts";
import { isSchedule, isTimeZone } from "./cron-schedule.ts";

const podFailureRule: Check = (value, at, errors) => {
  oneOf("Count", "FailIndex", "FailJob", "Ignore")(member(value, "action"), child(at, "action"), errors);
  const [codes, conditions] = [member(value, "onExitCodes"), member(value, "onPodConditions")];
  if ((codes === undefined) === isUnset(conditions)) {
    errors.push(fieldError.invalid(at, value, "specifying one of OnExitCodes and OnPodConditions is required"));
  }
  fields({
    onExitCodes: optional(fields({ operator: oneOf("In", "NotIn"), values: required() })),
    onPodConditions: each(fields({ type: text(() => []), status: oneOf("False", "True", "Unknown") })),
  })(value, at, errors);
};

const restartPolicy: Check = (spec, at, errors) => {
  const policy = valueAt(spec, "template.spec.restartPolicy");
  const here = child(at, "template.spec.restartPolicy");
  if (isUnset(policy) || policy === "Always")
    errors.push(fieldError.required(here, 'valid values: "OnFailure", "Never"'));
  else if (policy !== "OnFailure" && policy !== "Never")
    errors.push(fieldError.notSupported(here, policy, ["OnFailure", "Never"]));
  else if (policy !== "Never" && member(spec, "podFailurePolicy") !== undefined) {
    errors.push(fieldError.invalid(here, policy, 'only "Never" is supported when podFailurePolicy is specified'));
  }
};

const indexed: Check = (spec, at, errors) => {
  const mode = member(spec, "completionMode");
  const [perIndex, most] = [member(spec, "backoffLimitPerIndex"), member(spec, "maxFailedIndexes")];
  if (mode === "Indexed" && member(spec, "completions") === undefined) {
    errors.push(fieldError.required(child(at, "completions"), "when completion mode is Indexed"));
  }
  if (perIndex !== undefined && mode !== undefined && mode !== "Indexed") {
    errors.push(fieldError.invalid(child(at, "backoffLimitPerIndex"), perIndex, "requires indexed completion mode"));
  }
  if (most !== undefined && perIndex === undefined) {
    errors.push(fieldError.required(child(at, "backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
  }
  if (member(spec, "successPolicy") !== undefined && mode !== undefined && mode !== "Indexed") {
    errors.push(
      fieldError.invalid(child(at, "successPolicy"), member(spec, "successPolicy"), "requires indexed completion mode"),
    );
  }
};

/** What Jobs and the templates of CronJobs share. */
const commonSpec: Check = (value, at, errors) => {
  fields({
    parallelism: nonNegative,
    completions: nonNegative,
    activeDeadlineSeconds: nonNegative,
    backoffLimit: nonNegative,
    ttlSecondsAfterFinished: nonNegative,
    backoffLimitPerIndex: nonNegative,
    maxFailedIndexes: nonNegative,
    completionMode: optional(exactlyOneOf("Indexed", "NonIndexed")),
    podFailurePolicy: optional(fields({ rules: each(podFailureRule) })),
  })(value, at, errors);
  indexed(value, at, errors);
  if (member(value, "podFailurePolicy") !== undefined)
    exactlyOneOf("Failed")(member(value, "podReplacementPolicy"), child(at, "podReplacementPolicy"), errors);
  else
    optionalOneOf("Failed", "TerminatingOrFailed")(
      member(value, "podReplacementPolicy"),
      child(at, "podReplacementPolicy"),
      errors,
    );
  podTemplate(member(value, "template"), child(at, "template"), errors);
  restartPolicy(value, at, errors);
};

/** How the pods of a job are scheduled together (KEP-5547). */
const gang: Check = optional(
  fields({
    schedulingPolicy: optional(fields({ gang: optional(fields({ minCount: optional(atLeast(1)) })) })),
  }),
);

const jobSpec: Check = (value, at, errors) => {
  fields({ selector: optional(labelSelector), scheduling: gang })(value, at, errors);
  commonSpec(value, at, errors);
  if (member(value, "selector") !== undefined) matchingTemplate(value, at, errors);
};

const JOB_FIXED = [
  "completions",
  "selector",
  "completionMode",
  "podFailurePolicy",
  "backoffLimitPerIndex",
  "managedBy",
  "successPolicy",
] as const;

/** Unless the selector was chosen by hand, it and the labels of the pods name the job by its uid. */
const generatedSelector: Check = (object, _at, errors) => {
  const uid = valueAt(object, "metadata.uid");
  if (uid === undefined || valueAt(object, "spec.manualSelector") === true) return;
  const labels = valueAt(object, "spec.template.metadata.labels");
  for (const name of ["controller-uid", "batch.kubernetes.io/controller-uid"]) {
    const at = `spec.template.metadata.labels[${name}]`;
    if (member(labels, name) === undefined) errors.push(fieldError.required(at, `must be '${String(uid)}'`));
    else if (member(labels, name) !== uid) errors.push(fieldError.invalid(at, labels, `must be '${String(uid)}'`));
  }
  const selector = valueAt(object, "spec.selector");
  const wanted = { matchLabels: { "batch.kubernetes.io/controller-uid": uid } };
  if (!jsonEqual(selector, wanted as never))
    errors.push(fieldError.invalid("spec.selector", selector ?? null, "`selector` not auto-generated"));
};

const jobStays: UpdateCheck = (next, old) => {
  const errors: FieldError[] = JOB_FIXED.filter(
    (name) => changed(next, old, `spec.${name}`) && !elasticCompletions(name, next),
  ).map((name) => immutableError(next, `spec.${name}`));
  const at = hasOpenTemplate(old) ? "spec.template.spec" : "spec.template";
  const [to, from] = [valueAt(next, at), valueAt(old, at)];
  if (!jsonEqual(to, hasOpenTemplate(old) ? withOpenParts(from as Values, to as Values) : from))
    errors.push(immutableError(next, at));
  return errors;
};

/** Indexed jobs may grow and shrink when completions and parallelism change together. */
function elasticCompletions(name: string, next: unknown): boolean {
  const completions = valueAt(next, "spec.completions");
  return (
    name === "completions" &&
    valueAt(next, "spec.completionMode") === "Indexed" &&
    completions === valueAt(next, "spec.parallelism")
  );
}

/** While a job is suspended and none of its pods runs, where they may run and what they ask for can still change (KEP-5440). */
function hasOpenTemplate(old: unknown): boolean {
  if (valueAt(old, "spec.suspend") !== true || (valueAt(old, "status.active") ?? 0) !== 0) return false;
  const conditions = (valueAt(old, "status.conditions") ?? []) as readonly Values[];
  const isKnown = conditions.some((condition) => condition["type"] === "Suspended" && condition["status"] === "True");
  return isKnown || valueAt(old, "status.startTime") === undefined;
}

/** The stored pod spec with those parts of the next that may change. */
function withOpenParts(old: Values, next: Values): Values {
  const open: Record<string, unknown> = { ...old };
  for (const name of ["nodeSelector", "tolerations", "schedulingGates"]) copyMember(open, next, name);
  const affinity: Record<string, unknown> = { ...(old["affinity"] as Values | undefined) };
  copyMember(affinity, (next["affinity"] ?? {}) as Values, "nodeAffinity");
  if (next["affinity"] === undefined && Object.keys(affinity).length === 0) delete open["affinity"];
  else open["affinity"] = affinity;
  for (const name of ["containers", "initContainers"]) {
    const [from, to] = [old[name], next[name]] as readonly (readonly Values[] | undefined)[];
    if (from !== undefined && from.length === to?.length) open[name] = from.map((one, i) => withResources(one, to[i]!));
  }
  return open;
}

function withResources(old: Values, next: Values): Values {
  const open = { ...old };
  if (old["name"] === next["name"]) copyMember(open, next, "resources");
  return open;
}

function copyMember(to: Record<string, unknown>, from: Values, name: string): void {
  if (from[name] === undefined) delete to[name];
  else to[name] = from[name];
}

const schedule: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.required(at));
  else if (!isSchedule(String(value)))
    errors.push(
      fieldError.invalid(
        at,
        value,
        `expected exactly 5 fields, found ${String(value).trim().split(/\s+/).length}: [${String(value)}]`,
      ),
    );
};

const timeZone: Check = optional((value, at, errors) => {
  if (value === "") errors.push(fieldError.invalid(at, value, "timeZone must be nil or non-empty string"));
  else if (!isTimeZone(String(value))) errors.push(fieldError.invalid(at, value, `unknown time zone ${String(value)}`));
});

const cronJobSpec: Check = (value, at, errors) => {
  const job = child(at, "jobTemplate.spec");
  commonSpec(valueAt(value, "jobTemplate.spec"), job, errors);
  if (valueAt(value, "jobTemplate.spec.selector") !== undefined) {
    errors.push(
      fieldError.invalid(
        child(job, "selector"),
        valueAt(value, "jobTemplate.spec.selector"),
        "`selector` will be auto-generated",
      ),
    );
  }
  fields({
    schedule,
    startingDeadlineSeconds: nonNegative,
    timeZone,
    concurrencyPolicy: oneOf("Allow", "Forbid", "Replace"),
    successfulJobsHistoryLimit: nonNegative,
    failedJobsHistoryLimit: nonNegative,
  })(value, at, errors);
};

/** 11 characters are appended to the names of jobs. */
function cronJobName(name: string): string[] {
  return [
    ...dnsSubdomain(name),
    ...(name.length > 52 && dnsSubdomain(name).length === 0 ? ["must be no more than 52 characters"] : []),
  ];
}

export const BATCH: RuleTable = {
  "batch/Job": { state: fields({ spec: jobSpec }), create: generatedSelector, update: jobStays },
  "batch/CronJob": { name: cronJobName, state: fields({ spec: cronJobSpec }) },
};
