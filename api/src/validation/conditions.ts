import { labelKeyProblems } from "../selectors/label-syntax.ts";
import { fieldError } from "../status/field-error.ts";
import { all, type Check, each, element, fields, isUnset, listOf, member, oneOf, required, text } from "./check.ts";

const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const REASON_MESSAGE =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
const MOST_BYTES = { reason: 1024, message: 32 * 1024 } as const;

const type: Check = (value, at, errors) => {
  if (isUnset(value)) errors.push(fieldError.required(at, "is required"));
  else text(labelKeyProblems)(value, at, errors);
};

const reason: Check = (value, at, errors) => {
  if (!REASON.test(String(value))) errors.push(fieldError.invalid(at, value, REASON_MESSAGE));
  if (String(value).length > MOST_BYTES.reason) errors.push(fieldError.tooLong(at, MOST_BYTES.reason));
};

const condition: Check = fields({
  type,
  status: oneOf("False", "True", "Unknown"),
  observedGeneration: (value, at, errors) => {
    if (Number(value ?? 0) < 0) errors.push(fieldError.invalid(at, value, "must be greater than or equal to zero"));
  },
  lastTransitionTime: required(),
  reason: required(reason),
  message: (value, at, errors) => {
    if (String(value ?? "").length > MOST_BYTES.message) errors.push(fieldError.tooLong(at, MOST_BYTES.message));
  },
});

const distinctTypes: Check = (value, at, errors) => {
  const seen = new Set<unknown>();
  listOf(value).forEach((one, index) => {
    const type = member(one, "type");
    if (seen.has(type)) errors.push(fieldError.duplicate(element(at, index), type));
    seen.add(type);
  });
};

/** A list of meta/v1.Condition. */
export const conditions: Check = all(distinctTypes, each(condition));
