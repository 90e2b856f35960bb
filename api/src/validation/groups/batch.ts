import type { Labels } from "../../selectors/label-selector.ts";
import { fieldError } from "../../status/field-error.ts";
import { all, type Check, fields, isUnset, member, nonNegative, oneOf, run, valueAt } from "../check.ts";
import type { RuleTable, UpdateCheck } from "../kind-rules.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { shownSelector } from "../typed-value.ts";
import { matcherOf } from "./apps.ts";
import { isTimeZone, scheduleProblem } from "./cron-schedule.ts";
import { jobSpec, jobTemplateSpec } from "./job-spec.ts";
import { jobStays } from "./job-update.ts";

/** Unless the selector was chosen by hand, it and the labels of the pods name the job. */
const generatedSelector: Check = (object, _at, errors) => {
  const selector = valueAt(object, "spec.selector");
  if (selector === undefined || valueAt(object, "spec.manualSelector") === true) return;
  const uid = String(valueAt(object, "metadata.uid") ?? "");
  const name = String(valueAt(object, "metadata.name") ?? "");
  if (uid === "") errors.push(fieldError.required("metadata.uid"));
  const wanted: Labels = {
    "controller-uid": uid,
    "job-name": name,
    "batch.kubernetes.io/controller-uid": uid,
    "batch.kubernetes.io/job-name": name,
  };
  const labels = valueAt(object, "spec.template.metadata.labels");
  for (const [key, value] of Object.entries(wanted)) {
    const at = `spec.template.metadata.labels[${key}]`;
    if (member(labels, key) === undefined) errors.push(fieldError.required(at, `must be '${value}'`));
    else if (member(labels, key) !== value) errors.push(fieldError.invalid(at, labels, `must be '${value}'`));
  }
  if (matcherOf(selector)?.matches(wanted) === false)
    errors.push(fieldError.invalid("spec.selector", shownSelector(selector), "`selector` not auto-generated"));
};

/** The pods of an indexed job are named after it and their index. */
const nameOfPods: Check = (object, _at, errors) => {
  const completions = Number(valueAt(object, "spec.completions") ?? 0);
  if (valueAt(object, "spec.completionMode") !== "Indexed" || completions <= 0) return;
  const name = String(valueAt(object, "metadata.name") ?? "");
  const last = `${name}-${completions - 1}`;
  if (dnsLabel(last).length === 0) return;
  const why = `will not able to create pod with invalid DNS label: ${last}`;
  errors.push(fieldError.invalid("metadata.name", name, why));
};

const jobUpdate: UpdateCheck = (next, old, context) => [...jobStays(next, old, context), ...run(nameOfPods, next)];

const NO_ZONE = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
const ONE_ZONE = "cannot use both timeZone field and TZ or CRON_TZ in schedule";

/** @param before The schedule so far: one with a zone in it may stay. */
function schedule(spec: unknown, before: string, at: string, errors: Parameters<Check>[2]): void {
  const text = String(member(spec, "schedule") ?? "");
  if (text === "") return;
  const problem = scheduleProblem(text);
  if (problem !== undefined) errors.push(fieldError.invalid(at, text, problem));
  if (!text.includes("TZ")) return;
  if (!before.includes("TZ")) errors.push(fieldError.invalid(at, text, NO_ZONE));
  else if (member(spec, "timeZone") !== undefined) errors.push(fieldError.invalid(at, text, ONE_ZONE));
}

const ZONE_PART = /^[A-Za-z.\-_0-9+]{1,14}$/;

const timeZone: Check = (value, at, errors) => {
  if (value === undefined) return;
  const name = String(value);
  if (name === "") return void errors.push(fieldError.invalid(at, name, "timeZone must be nil or non-empty string"));
  const unknown = `unknown time zone ${name}`;
  const isPart = (part: string): boolean =>
    part !== "." && part !== ".." && !part.startsWith("-") && ZONE_PART.test(part);
  if (!name.split("/").every(isPart)) return void errors.push(fieldError.invalid(at, name, unknown));
  if (name.toLowerCase() === "local") {
    const why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
    errors.push(fieldError.invalid(at, name, why));
  }
  if (!isTimeZone(name)) errors.push(fieldError.invalid(at, name, unknown));
};

/** @param before The spec so far, on updates: its zone may stay. */
function cronJobSpec(before: unknown): Check {
  return (spec, at, errors) => {
    schedule(spec, String(member(before, "schedule") ?? ""), `${at}.schedule`, errors);
    fields({ startingDeadlineSeconds: nonNegative })(spec, at, errors);
    if (member(before, "timeZone") !== member(spec, "timeZone")) fields({ timeZone })(spec, at, errors);
    fields({
      concurrencyPolicy: oneOf("Allow", "Forbid", "Replace"),
      jobTemplate: fields({ spec: jobTemplateSpec }),
      successfulJobsHistoryLimit: nonNegative,
      failedJobsHistoryLimit: nonNegative,
    })(spec, at, errors);
  };
}

/** 11 characters are appended to the names of jobs. */
const cronJobName: Check = (object, _at, errors) => {
  const name = String(valueAt(object, "metadata.name") ?? "");
  if (name.length > 52) errors.push(fieldError.invalid("metadata.name", name, "must be no more than 52 characters"));
};

const scheduled: Check = (object, _at, errors) => {
  if (isUnset(valueAt(object, "spec.schedule"))) errors.push(fieldError.required("spec.schedule"));
};

export const BATCH = {
  "batch/Job": {
    state: all(generatedSelector, fields({ spec: jobSpec }), nameOfPods),
    updateState: (next) => run(fields({ spec: jobSpec }), next),
    update: jobUpdate,
  },
  "batch/CronJob": {
    name: dnsSubdomain,
    state: fields({ spec: cronJobSpec(undefined) }),
    create: cronJobName,
    updateState: (next, old) => run(cronJobSpec(valueAt(old, "spec")), valueAt(next, "spec"), "spec"),
    declared: scheduled,
  },
} satisfies RuleTable;
