import { compareSemver, SEMVER_FUNCTIONS } from "../../cel/semver.ts";
import { factsText } from "../../facts.ts";
import type { Json } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { labelKeyProblems } from "../../selectors/label-syntax.ts";
import { fieldError } from "../../status/field-error.ts";
import {
  all,
  between,
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
  optionalOneOf,
  required,
  requiredWith,
  run,
  text,
  unlessUnset,
  valueAt,
} from "../check.ts";
import { nonNegativeQuantity } from "../core/resources.ts";
import { tolerations } from "../core/scheduling.ts";
import { changed, frozen, immutable, type RuleTable, type UpdateCheck } from "../kind-rules.ts";
import { labelSelector } from "../label-selectors.ts";
import { configMapKey, dns1035Label, dnsLabel, dnsSubdomain, pathSegment } from "../names.ts";
import { labels } from "../object-meta.ts";
import { atMostWhole, countOrPercent } from "./percents.ts";

const HIGHEST_USER_PRIORITY = 1_000_000_000;
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  "system-node-critical": 2_000_001_000,
  "system-cluster-critical": 2_000_000_000,
};

function notSystemClass(name: string, value: number, isDefault: boolean): string | undefined {
  const known = SYSTEM_CLASSES[name];
  if (known === undefined) return `${name} is not a known system priority class`;
  if (known !== value) return `value of ${name} PriorityClass must be ${known}`;
  return isDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

const priorityClass: Check = (object, _at, errors) => {
  const name = String(valueAt(object, "metadata.name") ?? "");
  const value = Number(member(object, "value") ?? 0);
  if (name.startsWith("system-")) {
    const why = notSystemClass(name, value, member(object, "globalDefault") === true);
    const reserved = "priority class names with 'system-' prefix are reserved for system use only";
    if (why !== undefined) errors.push(fieldError.forbidden("metadata.name", `${reserved}. error: ${why}`));
  } else if (value > HIGHEST_USER_PRIORITY) {
    errors.push(
      fieldError.forbidden("value", `maximum allowed value of a user defined priority is ${HIGHEST_USER_PRIORITY}`),
    );
  }
  fields({ preemptionPolicy: optional(required(exactlyOneOf("PreemptLowerPriority", "Never"))) })(object, "", errors);
};

const priorityStays: UpdateCheck = (next, old) => {
  const errors = changed(next, old, "value") ? [fieldError.forbidden("value", "may not be changed in an update.")] : [];
  return changed(next, old, "preemptionPolicy")
    ? [...errors, fieldError.invalid("preemptionPolicy", valueAt(next, "preemptionPolicy"), "field is immutable")]
    : errors;
};

const budgetSpec: Check = (value, at, errors) => {
  const [available, unavailable] = [member(value, "minAvailable"), member(value, "maxUnavailable")];
  if (available !== undefined && unavailable !== undefined) {
    errors.push(fieldError.invalid(at, value, "minAvailable and maxUnavailable cannot be both set"));
  }
  fields({
    minAvailable: optional(all(countOrPercent, atMostWhole)),
    maxUnavailable: optional(all(countOrPercent, atMostWhole)),
    selector: optional(labelSelector),
    unhealthyPodEvictionPolicy: optionalOneOf("AlwaysAllow", "IfHealthyBudget"),
  })(value, at, errors);
};

const leaseSpec: Check = fields({
  leaseDurationSeconds: optional((value, at, errors) => {
    if (Number(value) <= 0) errors.push(fieldError.invalid(at, value, "must be greater than 0"));
  }),
  leaseTransitions: optional((value, at, errors) => {
    if (Number(value) < 0) errors.push(fieldError.invalid(at, value, "must be greater than or equal to 0"));
  }),
  strategy: optional((value, at, errors) => electionStrategy(value, at, errors)),
});

const preferredHolder: Check = (spec, at, errors) => {
  if (!isUnset(member(spec, "preferredHolder")) && isUnset(member(spec, "strategy")))
    errors.push(fieldError.forbidden(child(at, "preferredHolder"), "may only be specified if `strategy` is defined"));
};

const candidateSpec: Check = (value, at, errors) => {
  const [strategy, binary, emulation] = ["strategy", "binaryVersion", "emulationVersion"].map((name) =>
    String(member(value, name) ?? ""),
  ) as [string, string, string];
  required()(member(value, "leaseName"), child(at, "leaseName"), errors);
  if (emulation !== "") text(semanticVersion)(emulation, child(at, "emulationVersion"), errors);
  required(text(semanticVersion))(binary, child(at, "binaryVersion"), errors);
  if (isOlder(binary, emulation)) {
    const why = "must be greater than or equal to `emulationVersion`";
    errors.push(fieldError.invalid(child(at, "binaryVersion"), binary, why));
  }
  if (strategy === "") return void errors.push(fieldError.required(child(at, "strategy")));
  if (strategy === OLDEST && (emulation === "" || semanticVersion(emulation).length > 0)) {
    const why = "must be specified when `strategy` is 'OldestEmulationVersion'";
    errors.push(fieldError.required(child(at, "emulationVersion"), why));
  }
  electionStrategy(strategy, child(at, "strategy"), errors);
};

const OLDEST = "OldestEmulationVersion";

/** One that Kubernetes knows, or a name with a domain. Upstream names the field twice. */
const electionStrategy: Check = (value, at, errors) => {
  if (String(value).includes("/")) text(labelKeyProblems)(value, child(at, "strategy"), errors);
  else if (value !== OLDEST) errors.push(fieldError.notSupported(child(at, "strategy"), value, [OLDEST]));
};

function semanticVersion(version: string): string[] {
  return SEMVER_FUNCTIONS.isSemver(version) ? [] : ["must be a valid semantic version"];
}

/** Texts that are no versions are as the lowest. */
function isOlder(version: string, other: string): boolean {
  if (version === "" || other === "") return false;
  const valid = (text: string) => SEMVER_FUNCTIONS.semver(SEMVER_FUNCTIONS.isSemver(text) ? text : "0.0.0");
  return compareSemver(valid(version), valid(other)) < 0;
}

/** A list that needs at least one value; "*" stands alone. */
function someOf(why: string): Check {
  return (value, at, errors) => {
    const values = listOf(value);
    if (values.length === 0) errors.push(fieldError.required(at, why));
    if (values.length > 1 && values.includes("*"))
      errors.push(fieldError.invalid(at, values, "if '*' is present, must not specify other values"));
  };
}

const SUBJECT_KINDS: Readonly<Record<string, readonly string[]>> = {
  Group: ["name"],
  ServiceAccount: ["name", "namespace"],
  User: ["name"],
};

const flowSubject: Check = (value, at, errors) => {
  const kind = String(member(value, "kind") ?? "");
  const needed = SUBJECT_KINDS[kind];
  if (needed === undefined)
    return void errors.push(fieldError.notSupported(child(at, "kind"), kind, Object.keys(SUBJECT_KINDS)));
  const part = `${kind.slice(0, 1).toLowerCase()}${kind.slice(1)}`;
  if (member(value, part) === undefined)
    return void errors.push(fieldError.required(child(at, part), `${part} is required when subject kind is '${kind}'`));
  for (const name of needed) required()(valueAt(value, `${part}.${name}`), child(child(at, part), name), errors);
};

const VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

/** Verbs of the API; "*" stands alone. */
const flowVerbs: Check = (value, at, errors) => {
  const verbs = listOf(value).map((verb) => verb ?? "");
  someOf("verbs must contain at least one value")(value, at, errors);
  const isKnown = verbs.includes("*") || verbs.every((verb) => VERBS.includes(String(verb)));
  if (!isKnown) errors.push(fieldError.notSupported(at, verbs, VERBS));
};

const flowNamespaces: Check = each((value, at, errors) => {
  for (const problem of value === "*" ? [] : dnsLabel(String(value ?? "")))
    errors.push(
      fieldError.invalid(at, value ?? "", `each member of this list must be '*' or a DNS-1123 label; ${problem}`),
    );
});

const flowResourceRule: Check = (value, at, errors) => {
  fields({
    verbs: flowVerbs,
    apiGroups: someOf("resource rules must supply at least one api group"),
    resources: someOf("resource rules must supply at least one resource"),
  })(value, at, errors);
  if (isUnset(member(value, "namespaces")) && member(value, "clusterScope") !== true) {
    const why = "resource rules that are not cluster scoped must supply at least one namespace";
    errors.push(fieldError.required(child(at, "namespaces"), why));
  }
  fields({ namespaces: flowNamespaces })(value, at, errors);
};

const flowRule: Check = (value, at, errors) => {
  if (isUnset(member(value, "subjects")))
    errors.push(fieldError.required(child(at, "subjects"), "subjects must contain at least one value"));
  each(flowSubject)(member(value, "subjects"), child(at, "subjects"), errors);
  if (isUnset(member(value, "resourceRules")) && isUnset(member(value, "nonResourceRules"))) {
    const why = "at least one of resourceRules and nonResourceRules has to be non-empty";
    errors.push(fieldError.required(at, why));
  }
  fields({
    resourceRules: each(flowResourceRule),
    nonResourceRules: each(
      fields({
        verbs: flowVerbs,
        nonResourceURLs: someOf("nonResourceURLs must contain at least one value"),
      }),
    ),
  })(value, at, errors);
};

const flowSchemaSpec: Check = fields({
  matchingPrecedence: (value, at, errors) => {
    const precedence = Number(value ?? 0);
    if (precedence <= 0) errors.push(fieldError.invalid(at, precedence, "must be a positive value"));
    if (precedence > 10_000) errors.push(fieldError.invalid(at, precedence, "must not be greater than 10000"));
  },
  priorityLevelConfiguration: fields({ name: requiredWith("must reference a priority level", text(dnsSubdomain)) }),
  distinguisherMethod: optional(fields({ type: exactlyOneOf("ByNamespace", "ByUser") })),
  rules: each(flowRule),
});

const EXEMPT = "exempt";
/** Without these no request finds seats. */
const MANDATORY_FLOWS = [EXEMPT, "catch-all"];

interface FlowObject {
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

function mandatorySpec(resource: string, name: string): FlowObject["spec"] {
  const facts = JSON.parse(factsText("bootstrap.json")) as Readonly<Record<string, readonly FlowObject[]>>;
  const found = facts[`flowcontrol.apiserver.k8s.io/v1 ${resource}`]?.find(({ metadata }) => metadata.name === name);
  return found?.spec ?? {};
}

/** They are as the server makes them; who is exempt may be given shares. */
const mandatoryFlow =
  (resource: "flowschemas" | "prioritylevelconfigurations"): Check =>
  (object, _at, errors) => {
    const name = String(valueAt(object, "metadata.name") ?? "");
    if (!MANDATORY_FLOWS.includes(name)) return;
    const spec = valueAt(object, "spec");
    const wanted = mandatorySpec(resource, name);
    const hasShares = resource === "prioritylevelconfigurations" && name === EXEMPT;
    const given = { ...(spec as object), ...(hasShares && { exempt: wanted["exempt"] }) };
    if (jsonEqual(withoutNulls(given), withoutNulls(wanted))) return;
    const which = hasShares ? `'${name}' except the 'spec.exempt' field` : `'${name}'`;
    errors.push(fieldError.invalid("spec", spec, `spec of ${which} must equal the fixed value`));
  };

function withoutNulls(value: object): Json {
  return JSON.parse(JSON.stringify(value, (_name, part: unknown) => part ?? undefined)) as Json;
}

const firstPrecedence: Check = (object, _at, errors) => {
  const precedence = valueAt(object, "spec.matchingPrecedence");
  if (precedence !== 1 || valueAt(object, "metadata.name") === EXEMPT) return;
  const why = "only the schema named 'exempt' may have matchingPrecedence 1";
  errors.push(fieldError.invalid("spec.matchingPrecedence", precedence, why));
};

const exemptLevel: Check = (object, _at, errors) => {
  const type = valueAt(object, "spec.type");
  if ((valueAt(object, "metadata.name") === EXEMPT) === (type === "Exempt")) return;
  errors.push(fieldError.invalid("spec.type", type ?? "", "must be 'Exempt' if and only if `name` is 'exempt'"));
};

const noQueueBeside: Check = (response, at, errors) => {
  if (member(response, "type") !== "Queue" && member(response, "queuing") !== undefined)
    errors.push(fieldError.forbidden(child(at, "queuing"), ""));
};

const limitResponse: Check = (value, at, errors) => {
  if (value === undefined) return;
  const type = member(value, "type");
  unlessUnset(exactlyOneOf("Queue", "Reject"))(type, child(at, "type"), errors);
  noQueueBeside(value, at, errors);
  if (type === "Queue" && member(value, "queuing") === undefined)
    errors.push(fieldError.required(child(at, "queuing")));
  if (type === "Queue") optional(queuing)(member(value, "queuing"), child(at, "queuing"), errors);
};

const MOST_QUEUES = 10_000_000;
const HASH_BITS = 60;

/** What a request's hand of queues is dealt by needs so many bits of its hash. */
function entropyBits(queues: number, handSize: number): number {
  let choices = 1;
  for (let index = 0; index < handSize; index += 1) choices *= queues - index;
  return Math.ceil(Math.log2(choices));
}

const queuing: Check = (value, at, errors) => {
  const [queues, hand] = ["queues", "handSize"].map((name) => Number(member(value, name) ?? 0)) as [number, number];
  const refuse = (name: string, number: number, why: string): void =>
    void errors.push(fieldError.invalid(child(at, name), number, why));
  const length = Number(member(value, "queueLengthLimit") ?? 0);
  if (length <= 0) refuse("queueLengthLimit", length, "must be positive");
  if (queues <= 0) refuse("queues", queues, "must be positive");
  else if (queues > MOST_QUEUES) refuse("queues", queues, `must not be greater than ${MOST_QUEUES}`);
  const bits = entropyBits(queues, hand);
  if (hand <= 0) refuse("handSize", hand, "must be positive");
  else if (hand > queues) refuse("handSize", hand, `should not be greater than queues (${queues})`);
  else if (bits > HASH_BITS) {
    const why = `required entropy bits of deckSize ${queues} and handSize ${hand} should not be greater than ${HASH_BITS}`;
    refuse("handSize", hand, why);
  }
};

const priorityLevelSpec: Check = (value, at, errors) => {
  const type = member(value, "type");
  const limited = member(value, "limited");
  unlessUnset(exactlyOneOf("Exempt", "Limited"))(type, child(at, "type"), errors);
  if (type !== "Limited" && limited !== undefined) errors.push(fieldError.forbidden(child(at, "limited"), ""));
  if (type === "Limited" && limited === undefined) errors.push(fieldError.required(child(at, "limited")));
  const [shares, lent] = [member(limited, "nominalConcurrencyShares"), member(limited, "lendablePercent")];
  if (Number(shares ?? 0) < 0) {
    const here = child(at, "limited.nominalConcurrencyShares");
    errors.push(fieldError.invalid(here, shares, "must be a non-negative integer"));
  }
  if (lent !== undefined) between(0, 100)(lent, child(at, "limited.lendablePercent"), errors);
  if (type === "Limited" && limited !== undefined)
    limitResponse(member(limited, "limitResponse"), child(at, "limited.limitResponse"), errors);
};

/** What is limited is looked into by what its type declares alone where nothing is to be limited. */
const declaredResponse: Check = (spec, at, errors) => {
  const [response, here] = [member(member(spec, "limited"), "limitResponse"), child(at, "limited.limitResponse")];
  if (member(spec, "type") !== "Limited") noQueueBeside(response, here, errors);
  if (response !== undefined) fields({ type: required() })(response, here, errors);
};

const TOLERATION_KEYS = ["key", "operator", "value", "effect"];

const distinctTolerations: Check = (value, at, errors) => {
  const seen = new Set<string>();
  listOf(value).forEach((toleration, index) => {
    const id = JSON.stringify(TOLERATION_KEYS.map((name) => member(toleration, name) ?? ""));
    if (seen.has(id)) errors.push(fieldError.duplicate(element(at, index), toleration));
    seen.add(id);
  });
};

const runtimeClass: Check = fields({
  overhead: optional(
    fields({
      podFixed: (value, at, errors) => {
        const here = at.replace(/podFixed$/, "limits"); // upstream checks it as the limits of a container
        for (const [name, amount] of entriesOf(value)) nonNegativeQuantity(amount, element(here, name), errors);
      },
    }),
  ),
  scheduling: optional(fields({ nodeSelector: labels, tolerations: all(tolerations, distinctTolerations) })),
});

const serviceReference: Check = fields({
  namespace: required(),
  name: required(),
  port: optional((value, at, errors) => {
    const why = "port is not valid: must be between 1 and 65535, inclusive";
    if (Number(value) < 1 || Number(value) > 65_535) errors.push(fieldError.invalid(at, value, why));
  }),
});

const runtimeHandler: Check = fields({ handler: text(dnsLabel) });

/** An empty handler is refused where the others are that types declare of themselves. */
const handlerStays: UpdateCheck = (next, old) => [
  ...frozen("handler")(next, old, { kind: { group: "node.k8s.io", version: "v1", kind: "RuntimeClass" } }),
  ...run(fields({ handler: required() }), next),
];

const apiService: Check = (object, _at, errors) => {
  const spec = member(object, "spec");
  const [group, version] = [String(member(spec, "group") ?? ""), String(member(spec, "version") ?? "")];
  const wanted = `${version}.${group}`;
  for (const at of ["metadata.generateName", "metadata.name"]) {
    const name = valueAt(object, at);
    if (name !== wanted && !isUnset(name))
      errors.push(fieldError.invalid(at, name, `must be \`spec.version+"."+spec.group\`: "${wanted}"`));
  }
  if (group !== "") text(dnsSubdomain)(group, "spec.group", errors);
  else if (version !== "v1")
    errors.push(fieldError.required("spec.group", "only v1 may have an empty group and it better be legacy kube"));
  text(dns1035Label)(version, "spec.version", errors);
  inRange(member(spec, "groupPriorityMinimum"), 20_000, "spec.groupPriorityMinimum", errors);
  inRange(member(spec, "versionPriority"), 1000, "spec.versionPriority", errors);
  if (member(spec, "service") === undefined) return localService(spec, errors);
  serviceReference(member(spec, "service"), "spec.service", errors);
  if (member(spec, "insecureSkipTLSVerify") === true && !isUnset(member(spec, "caBundle")))
    errors.push(fieldError.invalid("spec.insecureSkipTLSVerify", true, "may not be true if caBundle is present"));
};

/** What this server serves itself has no certificate. */
function localService(spec: unknown, errors: Parameters<Check>[2]): void {
  const bundle = String(member(spec, "caBundle") ?? "");
  const refuse = (name: string, value: unknown, what: string) =>
    errors.push(fieldError.invalid(`spec.${name}`, value, `local APIServices may not have ${what}`));
  if (bundle !== "") refuse("caBundle", `${atob(bundle).length} bytes`, "a caBundle");
  if (member(spec, "insecureSkipTLSVerify") === true) refuse("insecureSkipTLSVerify", true, "insecureSkipTLSVerify");
}

function inRange(value: unknown, high: number, at: string, errors: Parameters<Check>[2]): void {
  const number = Number(value ?? 0);
  if (number <= 0 || number > high)
    errors.push(fieldError.invalid(at, value ?? 0, `must be positive and less than ${high}`));
}

export const CLUSTER = {
  "scheduling.k8s.io/PriorityClass": { state: priorityClass, updateState: () => [], update: priorityStays },
  "policy/PodDisruptionBudget": { name: pathSegment, state: fields({ spec: budgetSpec }) },
  "coordination.k8s.io/Lease": { state: fields({ spec: all(leaseSpec, preferredHolder) }) },
  "coordination.k8s.io/LeaseCandidate": {
    name: configMapKey,
    state: fields({ spec: candidateSpec }),
    update: immutable("spec.leaseName"),
  },
  "flowcontrol.apiserver.k8s.io/FlowSchema": {
    state: all(mandatoryFlow("flowschemas"), firstPrecedence, fields({ spec: flowSchemaSpec })),
  },
  "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration": {
    state: all(exemptLevel, mandatoryFlow("prioritylevelconfigurations"), fields({ spec: priorityLevelSpec })),
    declared: fields({
      spec: all(fields({ type: required() }), declaredResponse),
    }),
  },
  "node.k8s.io/RuntimeClass": {
    state: runtimeClass,
    create: fields({ handler: required(text(dnsLabel)) }),
    updateState: (next) => [...(isUnset(next["handler"]) ? [] : run(runtimeHandler, next)), ...run(runtimeClass, next)],
    declaredUpdate: handlerStays,
  },
  "apiregistration.k8s.io/APIService": { name: pathSegment, state: apiService },
} satisfies RuleTable;
