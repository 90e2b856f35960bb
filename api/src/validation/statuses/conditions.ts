import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import { type Check, element, isUnset, listOf, member } from "../check.ts";

const STATUSES = ["False", "True", "Unknown"];
const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const REASON_MESSAGE =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
const MOST_REASON_BYTES = 1024;
const MOST_MESSAGE_BYTES = 32 * 1024;

/** Conditions of the common type (meta/v1.Condition): each complete, one of a type. */
export const conditions: Check = (value, at, errors) => {
  const seen = new Set<unknown>();
  listOf(value).forEach((condition, index) => {
    const here = element(at, index);
    const type = member(condition, "type") ?? "";
    if (seen.has(type)) errors.push(fieldError.duplicate(here, type));
    seen.add(type);
    errors.push(...conditionErrors(condition, here));
  });
};

function conditionErrors(condition: unknown, at: string): readonly FieldError[] {
  const [type, status, reason] = ["type", "status", "reason"].map((name) => String(member(condition, name) ?? ""));
  const observed = Number(member(condition, "observedGeneration") ?? 0);
  const message = String(member(condition, "message") ?? "");
  const errors: FieldError[] = [];
  if (type === "") errors.push(fieldError.required(`${at}.type`, "is required"));
  else for (const problem of labelKeyProblems(type!)) errors.push(fieldError.invalid(`${at}.type`, type, problem));
  if (status === "") errors.push(fieldError.required(`${at}.status`));
  else if (!STATUSES.includes(status!)) errors.push(fieldError.notSupported(`${at}.status`, status, STATUSES));
  if (observed < 0)
    errors.push(fieldError.invalid(`${at}.observedGeneration`, observed, "must be greater than or equal to zero"));
  if (isUnset(member(condition, "lastTransitionTime"))) errors.push(fieldError.required(`${at}.lastTransitionTime`));
  if (reason === "") errors.push(fieldError.required(`${at}.reason`));
  else if (!REASON.test(reason!)) errors.push(fieldError.invalid(`${at}.reason`, reason, REASON_MESSAGE));
  if (reason!.length > MOST_REASON_BYTES) errors.push(fieldError.tooLong(`${at}.reason`, MOST_REASON_BYTES));
  if (message.length > MOST_MESSAGE_BYTES) errors.push(fieldError.tooLong(`${at}.message`, MOST_MESSAGE_BYTES));
  return errors;
}

/** Conditions of types of their own, of which only the type is checked: there, and one of each. */
export const typedConditions: Check = (value, at, errors) => {
  const seen = new Set<unknown>();
  listOf(value).forEach((condition, index) => {
    const here = `${element(at, index)}.type`;
    const type = member(condition, "type") ?? "";
    if (seen.has(type)) errors.push(fieldError.duplicate(here, type));
    seen.add(type);
    if (type === "") errors.push(fieldError.required(here));
  });
};
