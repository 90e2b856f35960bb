import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, isUnset, listOf, member } from "../check.ts";

type Errors = Parameters<Check>[2];

const POLICIES = ["Always", "Never", "OnFailure"];
const ACTIONS = ["Restart", "RestartAllContainers"];
const OPERATORS = ["In", "NotIn"];
const MOST_RULES = 20;
const MOST_CODES = 255;
const NEEDS_POLICY = "must specify restartPolicy when restart rules are used";

/** `restartPolicy` and `restartPolicyRules` of a container. */
export function containerRestarts(container: unknown, at: string, errors: Errors): void {
  const [policy, rules] = [member(container, "restartPolicy"), listOf(member(container, "restartPolicyRules"))];
  const here = child(at, "restartPolicy");
  if (policy === undefined) {
    if (rules.length === 0) return;
    errors.push(fieldError.required(here, NEEDS_POLICY));
  } else if (!POLICIES.includes(String(policy))) errors.push(fieldError.notSupported(here, policy, POLICIES));
  const list = child(at, "restartPolicyRules");
  if (rules.length > MOST_RULES) errors.push(fieldError.tooMany(list, rules.length, MOST_RULES));
  rules.forEach((rule, index) => {
    checkRule(rule, element(list, index), errors);
  });
}

/** As {@link containerRestarts}; without a policy its rules are all that can be wrong. */
export function initRestarts(container: unknown, at: string, errors: Errors): void {
  if (member(container, "restartPolicy") !== undefined) containerRestarts(container, at, errors);
  else if (listOf(member(container, "restartPolicyRules")).length > 0)
    errors.push(fieldError.required(child(at, "restartPolicy"), NEEDS_POLICY));
}

function checkRule(rule: unknown, at: string, errors: Errors): void {
  const [action, codes] = [member(rule, "action") ?? "", member(rule, "exitCodes")];
  if (!ACTIONS.includes(String(action))) errors.push(fieldError.notSupported(child(at, "action"), action, ACTIONS));
  const here = child(at, "exitCodes");
  if (codes === undefined) return void errors.push(fieldError.required(here, "must be specified"));
  const operator = member(codes, "operator") ?? "";
  if (!OPERATORS.includes(String(operator)))
    errors.push(fieldError.notSupported(child(here, "operator"), operator, OPERATORS));
  const values = listOf(member(codes, "values"));
  if (values.length > MOST_CODES) errors.push(fieldError.tooMany(child(here, "values"), values.length, MOST_CODES));
}

const RESIZABLE = ["cpu", "memory"];
const ON_RESIZE = ["NotRequired", "RestartContainer"];

/** What a container does when its resources change. Upstream says of the list what is wrong with an entry. */
export function resizePolicy(podRestartPolicy: unknown): Check {
  return (value, at, errors) => {
    const seen = new Set<unknown>();
    listOf(value).forEach((one, index) => {
      const [resource, policy] = [member(one, "resourceName") ?? "", member(one, "restartPolicy") ?? ""];
      if (seen.has(resource)) errors.push(fieldError.duplicate(element(at, index), resource));
      seen.add(resource);
      amongRequired(resource, RESIZABLE, at, errors);
      amongRequired(policy, ON_RESIZE, at, errors);
      if (podRestartPolicy === "Never" && policy !== "NotRequired") {
        const why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
        errors.push(fieldError.invalid(at, policy, why));
      }
    });
  };
}

function amongRequired(value: unknown, values: readonly string[], at: string, errors: Errors): void {
  if (isUnset(value)) errors.push(fieldError.required(at));
  else if (!values.includes(String(value))) errors.push(fieldError.notSupported(at, value, values));
}
