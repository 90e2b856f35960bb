import type { Unstructured } from "../../object.ts";
import { labelKeyProblems, labelValueProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  between,
  type Check,
  child,
  each,
  element,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  optionalOneOf,
  required,
  requiredWith,
  text,
  unlessUnset,
} from "../check.ts";
import { allows } from "../gates-in-force.ts";
import { labelSelector } from "../label-selectors.ts";
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
    for (const problem of labelValueProblems(String(label ?? "")))
      errors.push(fieldError.invalid(child(at, "operator"), label, problem));
  } else if (operator === "Exists") {
    if (!isUnset(label))
      errors.push(fieldError.invalid(child(at, "operator"), value, "value must be empty when `operator` is 'Exists'"));
  } else if ((operator === "Lt" || operator === "Gt") && allows("TaintTolerationComparisonOperators", comparesTaints)) {
    wholeNumber(label, child(at, "value"), errors);
  } else errors.push(fieldError.notSupported(child(at, "operator"), operator, ["Equal", "Exists", "Lt", "Gt"]));
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

const nodeRequirement: Check = (value, at, errors) => {
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
  } else errors.push(fieldError.invalid(child(at, "operator"), operator, "not a valid selector operator"));
  text(labelKeyProblems)(member(value, "key"), child(at, "key"), errors);
};

const nodeTerm: Check = fields({ matchExpressions: each(nodeRequirement), matchFields: each(nodeRequirement) });

/** core/v1.NodeSelector: at least one term. */
export const nodeSelector: Check = fields({
  nodeSelectorTerms: requiredWith("must have at least one node selector term", each(nodeTerm)),
});

const podTerm: Check = fields({
  labelSelector: optional(labelSelector),
  namespaceSelector: optional(labelSelector),
  topologyKey: requiredWith("can not be empty", text(labelKeyProblems)),
});

const podAffinity: Check = fields({
  requiredDuringSchedulingIgnoredDuringExecution: each(podTerm),
  preferredDuringSchedulingIgnoredDuringExecution: each(fields({ weight: weight, podAffinityTerm: podTerm })),
});

function weight(value: unknown, at: string, errors: FieldError[]): void {
  const number = Number(value ?? 0);
  if (number <= 0 || number > 100) errors.push(fieldError.invalid(at, value ?? 0, "must be in the range 1-100"));
}

export const affinity: Check = fields({
  nodeAffinity: optional(
    fields({
      requiredDuringSchedulingIgnoredDuringExecution: optional(nodeSelector),
      preferredDuringSchedulingIgnoredDuringExecution: each(fields({ weight, preference: nodeTerm })),
    }),
  ),
  podAffinity: optional(podAffinity),
  podAntiAffinity: optional(podAffinity),
});

const POLICIES = optionalOneOf("Ignore", "Honor");

export const topologySpreadConstraints: Check = each(
  fields({
    maxSkew: (value, at, errors) => {
      if (Number(value ?? 0) <= 0) errors.push(fieldError.invalid(at, value ?? 0, "must be greater than zero"));
    },
    topologyKey: requiredWith("can not be empty", text(labelKeyProblems)),
    whenUnsatisfiable: exactlyOneOf("DoNotSchedule", "ScheduleAnyway"),
    minDomains: optional(between(1, 2 ** 31 - 1)),
    nodeAffinityPolicy: POLICIES,
    nodeTaintsPolicy: POLICIES,
    labelSelector: optional(labelSelector),
  }),
);

export const schedulingGates: Check = each(fields({ name: required(text(labelKeyProblems)) }));
