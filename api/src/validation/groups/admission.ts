import {
  type CelEnvironment,
  isIdentifier,
  MATCH_ENVIRONMENT,
  PATCH_STRUCTS,
  POLICY_ENVIRONMENT,
  type PolicyVariable,
  withVariables,
} from "../../cel/index.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { type FieldError, fieldError } from "../../status/field-error.ts";
import {
  all,
  type Check,
  child,
  each,
  element,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  oneOf,
  optional,
  optionalOneOf,
  required,
  requiredWith,
  text,
  unique,
  uniqueElements,
  unlessUnset,
} from "../check.ts";
import type { RuleTable } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import { dns1035Label, dnsSubdomain } from "../names.ts";
import { celExpression } from "./cel-expression.ts";
import { reviewVersions, webhookClient } from "./webhook-client.ts";

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"] as const;

/** What names everything names it alone. */
const aloneIf =
  (all: string, others: string): Check =>
  (value, at, errors) => {
    const names = listOf(value);
    const why = `if '${all}' is present, must not specify other ${others}`;
    if (names.length > 1 && names.includes(all)) errors.push(fieldError.invalid(at, value, why));
  };

/** Nothing is named beside what covers it: "pods/*" covers those that follow it. */
const coveredResources: Check = (value, at, errors) => {
  const whole = new Set<string>();
  listOf(value).forEach((name, index) => {
    const [resource = "", part] = String(name).split(/\/(.*)/s);
    if (part === undefined) return;
    for (const pattern of [`${resource}/*`, `*/${part}`])
      if (whole.has(pattern)) {
        const why = `if '${pattern}' is present, must not specify ${String(name)}`;
        errors.push(fieldError.invalid(element(at, index), name, why));
      }
    if (part === "*" || resource === "*") whole.add(String(name));
  });
  aloneIf("*/*", "resources")(value, at, errors);
  const plain = listOf(value).filter((name) => !String(name).includes("/"));
  if (plain.at(-1) !== "*") aloneIf("*", "resources without subresources")(plain, at, errors);
};

const operationRule: Check = fields({
  operations: all(aloneIf("*", "operations"), requiredWith("", each(exactlyOneOf(...OPERATIONS)))),
  apiGroups: required(aloneIf("*", "API groups")),
  apiVersions: required(aloneIf("*", "API versions"), each(required())),
  resources: required(each(required()), coveredResources),
  scope: optionalOneOf("*", "Cluster", "Namespaced"),
});

/** Of a policy or its binding: for some names only. */
const namedRule: Check = all(operationRule, fields({ resourceNames: uniqueElements(undefined) }));

const matchResources: Check = fields({
  namespaceSelector: (value, at, errors) => {
    if (value === undefined) errors.push(fieldError.required(at));
    else labelSelector(value, at, errors);
  },
  objectSelector: (value, at, errors) => {
    if (value === undefined) errors.push(fieldError.required(at));
    else labelSelector(value, at, errors);
  },
  matchPolicy: optionalOneOf("Equivalent", "Exact"),
  resourceRules: each(namedRule),
  excludeResourceRules: each(namedRule),
});

const constraints: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  matchResources(value, at, errors);
  if (isUnset(member(value, "resourceRules"))) errors.push(fieldError.required(child(at, "resourceRules")));
};

const MOST_CONDITIONS = 64;

const conditionsIn =
  (environment: CelEnvironment): Check =>
  (value, at, errors) => {
    const count = listOf(value).length;
    if (count > MOST_CONDITIONS) errors.push(fieldError.tooMany(at, count, MOST_CONDITIONS));
    each(fields({ expression: required(celExpression(environment, "bool")), name: required(text(labelKeyProblems)) }))(
      value,
      at,
      errors,
    );
    unique("name")(value, at, errors);
  };

/** What a policy's expressions know besides variables: parameters where it has a kind of them. */
function environmentOf(spec: unknown): CelEnvironment {
  return without(POLICY_ENVIRONMENT, "variables", ...(member(spec, "paramKind") === undefined ? ["params"] : []));
}

function without(environment: CelEnvironment, ...absent: readonly string[]): CelEnvironment {
  const known = Object.entries(environment.variables).filter(([name]) => !absent.includes(name));
  return { ...environment, variables: Object.fromEntries(known) };
}

const variableName: Check = requiredWith("name is not specified", (value, at, errors) => {
  if (!isIdentifier(String(value))) errors.push(fieldError.invalid(at, value, "must be a valid CEL identifier"));
});

/** @returns the environment in which the variables are known that are called what they can be. */
function checkVariables(spec: unknown, at: string, errors: FieldError[], environment: CelEnvironment): CelEnvironment {
  const list = listOf(member(spec, "variables"));
  const usable = list.map((one) => (isIdentifier(String(member(one, "name") ?? "")) ? (one as PolicyVariable) : {}));
  return withVariables(environment, usable, (known, index) =>
    fields({ name: variableName, expression: requiredWith("expression is not specified", celExpression(known)) })(
      list[index],
      element(child(at, "variables"), index),
      errors,
    ),
  );
}

const policyMessage: Check = (value, at, errors) => {
  const message = String(value ?? "");
  if (message !== "" && message.trim() === "")
    errors.push(fieldError.invalid(at, message, "must be non-empty if specified"));
  else if (/[\n\r]/.test(message.trim())) errors.push(fieldError.invalid(at, message, "must not contain line breaks"));
};

const REASONS = ["Forbidden", "Invalid", "RequestEntityTooLarge"] as const;

const paramVersion: Check = (value, at, errors) => {
  const [version = "", group = "", ...more] = String(value).split("/").reverse();
  if (more.length > 0)
    return void errors.push(fieldError.invalid(at, value, `unexpected GroupVersion string: ${String(value)}`));
  unlessUnset(text(dnsSubdomain))(group, at, errors);
  if (version === "") errors.push(fieldError.invalid(at, value, "version must be specified"));
  else text(dns1035Label)(version, at, errors);
};

const paramKind: Check = optional(
  fields({
    apiVersion: required(paramVersion),
    kind: required((value, at, errors) => {
      const problems = dns1035Label(String(value).toLowerCase());
      const why = `may have mixed case, but should otherwise match: ${problems.join(", ")}`;
      if (problems.length > 0) errors.push(fieldError.invalid(at, value, why));
    }),
  }),
);

const validatingPolicy: Check = (value, at, errors) => {
  const base = environmentOf(value);
  fields({
    paramKind,
    failurePolicy: optionalOneOf("Fail", "Ignore"),
    matchConstraints: constraints,
    matchConditions: conditionsIn(base),
  })(value, at, errors);
  const known = checkVariables(value, at, errors, base);
  const environment = isUnset(member(value, "variables")) ? base : known;
  const [validations, audits] = [member(value, "validations"), member(value, "auditAnnotations")];
  if (isUnset(validations) && isUnset(audits)) {
    errors.push(
      fieldError.required(child(at, "validations"), "validations or auditAnnotations must contain at least one item"),
    );
    errors.push(
      fieldError.required(
        child(at, "auditAnnotations"),
        "validations or auditAnnotations must contain at least one item",
      ),
    );
  }
  each(
    fields({
      expression: requiredWith("expression is not specified", celExpression(environment, "bool")),
      messageExpression: optional(celExpression(without(environment, "authorizer"), "string")),
      message: policyMessage,
      reason: optionalOneOf(...REASONS),
    }),
  )(validations, child(at, "validations"), errors);
  each(
    fields({
      key: required(text(labelKeyProblems)),
      valueExpression: required(celExpression(environment, "string", "null_type")),
    }),
  )(audits, child(at, "auditAnnotations"), errors);
  unique("key")(audits, child(at, "auditAnnotations"), errors);
};

const mutationIn =
  (environment: CelEnvironment): Check =>
  (value, at, errors) => {
    const type = member(value, "patchType");
    const [apply, patch] = [member(value, "applyConfiguration"), member(value, "jsonPatch")];
    if (isUnset(type)) errors.push(fieldError.required(child(at, "patchType")));
    else if (type === "ApplyConfiguration") {
      if (apply === undefined)
        errors.push(
          fieldError.required(
            child(at, "applyConfiguration"),
            "must be specified when patchType is ApplyConfiguration",
          ),
        );
      if (patch !== undefined)
        errors.push(
          fieldError.invalid(
            child(at, "jsonPatch"),
            "{}",
            "must not be specified when patchType is ApplyConfiguration",
          ),
        );
    } else if (type === "JSONPatch") {
      if (patch === undefined)
        errors.push(fieldError.required(child(at, "jsonPatch"), "must be specified when patchType is JSONPatch"));
      if (apply !== undefined)
        errors.push(
          fieldError.invalid(
            child(at, "applyConfiguration"),
            "{}",
            "must not be specified when patchType is JSONPatch",
          ),
        );
    } else exactlyOneOf("ApplyConfiguration", "JSONPatch")(type, child(at, "patchType"), errors);
    const expression = (types: string) => fields({ expression: required(celExpression(environment, types)) });
    if (apply !== undefined) expression("Object")(apply, child(at, "applyConfiguration"), errors);
    if (patch !== undefined) expression("list(JSONPatch)")(patch, child(at, "jsonPatch"), errors);
  };

const MUTATED = ["*", "CONNECT", "CREATE", "UPDATE"] as const;

/** What is deleted cannot be changed. Upstream names no element. */
const mutatedOperations: Check = (value, at, errors) => {
  for (const rule of listOf(member(value, "resourceRules")))
    for (const operation of listOf(member(rule, "operations")))
      if (!MUTATED.includes((operation ?? "") as never))
        errors.push(fieldError.notSupported(child(at, "resourceRules.operations"), operation ?? "", MUTATED));
};

const mutatingPolicy: Check = (value, at, errors) => {
  const base = environmentOf(value);
  fields({
    paramKind,
    failurePolicy: optionalOneOf("Fail", "Ignore"),
    matchConstraints: all(constraints, mutatedOperations),
    matchConditions: conditionsIn(base),
  })(value, at, errors);
  const environment = checkVariables(value, at, errors, { ...base, structs: PATCH_STRUCTS });
  fields({
    mutations: requiredWith("mutations must contain at least one item", each(mutationIn(environment))),
    reinvocationPolicy: oneOf("IfNeeded", "Never"),
  })(value, at, errors);
};

const paramRef: Check = (value, at, errors) => {
  const [name, selector] = [member(value, "name"), member(value, "selector")];
  if (isUnset(name) && selector === undefined)
    errors.push(fieldError.required(at, "one of name or selector must be specified"));
  if (!isUnset(name) && selector !== undefined)
    for (const one of ["name", "selector"])
      errors.push(fieldError.forbidden(child(at, one), "name and selector are mutually exclusive"));
  oneOf("Deny", "Allow")(member(value, "parameterNotFoundAction"), child(at, "parameterNotFoundAction"), errors);
};

const ACTIONS = ["Audit", "Deny", "Warn"] as const;

const validatingBinding: Check = fields({
  policyName: required(text(dnsSubdomain)),
  paramRef: optional(paramRef),
  validationActions: (value, at, errors) => {
    const actions = listOf(value);
    if (actions.length === 0) errors.push(fieldError.required(at));
    actions.forEach((action, index) => {
      if (!ACTIONS.includes(action as never)) errors.push(fieldError.notSupported(element(at, index), action, ACTIONS));
      if (actions.indexOf(action) < index) errors.push(fieldError.duplicate(element(at, index), action));
    });
    if (actions.includes("Deny") && actions.includes("Warn")) {
      errors.push(
        fieldError.invalid(
          at,
          actions,
          "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)",
        ),
      );
    }
  },
  matchResources: optional(matchResources),
});

const webhook = (mutating: boolean): Check =>
  fields({
    name: (value, at, errors) => {
      if (isUnset(value)) return void errors.push(fieldError.required(at));
      const problems = dnsSubdomain(String(value));
      if (String(value).split(".").length < 3)
        problems.push("should be a domain with at least three segments separated by dots");
      if (problems[0] !== undefined) errors.push(fieldError.invalid(at, value, problems[0]));
    },
    rules: each(operationRule),
    failurePolicy: optionalOneOf("Fail", "Ignore"),
    matchPolicy: optionalOneOf("Equivalent", "Exact"),
    sideEffects: (value, at, errors) => {
      if (value === undefined) errors.push(fieldError.required(at, "must specify one of None, NoneOnDryRun"));
      else exactlyOneOf("None", "NoneOnDryRun")(value, at, errors);
    },
    timeoutSeconds: optional((value, at, errors) => {
      if (Number(value) < 1 || Number(value) > 30)
        errors.push(fieldError.invalid(at, value, "the timeout value must be between 1 and 30 seconds"));
    }),
    namespaceSelector: optional(labelSelector),
    objectSelector: optional(labelSelector),
    clientConfig: webhookClient,
    admissionReviewVersions: (value, at, errors) => {
      if (isUnset(value)) errors.push(fieldError.required(at, "must specify one of v1, v1beta1"));
      else reviewVersions(value, at, errors);
    },
    matchConditions: conditionsIn(MATCH_ENVIRONMENT),
    ...(mutating ? { reinvocationPolicy: optionalOneOf("IfNeeded", "Never") } : {}),
  });

const webhooks =
  (mutating: boolean): Check =>
  (value, at, errors) => {
    each(webhook(mutating))(value, at, errors);
    unique("name")(value, at, errors);
  };

export const ADMISSION = {
  "admissionregistration.k8s.io/ValidatingAdmissionPolicy": { state: fields({ spec: validatingPolicy }) },
  "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding": { state: fields({ spec: validatingBinding }) },
  "admissionregistration.k8s.io/MutatingAdmissionPolicy": { state: fields({ spec: mutatingPolicy }) },
  "admissionregistration.k8s.io/MutatingAdmissionPolicyBinding": {
    state: fields({
      spec: fields({
        policyName: required(text(dnsSubdomain)),
        paramRef: optional(paramRef),
        matchResources: optional(matchResources, mutatedOperations),
      }),
    }),
  },
  "admissionregistration.k8s.io/ValidatingWebhookConfiguration": { state: fields({ webhooks: webhooks(false) }) },
  "admissionregistration.k8s.io/MutatingWebhookConfiguration": { state: fields({ webhooks: webhooks(true) }) },
} satisfies RuleTable;
