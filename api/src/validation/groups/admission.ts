import { type CelEnvironment, MATCH_ENVIRONMENT, POLICY_ENVIRONMENT } from "../../cel/index.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
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
  unlessUnset,
} from "../check.ts";
import type { RuleTable } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import { dns1035Label, dnsSubdomain } from "../names.ts";
import { celExpression } from "./cel-expression.ts";
import { reviewVersions, webhookClient } from "./webhook-client.ts";

const OPERATIONS = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"] as const;

const operationRule: Check = fields({
  operations: requiredWith("", each(exactlyOneOf(...OPERATIONS))),
  apiGroups: required(),
  apiVersions: required(each(required())),
  resources: required(each(required())),
  scope: optionalOneOf("*", "Cluster", "Namespaced"),
});

const matchResources: Check = fields({
  namespaceSelector: (value, at, errors) => {
    if (value === undefined) errors.push(fieldError.required(at));
    else labelSelector(value, at, errors);
  },
  objectSelector: (value, at, errors) => {
    if (value === undefined) errors.push(fieldError.required(at));
    else labelSelector(value, at, errors);
  },
  resourceRules: each(operationRule),
  excludeResourceRules: each(operationRule),
  matchPolicy: optionalOneOf("Equivalent", "Exact"),
});

const constraints: Check = (value, at, errors) => {
  if (value === undefined) return void errors.push(fieldError.required(at));
  matchResources(value, at, errors);
  if (isUnset(member(value, "resourceRules"))) errors.push(fieldError.required(child(at, "resourceRules")));
};

const conditionsIn = (environment: CelEnvironment): Check =>
  each(fields({ name: required(text(labelKeyProblems)), expression: required(celExpression(environment, "bool")) }));

const policyConditions = conditionsIn(POLICY_ENVIRONMENT);

const variables: Check = each(
  fields({
    name: requiredWith("name is not specified", (value, at, errors) => {
      if (!/^[_a-zA-Z][_a-zA-Z0-9]*$/.test(String(value)))
        errors.push(fieldError.invalid(at, value, "must be a valid CEL identifier"));
    }),
    expression: requiredWith("expression is not specified", celExpression(POLICY_ENVIRONMENT)),
  }),
);

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
  fields({
    paramKind,
    failurePolicy: optionalOneOf("Fail", "Ignore"),
    matchConstraints: constraints,
    matchConditions: policyConditions,
    variables,
  })(value, at, errors);
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
      expression: requiredWith("expression is not specified", celExpression(POLICY_ENVIRONMENT, "bool")),
      messageExpression: optional(celExpression(POLICY_ENVIRONMENT, "string")),
    }),
  )(validations, child(at, "validations"), errors);
  each(
    fields({
      key: required(text(labelKeyProblems)),
      valueExpression: required(celExpression(POLICY_ENVIRONMENT, "string", "null_type")),
    }),
  )(audits, child(at, "auditAnnotations"), errors);
};

const mutation: Check = (value, at, errors) => {
  const type = member(value, "patchType");
  const [apply, patch] = [member(value, "applyConfiguration"), member(value, "jsonPatch")];
  if (isUnset(type)) errors.push(fieldError.required(child(at, "patchType")));
  else if (type === "ApplyConfiguration") {
    if (apply === undefined)
      errors.push(
        fieldError.required(child(at, "applyConfiguration"), "must be specified when patchType is ApplyConfiguration"),
      );
    if (patch !== undefined)
      errors.push(
        fieldError.invalid(child(at, "jsonPatch"), "{}", "must not be specified when patchType is ApplyConfiguration"),
      );
  } else if (type === "JSONPatch") {
    if (patch === undefined)
      errors.push(fieldError.required(child(at, "jsonPatch"), "must be specified when patchType is JSONPatch"));
    if (apply !== undefined)
      errors.push(
        fieldError.invalid(child(at, "applyConfiguration"), "{}", "must not be specified when patchType is JSONPatch"),
      );
  } else exactlyOneOf("ApplyConfiguration", "JSONPatch")(type, child(at, "patchType"), errors);
  const expression = (types: string) => fields({ expression: required(celExpression(POLICY_ENVIRONMENT, types)) });
  if (apply !== undefined) expression("Object")(apply, child(at, "applyConfiguration"), errors);
  if (patch !== undefined) expression("list")(patch, child(at, "jsonPatch"), errors);
};

const MUTATED = ["*", "CONNECT", "CREATE", "UPDATE"] as const;

/** What is deleted cannot be changed. Upstream names no element. */
const mutatedOperations: Check = (value, at, errors) => {
  for (const rule of listOf(member(value, "resourceRules")))
    for (const operation of listOf(member(rule, "operations")))
      if (!MUTATED.includes((operation ?? "") as never))
        errors.push(fieldError.notSupported(child(at, "resourceRules.operations"), operation ?? "", MUTATED));
};

const mutatingPolicy: Check = fields({
  paramKind,
  failurePolicy: optionalOneOf("Fail", "Ignore"),
  matchConstraints: all(constraints, mutatedOperations),
  matchConditions: policyConditions,
  variables,
  mutations: requiredWith("mutations must contain at least one item", each(mutation)),
  reinvocationPolicy: oneOf("IfNeeded", "Never"),
});

const paramRef: Check = (value, at, errors) => {
  const [name, selector] = [member(value, "name"), member(value, "selector")];
  if (isUnset(name) && selector === undefined)
    errors.push(fieldError.required(at, "one of name or selector must be specified"));
  if (!isUnset(name) && selector !== undefined)
    errors.push(fieldError.forbidden(child(at, "name"), "name and selector are mutually exclusive"));
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
