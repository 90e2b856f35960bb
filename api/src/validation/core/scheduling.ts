import type { Unstructured } from "../../object.ts";
import { labelKeyProblems, labelValueProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  each,
  element,
  entriesOf,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  requiredWith,
  run,
  text,
  unlessUnset,
} from "../check.ts";
import { allows } from "../gates-in-force.ts";
import { labelSelector } from "../label-selectors.ts";
import { dnsLabel, dnsSubdomain } from "../names.ts";
import { podSpecOf } from "./pod-spec-of.ts";

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

const toleration: Check = (value, at, errors) => {
  const [key, operator, effect] = [member(value, "key"), member(value, "operator"), member(value, "effect")];
  unlessUnset(text(labelKeyProblems))(key, child(at, "key"), errors);
  if (isUnset(key) && operator !== "Exists") {
    errors.push(
      fieldError.invalid(
        child(at, "operator"),
        operator ?? "",
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  }
  if (member(value, "tolerationSeconds") !== undefined && effect !== "NoExecute") {
    errors.push(
      fieldError.invalid(
        child(at, "effect"),
        effect ?? "",
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      ),
    );
  }
  tolerationValue(value, at, errors);
  if (!isUnset(effect) && !EFFECTS.includes(effect as never))
    errors.push(fieldError.notSupported(child(at, "effect"), effect, EFFECTS));
};

const tolerationValue: Check = (value, at, errors) => {
  const [operator, label] = [member(value, "operator"), member(value, "value")];
  if (isUnset(operator) || operator === "Equal") {
    const problems = labelValueProblems(String(label ?? ""));
    if (problems.length > 0) errors.push(fieldError.invalid(child(at, "operator"), label, problems.join(";")));
  } else if (operator === "Exists") {
    if (!isUnset(label))
      errors.push(fieldError.invalid(child(at, "operator"), label, "value must be empty when `operator` is 'Exists'"));
  } else if ((operator === "Lt" || operator === "Gt") && allows("TaintTolerationComparisonOperators", comparesTaints)) {
    wholeNumber(label, child(at, "value"), errors);
  } else {
    const isComparison = operator === "Lt" || operator === "Gt";
    const known = isComparison ? ["Equal", "Exists", "Lt", "Gt"] : ["Equal", "Exists"];
    errors.push(fieldError.notSupported(child(at, "operator"), operator, known));
  }
};

function comparesTaints(old: Unstructured): boolean {
  const operators = listOf(member(podSpecOf(old), "tolerations")).map((one) => member(one, "operator"));
  return operators.includes("Lt") || operators.includes("Gt");
}

const wholeNumber: Check = (value, at, errors) => {
  const number = String(value ?? "");
  if (number === "") errors.push(fieldError.invalid(at, number, "must be non-empty"));
  else if (!/^(?:0|-?[1-9]\d*)$/.test(number))
    errors.push(fieldError.invalid(at, number, "must be a valid decimal integer in canonical form"));
  if (!/^[+-]?\d+$/.test(number))
    errors.push(fieldError.invalid(at, number, `strconv.ParseInt: parsing ${JSON.stringify(number)}: invalid syntax`));
};

export const tolerations: Check = each(toleration);

/** What is wrong with a list of tolerations that stands elsewhere than in a pod. */
export function tolerationErrors(list: unknown, at: string): readonly FieldError[] {
  return run(tolerations, list, at);
}

const taint: Check = fields({
  key: requiredWith("", text(labelKeyProblems)),
  value: unlessUnset(text(labelValueProblems)),
  effect: (value, at, errors) => {
    if (isUnset(value)) errors.push(fieldError.required(at));
    else if (!EFFECTS.includes(value as never)) errors.push(fieldError.notSupported(at, value, EFFECTS));
  },
});

export const taints: Check = (value, at, errors) => {
  each(taint)(value, at, errors);
  const seen = new Set<string>();
  listOf(value).forEach((one, index) => {
    const id = `${String(member(one, "key"))}:${String(member(one, "effect"))}`;
    if (seen.has(id))
      errors.push({
        ...fieldError.duplicate(element(at, index), one),
        detail: "taints must be unique by key and effect pair",
      });
    seen.add(id);
  });
};

const OPERATOR = "not a valid selector operator";

/** @param isStrict Whether values must be ones that labels can have. */
function nodeRequirement(isStrict: boolean): Check {
  return (value, at, errors) => {
    const operator = String(member(value, "operator") ?? "");
    const values = listOf(member(value, "values"));
    const here = child(at, "values");
    if (operator === "In" || operator === "NotIn") {
      if (values.length === 0)
        errors.push(fieldError.required(here, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === "Exists" || operator === "DoesNotExist") {
      if (values.length > 0)
        errors.push(fieldError.forbidden(here, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else if (operator === "Gt" || operator === "Lt") {
      if (values.length !== 1)
        errors.push(fieldError.required(here, "must be specified single value when `operator` is 'Lt' or 'Gt'"));
    } else errors.push(fieldError.invalid(child(at, "operator"), operator, OPERATOR));
    text(labelKeyProblems)(member(value, "key"), child(at, "key"), errors);
    if (isStrict) each(text(labelValueProblems))(values, here, errors);
  };
}

const nodeField: Check = (value, at, errors) => {
  const operator = String(member(value, "operator") ?? "");
  const values = listOf(member(value, "values"));
  if (operator !== "In" && operator !== "NotIn")
    errors.push(fieldError.invalid(child(at, "operator"), operator, OPERATOR));
  else if (values.length !== 1) {
    const why = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(fieldError.required(child(at, "values"), why));
  }
  const key = member(value, "key") ?? "";
  if (key !== "metadata.name") errors.push(fieldError.invalid(child(at, "key"), key, "not a valid field selector key"));
  else each(text(dnsSubdomain))(values, child(at, "values"), errors);
};

function nodeTerm(isStrict: boolean): Check {
  return fields({ matchExpressions: each(nodeRequirement(isStrict)), matchFields: each(nodeField) });
}

/** Terms as Go shows them: by the names of its own fields. */
export function shownNodeTerms(terms: readonly unknown[]): readonly unknown[] {
  const requirement = (one: unknown): object => ({
    Key: member(one, "key") ?? null,
    Operator: member(one, "operator") ?? null,
    Values: member(one, "values") ?? null,
  });
  const requirements = (list: unknown): unknown => (Array.isArray(list) ? list.map(requirement) : null);
  return terms.map((term) => ({
    MatchExpressions: requirements(member(term, "matchExpressions")),
    MatchFields: requirements(member(term, "matchFields")),
  }));
}

/** core/v1.NodeSelector: at least one term. */
export const nodeSelector: Check = fields({
  nodeSelectorTerms: requiredWith("must have at least one node selector term", each(nodeTerm(true))),
});

/** Keys whose values a selector takes from the pod itself. */
const labelKeys: Check = (value, at, errors) => {
  const [match, mismatch] = [listOf(member(value, "matchLabelKeys")), listOf(member(value, "mismatchLabelKeys"))];
  const selector = member(value, "labelSelector");
  for (const [name, keys] of [
    ["matchLabelKeys", match],
    ["mismatchLabelKeys", mismatch],
  ] as const) {
    if (keys.length === 0) continue;
    if (selector === undefined)
      errors.push(fieldError.forbidden(child(at, name), "must not be specified when labelSelector is not set"));
    else each(text(labelKeyProblems))(keys, child(at, name), errors);
  }
  selectedTwice(match, selector, at, errors);
  match.forEach((key, index) => {
    const why = "exists in both matchLabelKeys and mismatchLabelKeys";
    if (mismatch.includes(key)) errors.push(fieldError.invalid(element(child(at, "matchLabelKeys"), index), key, why));
  });
};

function selectedTwice(match: readonly unknown[], selector: unknown, at: string, errors: FieldError[]): void {
  const seen = new Set<unknown>(entriesOf(member(selector, "matchLabels")).map(([key]) => key));
  for (const expression of listOf(member(selector, "matchExpressions"))) {
    const key = member(expression, "key");
    const index = match.lastIndexOf(key);
    if (index >= 0 && seen.has(key))
      errors.push(fieldError.invalid(element(at, index), key, "exists in both matchLabelKeys and labelSelector"));
    seen.add(key);
  }
}

const podTerm: Check = (value, at, errors) => {
  fields({ labelSelector: optional(labelSelector), namespaceSelector: optional(labelSelector) })(value, at, errors);
  for (const name of listOf(member(value, "namespaces"))) text(dnsLabel)(name, child(at, "namespace"), errors);
  labelKeys(value, at, errors);
  fields({ topologyKey: all(requiredWith("can not be empty"), text(labelKeyProblems)) })(value, at, errors);
};

const podAffinity: Check = fields({
  requiredDuringSchedulingIgnoredDuringExecution: each(podTerm),
  preferredDuringSchedulingIgnoredDuringExecution: each(fields({ weight, podAffinityTerm: podTerm })),
});

function weight(value: unknown, at: string, errors: FieldError[]): void {
  const number = Number(value ?? 0);
  if (number <= 0 || number > 100) errors.push(fieldError.invalid(at, value ?? 0, "must be in the range 1-100"));
}

export const affinity: Check = fields({
  nodeAffinity: optional(
    fields({
      requiredDuringSchedulingIgnoredDuringExecution: optional(nodeSelector),
      preferredDuringSchedulingIgnoredDuringExecution: each(fields({ weight, preference: nodeTerm(false) })),
    }),
  ),
  podAffinity: optional(podAffinity),
  podAntiAffinity: optional(podAffinity),
});

const POLICIES = optional((value, at, errors) => {
  const known = ["Honor", "Ignore"];
  if (!known.includes(String(value))) errors.push(fieldError.notSupported(at, value, known));
});

function minDomains(action: unknown): Check {
  return optional((value, at, errors) => {
    if (Number(value) <= 0) errors.push(fieldError.invalid(at, value, "must be greater than zero"));
    if (action === "DoNotSchedule") return;
    const why = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${String(action ?? "")}`;
    errors.push(fieldError.invalid(at, value, why));
  });
}

const spreadConstraint: Check = (value, at, errors) => {
  fields({
    minDomains: minDomains(member(value, "whenUnsatisfiable")),
    nodeAffinityPolicy: POLICIES,
    nodeTaintsPolicy: POLICIES,
  })(value, at, errors);
  labelKeys(value, at, errors);
  fields({ labelSelector: optional(labelSelector) })(value, at, errors);
};

/** What is said first of a constraint, before whether another one is about the same. */
const spreadBasics: Check = fields({
  maxSkew: (value, at, errors) => {
    if (Number(value ?? 0) <= 0) errors.push(fieldError.invalid(at, value ?? 0, "must be greater than zero"));
  },
  topologyKey: requiredWith("can not be empty"),
  whenUnsatisfiable: exactlyOneOf("DoNotSchedule", "ScheduleAnyway"),
});

export const topologySpreadConstraints: Check = (value, at, errors) => {
  const list = listOf(value);
  const idOf = (one: unknown) =>
    `{${String(member(one, "topologyKey") ?? "")}, ${String(member(one, "whenUnsatisfiable") ?? "")}}`;
  const last = new Map(list.map((one, index) => [idOf(one), index]));
  list.forEach((one, index) => {
    const here = element(at, index);
    spreadBasics(one, here, errors);
    if (last.get(idOf(one)) !== index)
      errors.push(fieldError.duplicate(child(here, "{topologyKey, whenUnsatisfiable}"), idOf(one)));
    spreadConstraint(one, here, errors);
  });
};

export const schedulingGates: Check = (value, at, errors) => {
  const seen = new Set<unknown>();
  listOf(value).forEach((gate, index) => {
    const [here, name] = [element(at, index), member(gate, "name") ?? ""];
    text(labelKeyProblems)(name, here, errors);
    if (seen.has(name)) errors.push(fieldError.duplicate(here, name));
    seen.add(name);
  });
};
