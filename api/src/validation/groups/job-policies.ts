import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError, goQuote, OMITTED } from "../../status/field-error.ts";
import { type Check, child, element, isUnset, listOf, member, nonNegative, text, valueAt } from "../check.ts";
import { parseIndexes } from "./index-intervals.ts";

type Errors = Parameters<Check>[2];

const MOST_RULES = 20;
const MOST_CODES = 255;
const MOST_INDEX_BYTES = 64 * 1024;

/** One of `values`; unset is refused with the list of them. */
function listed(...values: readonly string[]): Check {
  return (value, at, errors) => {
    if (isUnset(value)) errors.push(fieldError.required(at, `valid values: [${values.map(goQuote).join(" ")}]`));
    else if (!values.includes(value as string)) errors.push(fieldError.notSupported(at, value, values));
  };
}

function atMost(list: readonly unknown[], most: number, at: string, errors: Errors): void {
  if (list.length > most) errors.push(fieldError.tooMany(at, list.length, most));
}

const action = listed("Count", "FailIndex", "FailJob", "Ignore");
const operator = listed("In", "NotIn");
const conditionStatus = listed("False", "True", "Unknown");

/** batch/v1.JobSpec.podFailurePolicy; checks the spec, since rules name containers. */
export const podFailurePolicy: Check = (spec, at, errors) => {
  const policy = member(spec, "podFailurePolicy");
  if (policy === undefined) return;
  const here = child(at, "podFailurePolicy.rules");
  const rules = listOf(member(policy, "rules"));
  atMost(rules, MOST_RULES, here, errors);
  const pod = valueAt(spec, "template.spec");
  const containers = [...listOf(member(pod, "containers")), ...listOf(member(pod, "initContainers"))].map((container) =>
    member(container, "name"),
  );
  const perIndex = member(spec, "backoffLimitPerIndex") !== undefined;
  rules.forEach((rule, index) => {
    failureRule(rule, { containers, perIndex }, element(here, index), errors);
  });
};

interface Job {
  readonly containers: readonly unknown[];
  /** True if each index has a limit of its own. */
  readonly perIndex: boolean;
}

function failureRule(rule: unknown, job: Job, at: string, errors: Errors): void {
  const wanted = member(rule, "action");
  const here = child(at, "action");
  if (wanted !== "FailIndex") action(wanted, here, errors);
  else if (!job.perIndex) errors.push(fieldError.invalid(here, wanted, "requires the backoffLimitPerIndex to be set"));
  const [codes, conditions] = [member(rule, "onExitCodes"), listOf(member(rule, "onPodConditions"))];
  if (codes !== undefined) exitCodes(codes, job.containers, child(at, "onExitCodes"), errors);
  if (conditions.length > 0) podConditions(conditions, child(at, "onPodConditions"), errors);
  const given = [codes !== undefined, conditions.length > 0].filter(Boolean).length;
  if (given === 2)
    errors.push(fieldError.invalid(at, OMITTED, "specifying both OnExitCodes and OnPodConditions is not supported"));
  if (given === 0)
    errors.push(fieldError.invalid(at, OMITTED, "specifying one of OnExitCodes and OnPodConditions is required"));
}

function exitCodes(value: unknown, containers: readonly unknown[], at: string, errors: Errors): void {
  const name = member(value, "containerName");
  operator(member(value, "operator"), child(at, "operator"), errors);
  if (name !== undefined && !containers.includes(name)) {
    const why = "must be one of the container or initContainer names in the pod template";
    errors.push(fieldError.invalid(child(at, "containerName"), name, why));
  }
  const here = child(at, "values");
  const codes = listOf(member(value, "values"));
  if (codes.length === 0)
    errors.push(fieldError.invalid(here, member(value, "values") ?? null, "at least one value is required"));
  atMost(codes, MOST_CODES, here, errors);
  codes.forEach((code, index) => {
    if (member(value, "operator") === "In" && code === 0)
      errors.push(fieldError.invalid(element(here, index), code, "must not be 0 for the In operator"));
    if (codes.indexOf(code) < index) errors.push(fieldError.duplicate(element(here, index), code));
  });
  if (codes.some((code, index) => index > 0 && Number(codes[index - 1]) > Number(code)))
    errors.push(fieldError.invalid(here, codes, "must be ordered"));
}

function podConditions(patterns: readonly unknown[], at: string, errors: Errors): void {
  atMost(patterns, MOST_RULES, at, errors);
  patterns.forEach((pattern, index) => {
    const here = element(at, index);
    text(labelKeyProblems)(member(pattern, "type"), child(here, "type"), errors);
    conditionStatus(member(pattern, "status"), child(here, "status"), errors);
  });
}

/** batch/v1.JobSpec.successPolicy; checks the spec, since rules name its completions. */
export const successPolicy: Check = (spec, at, errors) => {
  const policy = member(spec, "successPolicy");
  const here = child(at, "successPolicy");
  if (policy === undefined) return;
  if (member(spec, "completionMode") !== "Indexed")
    return void errors.push(fieldError.invalid(here, policy, "requires indexed completion mode"));
  const rules = listOf(member(policy, "rules"));
  if (rules.length === 0) {
    const why = "at least one rules must be specified when the successPolicy is specified";
    errors.push(fieldError.required(child(here, "rules"), why));
  }
  atMost(rules, MOST_RULES, child(here, "rules"), errors);
  const completions = Number(member(spec, "completions") ?? 0);
  rules.forEach((rule, index) => {
    successRule(rule, completions, element(child(here, "rules"), index), errors);
  });
};

function successRule(rule: unknown, completions: number, at: string, errors: Errors): void {
  const [count, indexes] = [member(rule, "succeededCount"), member(rule, "succeededIndexes")];
  if (count === undefined && indexes === undefined) {
    const why = "at least one of succeededCount or succeededIndexes must be specified";
    errors.push(fieldError.required(at, why));
  }
  const total =
    indexes === undefined ? 0 : indexesOf(String(indexes), completions, child(at, "succeededIndexes"), errors);
  if (count === undefined) return;
  const here = child(at, "succeededCount");
  nonNegative(count, here, errors);
  if (Number(count) > completions) {
    const why = `must be less than or equal to ${completions} (the number of specified completions)`;
    errors.push(fieldError.invalid(here, count, why));
  }
  if (indexes !== undefined && Number(count) > total) {
    const why = `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`;
    errors.push(fieldError.invalid(here, count, why));
  }
}

function indexesOf(indexes: string, completions: number, at: string, errors: Errors): number {
  if (indexes.length > MOST_INDEX_BYTES) errors.push(fieldError.tooLong(at, MOST_INDEX_BYTES));
  const parsed = parseIndexes(indexes, completions);
  if ("total" in parsed) return parsed.total;
  errors.push(fieldError.invalid(at, indexes, `error parsing succeededIndexes: ${parsed.problem}`));
  return 0;
}
