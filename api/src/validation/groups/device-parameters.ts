import { encodeUnstructuredText } from "../../codec/json-encode.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, fields, member, optional, required, text } from "../check.ts";
import { caselessSubdomain } from "../names.ts";
import { byteLength } from "../object-meta.ts";

const MOST_BYTES = 10 * 1024;

/** JSON in words of a driver's own: an object. */
export const rawObject: Check = (value, at, errors) => {
  if (byteLength(encodeUnstructuredText(value)) > MOST_BYTES) errors.push(fieldError.tooLong(at, MOST_BYTES));
  else if (typeof value !== "object" || Array.isArray(value))
    errors.push(fieldError.invalid(at, "<value omitted>", "must be a valid JSON object"));
};

/** What a driver is told. */
export const deviceOpaque: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  const [parameters, here] = [member(value, "parameters"), child(at, "parameters")];
  if (parameters === undefined) errors.push(fieldError.required(here));
  else rawObject(parameters, here, errors);
};

const LONGEST_DRIVER = 63;

export const declaredDriver: Check = required((value, at, errors) => {
  text(caselessSubdomain)(value, at, errors);
  if (String(value).length > LONGEST_DRIVER) errors.push(fieldError.tooLong(at, LONGEST_DRIVER, "characters"));
});

/** What its type declares: whom it is for. */
export const declaredOpaque: Check = optional(fields({ driver: declaredDriver }));
