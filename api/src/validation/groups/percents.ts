import { fieldError } from "../../status/field-error.ts";
import { type Check, NON_NEGATIVE } from "../check.ts";

const PERCENT = /^[0-9]+%$/;
const PERCENT_WHY =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

/** A count, or a share such as "25%". */
export const countOrPercent: Check = (value, at, errors) => {
  if (typeof value === "string") {
    if (!PERCENT.test(value)) errors.push(fieldError.invalid(at, value, PERCENT_WHY));
  } else if (Number(value ?? 0) < 0) errors.push(fieldError.invalid(at, value, NON_NEGATIVE));
};

/** A share is of at most all. */
export const atMostWhole: Check = (value, at, errors) => {
  if (typeof value === "string" && PERCENT.test(value) && Number.parseInt(value, 10) > 100)
    errors.push(fieldError.invalid(at, value, "must not be greater than 100%"));
};

/** The number in a count or share; 0 where there is none. */
export function amountOf(value: unknown): number {
  if (typeof value !== "string") return Number(value ?? 0);
  return PERCENT.test(value) || /^[+-]?\d+$/.test(value) ? Number.parseInt(value, 10) : 0;
}
