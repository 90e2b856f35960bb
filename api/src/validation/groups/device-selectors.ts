import { CelCompileError, compileCel, DEVICE_ENVIRONMENT, estimateCost, shownType } from "../../cel/index.ts";
import { fieldError } from "../../status/field-error.ts";
import { atMost, type Check, child, each, member } from "../check.ts";

const LONGEST_EXPRESSION = 10 * 1024;
const DEAREST_EXPRESSION = 1_000_000;

const expression: Check = (value, at, errors) => {
  const source = String(value ?? "");
  if (source.length > LONGEST_EXPRESSION) return void errors.push(fieldError.tooLong(at, LONGEST_EXPRESSION));
  try {
    const { type, expression } = compileCel(source, DEVICE_ENVIRONMENT);
    if (type.name !== "bool" && type.name !== "dyn")
      errors.push(fieldError.invalid(at, source, `must evaluate to bool or the unknown type, not ${shownType(type)}`));
    else if (estimateCost(expression, DEVICE_ENVIRONMENT) > DEAREST_EXPRESSION)
      errors.push(fieldError.forbidden(at, "too complex, exceeds cost limit"));
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    errors.push(fieldError.invalid(at, source, `compilation failed: ${error.message}`));
  }
};

const MOST_SELECTORS = 32;

/** Which devices fit (KEP-4381): expressions over one device each. */
export const deviceSelectors: Check = atMost(
  MOST_SELECTORS,
  each((value, at, errors) => {
    const cel = member(value, "cel");
    if (cel === undefined) errors.push(fieldError.required(child(at, "cel")));
    else expression(member(cel, "expression"), child(child(at, "cel"), "expression"), errors);
  }),
);
