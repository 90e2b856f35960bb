import { labelKeyProblems, labelValueProblems } from "../selectors/label-syntax.ts";
import { fieldError } from "../status/field-error.ts";
import { type Check, child, each, entriesOf, fields, isUnset, listOf, member, text } from "./check.ts";

const matchLabels: Check = (value, at, errors) => {
  for (const [key, label] of entriesOf(value)) {
    for (const problem of labelKeyProblems(key)) errors.push(fieldError.invalid(at, key, problem));
    for (const problem of labelValueProblems(String(label))) errors.push(fieldError.invalid(at, label, problem));
  }
};

const expression: Check = (value, at, errors) => {
  const operator = String(member(value, "operator") ?? "");
  const values = listOf(member(value, "values"));
  if (operator === "In" || operator === "NotIn") {
    if (values.length === 0)
      errors.push(fieldError.required(child(at, "values"), "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === "Exists" || operator === "DoesNotExist") {
    if (values.length > 0)
      errors.push(
        fieldError.forbidden(child(at, "values"), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      );
  } else errors.push(fieldError.invalid(child(at, "operator"), operator, "not a valid selector operator"));
  text(labelKeyProblems)(member(value, "key"), child(at, "key"), errors);
  each(text(labelValueProblems))(values, child(at, "values"), errors);
};

/** metav1.LabelSelector. */
export const labelSelector: Check = fields({ matchLabels, matchExpressions: each(expression) });

export function isEmptySelector(value: unknown): boolean {
  return isUnset(member(value, "matchLabels")) && isUnset(member(value, "matchExpressions"));
}
