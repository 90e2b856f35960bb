import { fieldError } from "../../status/field-error.ts";
import {
  type Check,
  child,
  each,
  exactlyOneOf,
  fields,
  isUnset,
  listOf,
  member,
  optional,
  required,
  requiredWith,
  run,
  text,
  unlessUnset,
} from "../check.ts";
import { immutable, type KindRules, type RuleTable } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import { dnsSubdomain, pathSegment } from "../names.ts";

const RBAC_GROUP = "rbac.authorization.k8s.io";

function policyRule(namespaced: boolean): Check {
  return (value, at, errors) => {
    const has = (name: string): boolean => listOf(member(value, name)).length > 0;
    if (has("nonResourceURLs")) {
      if (namespaced) {
        errors.push(
          fieldError.invalid(
            child(at, "nonResourceURLs"),
            member(value, "nonResourceURLs"),
            "namespaced rules cannot apply to non-resource URLs",
          ),
        );
      }
      if (has("apiGroups") || has("resources") || has("resourceNames")) {
        errors.push(
          fieldError.invalid(
            child(at, "nonResourceURLs"),
            member(value, "nonResourceURLs"),
            "rules cannot apply to both regular resources and non-resource URLs",
          ),
        );
      }
      return;
    }
    if (!has("apiGroups"))
      errors.push(fieldError.required(child(at, "apiGroups"), "resource rules must supply at least one api group"));
    if (!has("resources"))
      errors.push(fieldError.required(child(at, "resources"), "resource rules must supply at least one resource"));
  };
}

const SUBJECTS: Readonly<Record<string, string>> = { ServiceAccount: "", User: RBAC_GROUP, Group: RBAC_GROUP };

function subject(namespaced: boolean): Check {
  return (value, at, errors) => {
    const [kind, group] = [String(member(value, "kind") ?? ""), String(member(value, "apiGroup") ?? "")];
    const expected = SUBJECTS[kind];
    if (expected === undefined)
      return void errors.push(fieldError.notSupported(child(at, "kind"), kind, Object.keys(SUBJECTS)));
    if (group !== expected) errors.push(fieldError.notSupported(child(at, "apiGroup"), group, [expected]));
    if (kind !== "ServiceAccount") return;
    if (!isUnset(member(value, "name"))) text(dnsSubdomain)(member(value, "name"), child(at, "name"), errors);
    if (!namespaced && isUnset(member(value, "namespace"))) errors.push(fieldError.required(child(at, "namespace")));
  };
}

function binding(namespaced: boolean): KindRules {
  const kinds = namespaced ? ["Role", "ClusterRole"] : ["ClusterRole"];
  const checked = (name: Check): Check =>
    fields({
      roleRef: fields({
        apiGroup: (value, at, errors) => {
          if (value !== RBAC_GROUP) errors.push(fieldError.notSupported(at, value ?? "", [RBAC_GROUP]));
        },
        kind: exactlyOneOf(...kinds),
        name,
      }),
      subjects: each(subject(namespaced)),
    });
  const whole = checked(required(text(pathSegment)));
  return {
    name: pathSegment,
    state: checked(unlessUnset(text(pathSegment))),
    create: fields({ roleRef: fields({ name: required() }) }),
    updateState: (next) => run(whole, next),
    declared: fields({ subjects: each(fields({ name: required() })) }),
    update: immutable("roleRef"),
  };
}

const verbs: Check = fields({ rules: each(fields({ verbs: required() })) });

/** A selector that cannot be used is said so besides, with what became of it: nothing. */
const aggregated: Check = (value, at, errors) => {
  const wrong = run(labelSelector, value, at);
  errors.push(...wrong);
  if (wrong.length > 0) errors.push(fieldError.invalid(at, null, "invalid label selector."));
};

const NO_SELECTORS = "at least one clusterRoleSelector required if aggregationRule is non-nil";

export const RBAC = {
  "rbac.authorization.k8s.io/Role": {
    name: pathSegment,
    state: fields({ rules: each(policyRule(true)) }),
    declared: verbs,
  },
  "rbac.authorization.k8s.io/ClusterRole": {
    name: pathSegment,
    state: fields({
      rules: each(policyRule(false)),
      aggregationRule: optional(fields({ clusterRoleSelectors: requiredWith(NO_SELECTORS, each(aggregated)) })),
    }),
    declared: verbs,
  },
  "rbac.authorization.k8s.io/RoleBinding": binding(true),
  "rbac.authorization.k8s.io/ClusterRoleBinding": binding(false),
} satisfies RuleTable;
