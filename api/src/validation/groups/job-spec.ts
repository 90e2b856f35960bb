import { fieldError } from "../../status/field-error.ts";
import {
  all,
  atLeast,
  type Check,
  child,
  exactlyOneOf,
  fields,
  isUnset,
  member,
  nonNegative,
  optional,
  required,
  valueAt,
} from "../check.ts";
import { podTemplate } from "../core/pod-spec.ts";
import { domainPrefixedPath } from "../domain-prefixed-path.ts";
import { labelSelector } from "../label-selectors.ts";
import { shownSelector } from "../typed-value.ts";
import { matchingTemplate } from "./apps.ts";
import { podFailurePolicy, successPolicy } from "./job-policies.ts";

type Errors = Parameters<Check>[2];

const MOST_INDEXES = 100_000;
const MOST_BESIDE_MANY = 10_000;
const LONGEST_MANAGER = 63;

const managedBy: Check = (value, at, errors) => {
  domainPrefixedPath(value, at, errors);
  if (String(value).length > LONGEST_MANAGER) errors.push(fieldError.tooLong(at, LONGEST_MANAGER));
};

const COUNTS: Check = fields({
  parallelism: nonNegative,
  completions: nonNegative,
  activeDeadlineSeconds: nonNegative,
  backoffLimit: nonNegative,
  ttlSecondsAfterFinished: nonNegative,
  backoffLimitPerIndex: nonNegative,
  maxFailedIndexes: nonNegative,
});

const failedIndexes: Check = (spec, at, errors) => {
  if (member(spec, "maxFailedIndexes") === undefined || member(spec, "backoffLimitPerIndex") !== undefined) return;
  errors.push(fieldError.required(child(at, "backoffLimitPerIndex"), "when maxFailedIndexes is specified"));
};

/** What jobs may do whose pods have no index of their own, and what those may not whose pods have one. */
const completionMode: Check = (spec, at, errors) => {
  const mode = member(spec, "completionMode");
  if (mode !== undefined) exactlyOneOf("NonIndexed", "Indexed")(mode, child(at, "completionMode"), errors);
  if (mode === "Indexed") indexed(spec, at, errors);
  if (mode !== undefined && mode !== "NonIndexed") return;
  for (const name of ["backoffLimitPerIndex", "maxFailedIndexes"]) {
    const value = member(spec, name);
    if (value !== undefined)
      errors.push(fieldError.invalid(child(at, name), value, "requires indexed completion mode"));
  }
};

function indexed(spec: unknown, at: string, errors: Errors): void {
  const [completions, parallelism, most] = ["completions", "parallelism", "maxFailedIndexes"].map((name) =>
    member(spec, name),
  );
  const limit = (name: string, value: unknown, bound: number, why: string): void => {
    if (value !== undefined && Number(value) > bound) errors.push(fieldError.invalid(child(at, name), value, why));
  };
  if (completions === undefined)
    errors.push(fieldError.required(child(at, "completions"), "when completion mode is Indexed"));
  const ofIndexed = `must be less than or equal to ${MOST_INDEXES} when completion mode is Indexed`;
  limit("parallelism", parallelism, MOST_INDEXES, ofIndexed);
  if (completions !== undefined)
    limit("maxFailedIndexes", most, Number(completions), "must be less than or equal to completions");
  limit("maxFailedIndexes", most, MOST_INDEXES, `must be less than or equal to ${MOST_INDEXES}`);
  const isMany = Number(completions ?? 0) > MOST_INDEXES && member(spec, "backoffLimitPerIndex") !== undefined;
  if (!isMany) return;
  if (most === undefined) {
    const why = `must be specified when completions is above ${MOST_INDEXES}`;
    errors.push(fieldError.required(child(at, "maxFailedIndexes"), why));
  }
  const why = `must be less than or equal to ${MOST_BESIDE_MANY} when completions are above ${MOST_INDEXES} and used with backoff limit per index`;
  limit("parallelism", parallelism, MOST_BESIDE_MANY, why);
  limit("maxFailedIndexes", most, MOST_BESIDE_MANY, why);
}

const replacement: Check = (spec, at, errors) => {
  const policies = member(spec, "podFailurePolicy") === undefined ? ["Failed", "TerminatingOrFailed"] : ["Failed"];
  fields({ podReplacementPolicy: optional(exactlyOneOf(...policies)) })(spec, at, errors);
};

const restartPolicy: Check = (spec, at, errors) => {
  const policy = valueAt(spec, "template.spec.restartPolicy");
  const here = child(at, "template.spec.restartPolicy");
  if (isUnset(policy) || policy === "Always")
    errors.push(fieldError.required(here, 'valid values: "OnFailure", "Never"'));
  else if (policy !== "OnFailure" && policy !== "Never")
    errors.push(fieldError.notSupported(here, policy, ["OnFailure", "Never"]));
  else if (policy !== "Never" && member(spec, "podFailurePolicy") !== undefined)
    errors.push(fieldError.invalid(here, policy, 'only "Never" is supported when podFailurePolicy is specified'));
};

const ownSpec: Check = all(
  COUNTS,
  failedIndexes,
  fields({ managedBy: optional(managedBy) }),
  completionMode,
  podFailurePolicy,
  successPolicy,
  replacement,
  fields({ template: podTemplate }),
  restartPolicy,
);

/** How the pods of a job are scheduled together (KEP-5547). */
const gang: Check = optional(
  fields({
    schedulingPolicy: optional(fields({ gang: optional(fields({ minCount: optional(atLeast(1)) })) })),
  }),
);

/** batch/v1.JobSpec of a job. */
export const jobSpec: Check = all(
  fields({ scheduling: gang }),
  ownSpec,
  fields({ selector: (value, at, errors) => (value === undefined ? required() : labelSelector)(value, at, errors) }),
  matchingTemplate,
);

/** batch/v1.JobSpec within a CronJob: its selectors are made for each job. */
export const jobTemplateSpec: Check = all(
  ownSpec,
  fields({
    selector: optional((value, at, errors) => {
      errors.push(fieldError.invalid(at, shownSelector(value), "`selector` will be auto-generated"));
    }),
    manualSelector: (value, at, errors) => {
      if (value === true) errors.push(fieldError.notSupported(at, value, ["nil", "false"]));
    },
  }),
);
