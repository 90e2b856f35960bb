import { fieldError } from "../../status/field-error.ts";
import { type Check, child, fields, member, optional, required, text } from "../check.ts";
import { caselessSubdomain } from "../names.ts";

/** What a driver is told, in words of its own. */
export const deviceOpaque: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  const [parameters, here] = [member(value, "parameters"), child(at, "parameters")];
  if (parameters === undefined) errors.push(fieldError.required(here));
  else if (typeof parameters !== "object" || Array.isArray(parameters))
    errors.push(fieldError.invalid(here, "<value omitted>", "must be a valid JSON object"));
};

const LONGEST_DRIVER = 63;

/** What its type declares: whom it is for. */
export const declaredOpaque: Check = optional(
  fields({
    driver: required((value, at, errors) => {
      text(caselessSubdomain)(value, at, errors);
      if (String(value).length > LONGEST_DRIVER) errors.push(fieldError.tooLong(at, LONGEST_DRIVER, "characters"));
    }),
  }),
);
