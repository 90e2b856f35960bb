import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import { all, atMost, type Check, child, each, isUnset, member, text, uniqueElements } from "../check.ts";

const MOST = 10;
const RESERVED_PRIORITIES = 1000;
const HIGHEST_PRIORITY = 100_000;

/** "example.com/key". */
export function prefixedKey(name: string): readonly string[] {
  const problems = labelKeyProblems(name);
  if (problems.length > 0 || name.includes("/")) return problems;
  return ["must include a prefix (e.g. 'example.com/key')"];
}

/** The same of those who are no part of Kubernetes. */
export function foreignKey(name: string): readonly string[] {
  const isReserved = /(?:^|\.)(?:k8s|kubernetes)\.io\//.test(name);
  return isReserved ? ["domain names *.k8s.io, *.kubernetes.io are reserved"] : prefixedKey(name);
}

const priority: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  const number = Number(value);
  if (number < 0) errors.push(fieldError.invalid(at, value, "must be greater than or equal to 0"));
  else if (number < RESERVED_PRIORITIES)
    errors.push(fieldError.invalid(at, value, "priorities 0-999 are reserved for responders with *.k8s.io suffix"));
  if (number > HIGHEST_PRIORITY)
    errors.push(fieldError.invalid(at, value, `must be less than or equal to ${HIGHEST_PRIORITY}`));
};

const responder: Check = (value, at, errors) => {
  const name = member(value, "name");
  if (isUnset(name)) errors.push(fieldError.required(child(at, "name")));
  else text(foreignKey)(name, child(at, "name"), errors);
  priority(member(value, "priority"), child(at, "priority"), errors);
};

/** Who is told before the pod is evicted (KEP-4563). */
export const evictionResponders: Check = atMost(MOST, all(uniqueElements("name"), each(responder)));
