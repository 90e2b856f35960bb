import { describe, expect, test } from "vitest";
import defaults from "../../facts/defaults.json" with { type: "json" };
import { applyDefaults } from "../defaults/index.ts";
import { resourceOf } from "../kinds.ts";
import type { Unstructured } from "../object.ts";
import { type GroupVersionKind, parseApiVersion } from "../schema.ts";
import { fieldErrorMessage } from "../status/field-error.ts";
import { validateCreate, validateUpdate } from "./validate.ts";

const OBJECTS = defaults.objects as unknown as Readonly<Record<string, { readonly out: Unstructured }>>;
/** Tails of upstream's messages. */
const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_1035 =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** What is said of an expression that cannot be compiled. @param column From 1. */
function failed(expression: string, column: number, why: string): string {
  return `compilation failed: ERROR: <input>:1:${column}: ${why}\n | ${expression}\n | ${".".repeat(column - 1)}^`;
}

function unknown(field: string, expression: string, column: number): string {
  const [name] = expression.slice(column - 1).split(".");
  const why = failed(expression, column, `undeclared reference to '${name}' (in container '')`);
  return `spec.${field}: Invalid value: "${expression}": ${why}`;
}

function kindOf(name: string): GroupVersionKind {
  const [apiVersion = "", resource = ""] = name.split(" ");
  const version = parseApiVersion(apiVersion);
  return { ...version, kind: resourceOf({ ...version, resource })!.kind };
}

/** A recorded object with another value at a path; undefined takes it away. */
function edited(name: string, path: string, value: unknown): Unstructured {
  const copy = structuredClone(OBJECTS[name]!.out) as unknown as Record<string, unknown>;
  const keys = path.split(".");
  const last = keys.pop()!;
  const at = keys.reduce<Record<string, unknown>>((part, key) => part[key] as Record<string, unknown>, copy);
  if (value === undefined) delete at[last];
  else at[last] = value;
  return applyDefaults(kindOf(name), copy as unknown as Unstructured);
}

type Row = readonly [object: string, path: string, value: unknown, ...messages: readonly unknown[]];

const FLOWS = "flowcontrol.apiserver.k8s.io/v1 flowschemas #rules";
const QUEUES = "flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations #queue";
const SCALER = "autoscaling/v2 horizontalpodautoscalers #behavior";
const CLAIM = "resource.k8s.io/v1 resourceclaims #request";
const SLICE = "resource.k8s.io/v1 resourceslices #device";
const TAINT_RULE = "resource.k8s.io/v1 devicetaintrules";
const DEVICES = "resource.k8s.io/v1 deviceclasses #selectors";
const INLINE = "storage.k8s.io/v1 volumeattachments #inline";
const ATTACHMENT = "storage.k8s.io/v1 volumeattachments";
const MIGRATION = "storagemigration.k8s.io/v1 storageversionmigrations";
const VALIDATING = "admissionregistration.k8s.io/v1 validatingadmissionpolicies";
const MUTATING = "admissionregistration.k8s.io/v1 mutatingadmissionpolicies";
const WEBHOOK = "admissionregistration.k8s.io/v1 mutatingwebhookconfigurations #url";
const SERVED = "admissionregistration.k8s.io/v1 validatingwebhookconfigurations #webhook";
const REQUEST_FOR = "certificates.k8s.io/v1 certificatesigningrequests";
const CERTIFIED = "certificates.k8s.io/v1 podcertificaterequests";
const BINDING = "rbac.authorization.k8s.io/v1 rolebindings #subjects";
const SLICED = "discovery.k8s.io/v1 endpointslices #ports";
const AGGREGATED = "apiregistration.k8s.io/v1 apiservices";
const RUNTIME = "node.k8s.io/v1 runtimeclasses #overhead";
const DEFINITION = "apiextensions.k8s.io/v1 customresourcedefinitions";
const INGRESS = "networking.k8s.io/v1 ingresses #rules";
const POLICY = "networking.k8s.io/v1 networkpolicies #egress";
const COPY = "v1 persistentvolumeclaims #dataSource";
const SERVICE = "v1 services #headless";
const EVENT = "events.k8s.io/v1 events";

const QUEUING = "spec.limited.limitResponse.queuing";
const REQUEST = "spec.devices.requests.0";
const EXACT = "spec.devices.requests[0].exactly";
const CAPACITY = "spec.devices[0].capacity";
const DEVICE_PLACE =
  "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
const IDENTIFIER =
  "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')";

/** As many counters. */
const many = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`c${index + 10}`, { value: "1" }]));

/** A device of whose capacities, of 10 each, claims may ask for a part. */
const shared = (policies: Readonly<Record<string, unknown>>) => ({
  name: "d",
  allowMultipleAllocations: true,
  capacity: Object.fromEntries(
    Object.entries(policies).map(([name, requestPolicy]) => [name, { value: "10", requestPolicy }]),
  ),
});
const RULE = "spec.rules.0.resourceRules.0";
const INLINE_SPEC = "spec.source.inlineVolumeSpec";

/** What a policy is about. */
const MATCHED = {
  ...{ namespaceSelector: {}, objectSelector: {}, matchPolicy: "Equivalent" },
  resourceRules: [{ operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] }],
};

const NEW: readonly Row[] = [
  ...(
    [
      [{ expression: "true", reason: "Teapot" }, "reason", /^Unsupported value: "Teapot"/],
      [{ expression: "true", message: "a\nb" }, "message", /must not contain line breaks$/],
      [{ expression: "true", message: " " }, "message", /must be non-empty if specified$/],
      [{ expression: "params.x == 1" }, "expression", /undeclared reference to 'params'/],
      [{ expression: "true", messageExpression: "string(authorizer)" }, "messageExpression", /undeclared reference/],
    ] as const
  ).map(
    ([validation, field, why]): Row => [
      VALIDATING,
      "spec",
      { matchConstraints: MATCHED, validations: [validation] },
      expect.stringMatching(new RegExp(`^spec.validations\\[0\\].${field}: .*${why.source.replace("^", "")}`, "s")),
    ],
  ),
  [
    VALIDATING,
    "spec",
    {
      matchConstraints: {
        ...MATCHED,
        resourceRules: [
          {
            operations: ["*", "CREATE"],
            apiGroups: ["*", "a"],
            apiVersions: ["*", "v1"],
            resources: ["pods/*", "pods/status", "*/*"],
            resourceNames: ["a", "a"],
          },
        ],
      },
      matchConditions: [
        { name: "a", expression: "true" },
        { name: "a", expression: "true" },
      ],
      validations: [{ expression: "true" }],
    },
    expect.stringContaining("if '*' is present, must not specify other operations"),
    expect.stringContaining("if '*' is present, must not specify other API groups"),
    expect.stringContaining("if '*' is present, must not specify other API versions"),
    expect.stringContaining("if 'pods/*' is present, must not specify pods/status"),
    expect.stringContaining("if '*/*' is present, must not specify other resources"),
    expect.stringContaining('resourceNames[1]: Duplicate value: "a"'),
    'spec.matchConditions[1].name: Duplicate value: "a"',
  ],
  [
    WEBHOOK,
    "webhooks.0.clientConfig",
    { service: { name: "s", namespace: "n", path: "x" } },
    expect.stringContaining("must start with a '/'"),
    expect.stringContaining("segment[0] may not be empty"),
  ],
  [
    WEBHOOK,
    "webhooks.0.admissionReviewVersions",
    ["v1", "v1"],
    expect.stringMatching(/admissionReviewVersions\[1\]: Invalid value: "v1": duplicate version$/),
  ],
  [
    POLICY,
    "spec.egress",
    [{ to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16", "10.0.0.0/8", "10.1.0.0/16"] } }] }],
    'spec.egress[0].to[0].ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of `cidr`',
    'spec.egress[0].to[0].ipBlock.except[1]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
  ],
  [
    SLICED,
    "endpoints",
    [{ addresses: ["10.1.2.3"], nodeName: "A_b", hints: { forZones: [{ name: "a" }, { name: "a" }] } }],
    `endpoints[0].nodeName: Invalid value: "A_b": ${SUBDOMAIN}`,
    'endpoints[0].hints.forZones[1].name: Duplicate value: "a"',
  ],
  [SLICED, "ports", [{ name: "a", appProtocol: "a b" }], expect.stringMatching(/^ports\[0\].appProtocol: .*name part/)],
  [
    "storage.k8s.io/v1 csidrivers",
    "spec.tokenRequests",
    [{ audience: "a" }, { audience: "a" }],
    'spec.tokenRequests[1].audience: Duplicate value: "a"',
  ],
  [
    SCALER,
    "spec.metrics",
    [
      { type: "Pods", pods: { metric: { name: "m" }, target: { type: "Value", value: "1" } } },
      {
        type: "External",
        external: { metric: { name: "a/b" }, target: { type: "Value", value: "1", averageValue: "-1" } },
      },
      { type: "ContainerResource", containerResource: { name: "cpu", target: { type: "Utilization" } } },
      {
        type: "Object",
        object: {
          describedObject: { kind: "Service", name: "s", apiVersion: "v1" },
          metric: { name: "m" },
          target: { type: "Value", value: "1" },
        },
      },
    ],
    "spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue",
    "spec.metrics[1].external.metric.name: Invalid value: \"a/b\": may not contain '/'",
    'spec.metrics[1].external.target.averageValue: Invalid value: "-1": must be positive',
    "spec.metrics[1].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target",
    "spec.metrics[2].containerResource.container: Required value: must specify a container",
    "spec.metrics[2].containerResource.target.averageUtilization: Required value: must set either a target raw value or a target utilization",
  ],
  [FLOWS, "spec.matchingPrecedence", -1, "spec.matchingPrecedence: Invalid value: -1: must be a positive value"],
  [
    FLOWS,
    "spec.matchingPrecedence",
    1,
    "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
  ],
  [FLOWS, "metadata.name", "catch-all", expect.stringMatching(/spec of 'catch-all' must equal the fixed value$/)],
  [QUEUES, "metadata.name", "catch-all", expect.stringMatching(/spec of 'catch-all' must equal the fixed value$/)],
  [
    QUEUES,
    "metadata.name",
    "exempt",
    "spec.type: Invalid value: \"Limited\": must be 'Exempt' if and only if `name` is 'exempt'",
    expect.stringMatching(/spec of 'exempt' except the 'spec.exempt' field must equal the fixed value$/),
  ],
  [
    FLOWS,
    "spec.priorityLevelConfiguration.name",
    "A_b",
    `spec.priorityLevelConfiguration.name: Invalid value: "A_b": ${SUBDOMAIN}`,
  ],
  [
    FLOWS,
    `${RULE}.verbs`,
    ["look"],
    'spec.rules[0].resourceRules[0].verbs: Unsupported value: ["look"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"',
  ],
  [
    FLOWS,
    `${RULE}.namespaces`,
    ["A_b"],
    `spec.rules[0].resourceRules[0].namespaces[0]: Invalid value: "A_b": each member of this list must be '*' or a DNS-1123 label; ${LABEL}`,
  ],
  [QUEUES, "spec.limited", undefined, "spec.limited: Required value"],
  [QUEUES, QUEUING, undefined, `${QUEUING}: Required value`],
  [
    QUEUES,
    `${QUEUING}.queues`,
    -1,
    `${QUEUING}.queues: Invalid value: -1: must be positive`,
    `${QUEUING}.handSize: Invalid value: 8: should not be greater than queues (-1)`,
  ],
  [
    QUEUES,
    QUEUING,
    { queues: 1000, handSize: 8, queueLengthLimit: -1 },
    `${QUEUING}.queueLengthLimit: Invalid value: -1: must be positive`,
    `${QUEUING}.handSize: Invalid value: 8: required entropy bits of deckSize 1000 and handSize 8 should not be greater than 60`,
  ],
  [
    SCALER,
    "spec.behavior.scaleUp.policies",
    [],
    "spec.behavior.scaleUp.policies: Required value: must specify at least one Policy",
  ],
  [
    SCALER,
    "spec.behavior.scaleUp.selectPolicy",
    "",
    'spec.behavior.scaleUp.selectPolicy: Unsupported value: "": supported values: "Disabled", "Max", "Min"',
  ],
  [
    SCALER,
    "spec.metrics.0.type",
    "",
    "spec.metrics[0].type: Required value: must specify a metric source type",
    'spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"',
  ],
  [CLAIM, `${REQUEST}.name`, "", `spec.devices.requests[0].name: Invalid value: "": ${LABEL}`],
  [
    CLAIM,
    `${REQUEST}.exactly`,
    undefined,
    "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
  ],
  [CLAIM, `${REQUEST}.exactly.deviceClassName`, "", `${EXACT}.deviceClassName: Required value`],
  [CLAIM, `${REQUEST}.exactly.count`, -1, `${EXACT}.count: Invalid value: -1: must be greater than zero`],
  [
    CLAIM,
    `${REQUEST}.exactly.allocationMode`,
    "Some",
    `${EXACT}.allocationMode: Unsupported value: "Some": supported values: "All", "ExactCount"`,
  ],
  [SLICE, "spec.devices.0.name", "A_b", `spec.devices[0].name: Invalid value: "A_b": ${LABEL}`],
  [SLICE, "spec.pool.generation", -1, "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero"],
  [
    SLICE,
    "spec.devices.0.attributes",
    { a: {} },
    'spec.devices[0].attributes[a]: Invalid value: "": must specify one of: `int`, `bool`, `string`, `version`, `ints`, `bools`, `strings`, `versions`',
  ],
  [
    SLICE,
    "spec",
    { driver: "A_b", pool: { name: "", resourceSliceCount: 0 }, nodeName: "a", sharedCounters: [], devices: [] },
    `spec.driver: Invalid value: "A_b": ${SUBDOMAIN}`,
    "spec.pool.name: Required value",
    "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero",
    'spec: Invalid value: "": only one of `sharedCounters` or `devices` is allowed',
  ],
  [
    SLICE,
    "spec",
    {
      driver: "d",
      pool: { name: "p", resourceSliceCount: 1 },
      allNodes: true,
      sharedCounters: [
        { name: "A_b" },
        { name: "a", counters: { A_b: { value: "1" } } },
        { name: "a", counters: many(33) },
      ],
    },
    "spec.sharedCounters[2].counters: Too many: 33: must have at most 32 items",
    `spec.sharedCounters[2]: Duplicate value: {"name":"a","counters":${JSON.stringify(many(33))}}`,
    `spec.sharedCounters[0].name: Invalid value: "A_b": ${LABEL}`,
    "spec.sharedCounters[0].counters: Required value",
    `spec.sharedCounters[1].counters: Invalid value: "A_b": ${LABEL}`,
  ],
  [
    SLICE,
    "spec",
    {
      driver: "d",
      pool: { name: "p", resourceSliceCount: 1 },
      nodeSelector: { nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "Exists" }] }, {}] },
      allNodes: false,
    },
    'spec.nodeSelector.nodeSelectorTerms: Invalid value: [{"MatchExpressions":[{"Key":"a","Operator":"Exists","Values":null}],"MatchFields":null},{"MatchExpressions":null,"MatchFields":null}]: must have exactly one node selector term',
    "spec.allNodes: Invalid value: false: must be either unset or set to true",
  ],
  [
    SLICE,
    "spec.devices.0.consumesCounters",
    [{ counterSet: "a", counters: { a: { value: "1" } } }, { counterSet: "a" }],
    'spec.devices[0].consumesCounters[1]: Duplicate value: {"counterSet":"a"}',
    "spec.devices[0].consumesCounters[1].counters: Required value",
  ],
  [
    SLICE,
    "spec.devices.0.consumesCounters",
    [{ counterSet: "a" }, { counterSet: "b" }, { counterSet: "c" }],
    "spec.devices[0].consumesCounters: Too many: 3: must have at most 2 items",
  ],
  [
    SLICE,
    "spec.devices.0.taints",
    [{ key: "a b", value: "c d", effect: "Never" }, { key: "a" }],
    `spec.devices[0].taints[0].key: Invalid value: "a b": ${QUALIFIED}`,
    `spec.devices[0].taints[0].value: Invalid value: "c d": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
    'spec.devices[0].taints[0].effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
    "spec.devices[0].taints[1].effect: Required value",
  ],
  [
    SLICE,
    "spec.devices.0.attributes",
    { "a/b-c": { string: "x".repeat(65) }, "/d": { version: "1.0" }, [`e${"e".repeat(32)}`]: { bool: true, int: 1 } },
    `spec.devices[0].attributes: Invalid value: "b-c": ${IDENTIFIER}`,
    "spec.devices[0].attributes[a/b-c].string: Too long: may not be more than 64 bytes",
    'spec.devices[0].attributes: Invalid value: "": the domain must not be empty',
    'spec.devices[0].attributes[/d].version: Invalid value: "1.0": must be a string compatible with semver.org spec 2.0.0',
    "spec.devices[0].attributes: Too long: may not be more than 32 bytes",
    `spec.devices[0].attributes[e${"e".repeat(32)}]: Invalid value: "{int, bool}": must specify exactly one of: \`int\`, \`bool\`, \`string\`, \`version\`, \`ints\`, \`bools\`, \`strings\`, \`versions\``,
  ],
  [
    SLICE,
    "spec.devices.0.attributes",
    Object.fromEntries(Array.from({ length: 49 }, (_, index) => [`a${index}`, { bool: true }])),
    "spec.devices[0]: Invalid value: 50: the total number of attributes and capacities must not exceed 32",
    "spec.devices[0]: Invalid value: 49: the total number of attribute values must not exceed 48",
  ],
  [
    SLICE,
    "spec.devices.0.capacity",
    { a: { value: "1", requestPolicy: { default: "1" } } },
    "spec.devices[0].capacity[a].requestPolicy: Forbidden: allowMultipleAllocations must be true",
  ],
  [
    SLICE,
    "spec.devices.0",
    shared({
      a: { default: "1", validValues: ["1"], validRange: { min: "1" } },
      b: { validValues: ["1"] },
      c: { default: "3", validValues: ["2", "1", "1500m", "11"] },
      d: { validRange: { min: "1" } },
      e: { default: "1", validRange: {} },
      f: { default: "1", validRange: { min: "2", max: "20", step: "9" } },
      g: { default: "12", validRange: { min: "11", max: "10", step: "0" } },
      h: { default: "2", validRange: { min: "1", max: "5", step: "3" } },
      i: { default: "-1", validRange: { min: "-1", step: "1" } },
    }),
    `${CAPACITY}[a].requestPolicy: Forbidden: exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time`,
    `${CAPACITY}[b].requestPolicy.default: Required value: required when validValues is defined`,
    `${CAPACITY}[c].requestPolicy.validValues[1]: Invalid value: "1": values must be sorted in ascending order`,
    `${CAPACITY}[c].requestPolicy.validValues[3]: Invalid value: "11": option is larger than capacity value: 10`,
    `${CAPACITY}[c].requestPolicy.validValues[2]: Duplicate value: "2"`,
    `${CAPACITY}[c].requestPolicy.validValues: Invalid value: "3": default value is not valid according to the requestPolicy`,
    `${CAPACITY}[d].requestPolicy.default: Required value: required when validRange is defined`,
    `${CAPACITY}[e].requestPolicy.validRange.min: Required value: required when validRange is defined`,
    `${CAPACITY}[f].requestPolicy.validRange.default: Invalid value: "1": default is less than min: 2`,
    `${CAPACITY}[f].requestPolicy.validRange.max: Invalid value: "20": max is larger than capacity value: 10`,
    `${CAPACITY}[f].requestPolicy.validRange.step: Invalid value: "9": one step 11 is larger than capacity value: 10`,
    `${CAPACITY}[f].requestPolicy.validRange.step: Invalid value: "1": value is not a multiple of a given step (9) from (2)`,
    `${CAPACITY}[g].requestPolicy.validRange.min: Invalid value: "11": min is larger than capacity value: 10`,
    `${CAPACITY}[g].requestPolicy.validRange.max: Invalid value: "11": min is larger than max: 10`,
    `${CAPACITY}[g].requestPolicy.validRange.default: Invalid value: "12": default is more than max: 10`,
    `${CAPACITY}[g].requestPolicy.validRange.step: Invalid value: "0": must be greater than zero`,
    `${CAPACITY}[h].requestPolicy.validRange.step: Invalid value: "2": value is not a multiple of a given step (3) from (1)`,
    `${CAPACITY}[h].requestPolicy.validRange.step: Invalid value: "5": value is not a multiple of a given step (3) from (1)`,
    `${CAPACITY}[i].requestPolicy.validRange.default: Invalid value: "-1": must be greater than or equal to 0`,
    `${CAPACITY}[i].requestPolicy.validRange.min: Invalid value: "-1": must be greater than or equal to 0`,
  ],
  [
    SLICE,
    "spec.devices.0.nodeName",
    "a",
    "spec.devices[0]: Invalid value: null: `nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec",
  ],
  [
    SLICE,
    "spec",
    {
      driver: "d",
      pool: { name: "p", resourceSliceCount: 1 },
      perDeviceNodeSelection: true,
      devices: [
        { name: "a" },
        { name: "b", nodeName: "b", allNodes: true },
        { name: "b", allNodes: false, nodeName: "B" },
      ],
    },
    `spec.devices[0]: Required value: ${DEVICE_PLACE}`,
    `spec.devices[1]: Invalid value: "{\`nodeName\`, \`allNodes\`}": ${DEVICE_PLACE}`,
    `spec.devices[2].nodeName: Invalid value: "B": ${SUBDOMAIN}`,
    "spec.devices[2].allNodes: Invalid value: false: must be either unset or set to true",
    'spec.devices[2]: Duplicate value: "b"',
  ],
  [
    SLICE,
    "spec.devices",
    Array.from({ length: 65 }, (_, index) => ({
      name: `d${index}`,
      ...(index === 64 ? { taints: [{ key: "a", effect: "None" }] } : {}),
    })),
    "spec.devices: Too many: 65: must have at most 64 items",
  ],
  [
    SLICE,
    "spec.devices.0",
    { name: "d", bindingConditions: ["a", "a"], bindingFailureConditions: ["a", "b"] },
    'spec.devices[0].bindingConditions[1]: Duplicate value: "a"',
    'spec.devices[0].bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with bindingConditions',
  ],
  [
    SLICE,
    "spec.devices.0.bindingConditions",
    ["a", "b", "c", "d", "e"],
    "spec.devices[0].bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use bindingConditions",
    "spec.devices[0].bindingConditions: Too many: 5: must have at most 4 items",
  ],
  [
    TAINT_RULE,
    "spec",
    { deviceSelector: { driver: "A_b", pool: "p//q", device: "A_b" }, taint: { key: "a", effect: "Never" } },
    `spec.deviceSelector.driver: Invalid value: "A_b": ${SUBDOMAIN}`,
    `spec.deviceSelector.pool: Invalid value: "": ${SUBDOMAIN}`,
    `spec.deviceSelector.device: Invalid value: "A_b": ${LABEL}`,
    'spec.taint.effect: Unsupported value: "Never": supported values: "NoExecute", "NoSchedule", "None"',
  ],
  [
    INLINE,
    INLINE_SPEC,
    {},
    `${INLINE_SPEC}.csi: Required value: has to be specified in the context of inline volumes`,
    `${INLINE_SPEC}.accessModes: Required value`,
    `${INLINE_SPEC}: Required value: must specify a volume type`,
  ],
  [
    INLINE,
    `${INLINE_SPEC}.storageClassName`,
    "fast",
    `${INLINE_SPEC}.storageClassName: Forbidden: may not be specified in the context of inline volumes`,
  ],
  [
    ATTACHMENT,
    "spec.source.persistentVolumeName",
    "",
    "spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName",
    `spec.source.persistentVolumeName: Invalid value: "": ${SUBDOMAIN}`,
  ],
  [MIGRATION, "spec.resource.resource", "", "spec.resource.resource: Required value: resource is required to be set"],
  [MIGRATION, "spec.resource.group", "A_b", `spec.resource.group: Invalid value: "A_b": ${SUBDOMAIN}`],
  [
    VALIDATING,
    "spec.paramKind",
    { apiVersion: "a/b/c", kind: "A_b" },
    'spec.paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    `spec.paramKind.kind: Invalid value: "A_b": may have mixed case, but should otherwise match: ${LABEL_1035}`,
  ],
  [
    VALIDATING,
    "spec.paramKind",
    {},
    "spec.paramKind.apiVersion: Required value",
    "spec.paramKind.kind: Required value",
  ],
  [
    VALIDATING,
    "spec.failurePolicy",
    "",
    'spec.failurePolicy: Unsupported value: "": supported values: "Fail", "Ignore"',
  ],
  [
    VALIDATING,
    "spec.variables",
    [{ name: "a b" }],
    'spec.variables[0].name: Invalid value: "a b": must be a valid CEL identifier',
    "spec.variables[0].expression: Required value: expression is not specified",
  ],
  [
    VALIDATING,
    "spec.validations",
    [{ expression: "variables.x" }],
    unknown("validations[0].expression", "variables.x", 1),
  ],
  [
    VALIDATING,
    "spec.variables",
    [
      { name: "a", expression: "variables.b" },
      { name: "b", expression: "'x'" },
      { name: "c", expression: "variables.b + 1" },
      { name: "true", expression: "1" },
      { name: "d", expression: "variables.c" },
    ],
    `spec.variables[0].expression: Invalid value: "variables.b": ${failed("variables.b", 10, "undefined field 'b'")}`,
    `spec.variables[2].expression: Invalid value: "variables.b + 1": ${failed("variables.b + 1", 13, "found no matching overload for '_+_' applied to '(string, int)'")}`,
    'spec.variables[3].name: Invalid value: "true": must be a valid CEL identifier',
  ],
  ...(
    [
      ["1", "must evaluate to bool but got int"],
      ["['a']", "must evaluate to bool but got list(string)"],
      [
        "{'a': timestamp('2026-01-01T00:00:00Z')}",
        "must evaluate to bool but got map(string, google.protobuf.Timestamp)",
      ],
      ["request.userInfo", "must evaluate to bool but got kubernetes.UserInfo"],
      ["request.uid == ''", failed("request.uid == ''", 8, "undefined field 'uid'")],
      [
        "request.userInfo.extra.a == 1",
        failed(
          "request.userInfo.extra.a == 1",
          26,
          "found no matching overload for '_==_' applied to '(list(string), int)'",
        ),
      ],
      [
        "namespaceObject.metadata.generation == ''",
        failed(
          "namespaceObject.metadata.generation == ''",
          37,
          "found no matching overload for '_==_' applied to '(int, string)'",
        ),
      ],
    ] as const
  ).map(
    ([expression, why]): Row => [
      VALIDATING,
      "spec.validations",
      [{ expression }],
      `spec.validations[0].expression: Invalid value: ${JSON.stringify(expression)}: ${why}`,
    ],
  ),
  [
    VALIDATING,
    "spec.auditAnnotations",
    [{ key: "k", valueExpression: "1" }],
    'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int',
  ],
  [
    VALIDATING,
    "spec.matchConditions",
    [{ name: "m", expression: "variables.x" }],
    unknown("matchConditions[0].expression", "variables.x", 1),
  ],
  [
    MUTATING,
    "spec.mutations",
    [
      { patchType: "JSONPatch", jsonPatch: { expression: "[1]" } },
      { patchType: "JSONPatch", jsonPatch: { expression: "variables.x" } },
      { patchType: "JSONPatch", jsonPatch: { expression: "[JSONPatch{op: 1}]" } },
      { patchType: "JSONPatch", jsonPatch: { expression: "[JSONPatch{by: 'a'}]" } },
      {
        patchType: "JSONPatch",
        jsonPatch: { expression: "[JSONPatch{op: 'add', path: '/a', value: 1, ?from: optional.none()}]" },
      },
    ],
    'spec.mutations[0].jsonPatch.expression: Invalid value: "[1]": must evaluate to list(JSONPatch) but got list(int)',
    `spec.mutations[1].jsonPatch.expression: Invalid value: "variables.x": ${failed("variables.x", 10, "undefined field 'x'")}`,
    `spec.mutations[2].jsonPatch.expression: Invalid value: "[JSONPatch{op: 1}]": ${failed("[JSONPatch{op: 1}]", 14, "expected type of field 'op' is 'string' but provided type is 'int'")}`,
    `spec.mutations[3].jsonPatch.expression: Invalid value: "[JSONPatch{by: 'a'}]": ${failed("[JSONPatch{by: 'a'}]", 14, "expected type of field 'by' is '' but provided type is 'string'")}`,
  ],
  [
    MUTATING,
    "spec.matchConstraints.resourceRules.0.operations",
    ["DELETE"],
    'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"',
  ],
  [
    WEBHOOK,
    "webhooks.0.clientConfig.url",
    "http://u@/p?q#f",
    "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
    'webhooks[0].clientConfig.url: Invalid value: "": host must be specified; desired format: https://host[/path]',
    'webhooks[0].clientConfig.url: Invalid value: "u": user information is not permitted in the URL',
    'webhooks[0].clientConfig.url: Invalid value: "f": fragments are not permitted in the URL',
    'webhooks[0].clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL',
  ],
  [WEBHOOK, "webhooks.0.name", "A_b", `webhooks[0].name: Invalid value: "A_b": ${SUBDOMAIN}`],
  [SERVED, "webhooks.0.clientConfig.service.namespace", "", "webhooks[0].clientConfig.service.name: Required value"],
  [
    REQUEST_FOR,
    "spec.usages",
    ["A_b"],
    expect.stringMatching(/^spec.usages\[0\]: Unsupported value: "A_b": supported/),
  ],
  [
    BINDING,
    "subjects.0",
    {},
    'subjects[0].kind: Unsupported value: "": supported values: "ServiceAccount", "User", "Group"',
    "subjects[0].name: Required value",
  ],
  ["rbac.authorization.k8s.io/v1 roles #rules", "rules.0.verbs", [], "rules[0].verbs: Required value"],
  [
    SLICED,
    "endpoints.0.addresses",
    ["A_b", "127.0.0.1", "2001:db8::1"],
    'endpoints[0].addresses[0]: Invalid value: "A_b": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'endpoints[0].addresses[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    'endpoints[0].addresses[2]: Invalid value: "2001:db8::1": must be an IPv4 address',
  ],
  [
    AGGREGATED,
    "spec.service.port",
    -1,
    "spec.service.port: Invalid value: -1: port is not valid: must be between 1 and 65535, inclusive",
  ],
  [
    AGGREGATED,
    "spec.service",
    undefined,
    "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify",
  ],
  [
    CERTIFIED,
    "spec",
    { ...(OBJECTS[CERTIFIED]!.out["spec"] as object), signerName: "a.kubernetes.io/mine", maxExpirationSeconds: 86401 },
    "spec.maxExpirationSeconds: Invalid value: 86401: must be in the range [3600, 86400]",
  ],
  [
    CERTIFIED,
    "spec.pkixPublicKey",
    "AA==",
    "spec: Invalid value: exactly one of (stubPKCS10Request) or (pkixPublicKey, proofOfPossession) must be set",
  ],
  ["coordination.k8s.io/v1beta1 leasecandidates", "spec.binaryVersion", "1.99.0-alpha.1+x"],
  [
    "coordination.k8s.io/v1beta1 leasecandidates",
    "spec.binaryVersion",
    "x",
    'spec.binaryVersion: Invalid value: "x": must be a valid semantic version',
    'spec.binaryVersion: Invalid value: "x": must be greater than or equal to `emulationVersion`',
  ],
  ["admissionregistration.k8s.io/v1alpha1 mutatingadmissionpolicybindings #match", "spec.paramRef", { name: "p" }],
  [
    RUNTIME,
    "overhead.podFixed",
    { cpu: "-1" },
    'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0',
  ],
  [
    RUNTIME,
    "scheduling.tolerations",
    [{ operator: "Like" }],
    expect.stringContaining("operator must be Exists"),
    'scheduling.tolerations[0].operator: Unsupported value: "Like": supported values: "Equal", "Exists"',
  ],
  [
    RUNTIME,
    "scheduling.tolerations",
    [{ key: "k" }, { key: "k", tolerationSeconds: 5, effect: "" }],
    expect.stringContaining("effect must be 'NoExecute'"),
    'scheduling.tolerations[1]: Duplicate value: {"effect":"","key":"k","tolerationSeconds":5}',
  ],
  [
    QUEUES,
    "spec",
    { limited: { limitResponse: { queuing: {} } } },
    "spec.limited: Forbidden",
    "spec.type: Required value",
    "spec.limited.limitResponse.queuing: Forbidden",
    "spec.limited.limitResponse.type: Required value",
  ],
  [
    "rbac.authorization.k8s.io/v1 clusterrolebindings #subjects",
    "roleRef",
    { apiGroup: "rbac.authorization.k8s.io", kind: "Other" },
    'roleRef.kind: Unsupported value: "Other": supported values: "ClusterRole"',
    "roleRef.name: Required value",
  ],
  ["storage.k8s.io/v1 storageclasses", "provisioner", "A b", `provisioner: Invalid value: "a b": ${QUALIFIED}`],
  [
    "v1 namespaces",
    "spec.finalizers",
    ["a"],
    'spec.finalizers: Invalid value: "a": name is neither a standard finalizer name nor is it fully qualified',
  ],
  ["scheduling.k8s.io/v1 priorityclasses", "preemptionPolicy", "", "preemptionPolicy: Required value"],
  ...(
    [
      ["system-x", "system-x is not a known system priority class"],
      ["system-node-critical", "value of system-node-critical PriorityClass must be 2000001000"],
    ] as const
  ).map(
    ([name, why]): Row => [
      "scheduling.k8s.io/v1 priorityclasses",
      "metadata.name",
      name,
      `metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ${why}`,
    ],
  ),
  ["storage.k8s.io/v1 storageclasses", "reclaimPolicy", ""],
  [
    "storage.k8s.io/v1 storageclasses",
    "allowedTopologies",
    [
      { matchLabelExpressions: [{ key: "a", values: ["x", "x"] }, { key: "a" }, { values: ["y"] }] },
      {},
      {
        matchLabelExpressions: [
          { key: "b", values: ["x", "y"] },
          { key: "c", values: ["z"] },
        ],
      },
      {
        matchLabelExpressions: [
          { key: "c", values: ["z"] },
          { key: "b", values: ["y", "x"] },
        ],
      },
      { matchLabelExpressions: [{ key: "c", values: ["z"] }] },
    ],
    'allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "x"',
    "allowedTopologies[0].matchLabelExpressions[1].values: Required value",
    'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "a"',
    'allowedTopologies[0].matchLabelExpressions[2].key: Invalid value: "": name part must be non-empty',
    `allowedTopologies[0].matchLabelExpressions[2].key: Invalid value: "": ${QUALIFIED}`,
    'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
    'allowedTopologies[3].matchLabelExpressions: Duplicate value: ""',
  ],
  [
    SERVED,
    "webhooks.0.admissionReviewVersions",
    ["v2"],
    'webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1',
  ],
  [
    "apiextensions.k8s.io/v1 customresourcedefinitions #conversion",
    "spec.conversion.webhook.clientConfig",
    {},
    "spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required",
  ],
  [QUEUES, "spec.type", "", "spec.limited: Forbidden", "spec.type: Required value"],
  [
    DEFINITION,
    "spec.names.kind",
    "A_b",
    `spec.names.kind: Invalid value: "A_b": may have mixed case, but should otherwise match: ${LABEL_1035}`,
  ],
  [
    DEFINITION,
    "spec.group",
    "A_b",
    'metadata.name: Invalid value: "foos.facts.example.com": must be spec.names.plural+"."+spec.group',
    `spec.group: Invalid value: "A_b": ${SUBDOMAIN}`,
  ],
  [DEFINITION, "spec.conversion", {}, "spec.conversion.strategy: Required value"],
  [
    DEFINITION,
    "spec.versions.0.additionalPrinterColumns",
    [{ name: "c", type: "string", jsonPath: "a" }],
    'spec.additionalPrinterColumns[0].JSONPath: Invalid value: "a": must be a simple json path starting with .',
  ],
  [
    DEFINITION,
    "spec.versions.0.schema.openAPIV3Schema",
    { type: "object", properties: { l: { type: "array" } } },
    "spec.validation.openAPIV3Schema.properties[l].items: Required value: must be specified",
  ],
  [INGRESS, "spec.rules", [], "spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"],
  [INGRESS, "spec.tls.0.hosts", [""], `spec.tls[0].hosts[0]: Invalid value: "": ${SUBDOMAIN}`],
  [
    INGRESS,
    "spec.rules.0.http.paths.0.backend",
    {},
    'spec.rules[0].http.paths[0].backend: Invalid value: "": resource or service backend is required',
  ],
  [
    INGRESS,
    "spec.rules.0.http.paths.0",
    { path: "x", pathType: "Foo", backend: { service: { name: "s", port: { number: 1 } } } },
    'spec.rules[0].http.paths[0].pathType: Unsupported value: "Foo": supported values: "Exact", "ImplementationSpecific", "Prefix"',
  ],
  [
    INGRESS,
    "spec.rules.0.http.paths.0.backend.service",
    { name: "s" },
    "spec.rules[0].http.paths[0].backend: Required value: port name or number is required",
  ],
  [
    POLICY,
    "spec.policyTypes",
    ["No"],
    'spec.policyTypes[0]: Unsupported value: "No": supported values: "Ingress", "Egress"',
  ],
  [COPY, "spec.volumeMode", "", 'spec.volumeMode: Unsupported value: "": supported values: "Block", "Filesystem"'],
  [
    COPY,
    "spec.dataSource.apiGroup",
    "A_b",
    `spec.dataSource.apiGroup: Invalid value: "A_b": ${SUBDOMAIN}`,
    "spec: Invalid value: {}: must match dataSourceRef",
  ],
  [
    SERVICE,
    "spec.internalTrafficPolicy",
    "",
    'spec.internalTrafficPolicy: Unsupported value: "": supported values: "Cluster", "Local"',
  ],
  [
    EVENT,
    "reportingController",
    "",
    "reportingController: Required value",
    'reportingController: Invalid value: "": name part must be non-empty',
    `reportingController: Invalid value: "": ${QUALIFIED}`,
  ],
  [EVENT, "regarding.namespace", "elsewhere"],
  [
    ATTACHMENT,
    "spec",
    {},
    "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName",
    `spec.nodeName: Invalid value: "": ${SUBDOMAIN}`,
    "spec.attacher: Required value",
  ],
  [
    AGGREGATED,
    "metadata",
    { generateName: "gn-", name: "gn-x" },
    'metadata.generateName: Invalid value: "gn-": must be `spec.version+"."+spec.group`: "v1.agg.example.com"',
    'metadata.name: Invalid value: "gn-x": must be `spec.version+"."+spec.group`: "v1.agg.example.com"',
  ],
  [
    AGGREGATED,
    "spec.group",
    "",
    'metadata.name: Invalid value: "v1.agg.example.com": must be `spec.version+"."+spec.group`: "v1."',
  ],
  [
    AGGREGATED,
    "spec.caBundle",
    "aGk=",
    "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present",
  ],
  [
    "rbac.authorization.k8s.io/v1 clusterroles #aggregation",
    "aggregationRule.clusterRoleSelectors",
    [{ matchLabels: { "a b": "c" } }],
    `aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "a b": ${QUALIFIED}`,
    "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.",
  ],
  [
    DEFINITION,
    "spec.versions.0",
    { name: "", served: false, storage: false },
    "spec.versions[0].schema.openAPIV3Schema: Required value",
    `spec.versions[0].name: Invalid value: "": ${LABEL_1035}`,
    'spec.versions: Invalid value: [{"name":"","served":false,"storage":false}]: must have exactly one version marked as storage version',
    expect.stringContaining("status.storedVersions"),
  ],
  [
    DEFINITION,
    "spec.versions.0.schema.openAPIV3Schema.type",
    "A_b c",
    'spec.validation.openAPIV3Schema.type: Invalid value: "A_b c": must be object at the root',
    'spec.validation.openAPIV3Schema.type: Unsupported value: "A_b c": supported values: "array", "boolean", "integer", "number", "object", "string"',
  ],
  [
    DEVICES,
    "spec.selectors",
    [{}, { cel: { expression: "device.driver" } }, { cel: { expression: "A_b c" } }],
    "spec.selectors[0].cel: Required value",
    'spec.selectors[1].cel.expression: Invalid value: "device.driver": must evaluate to bool or the unknown type, not string',
    `spec.selectors[2].cel.expression: Invalid value: "A_b c": compilation failed: ERROR: <input>:1:5: Syntax error: extraneous input 'c' expecting <EOF>\n | A_b c\n | ....^`,
  ],
  [
    DEVICES,
    "spec.selectors",
    [{ cel: { expression: "x".repeat(10_241) } }],
    "spec.selectors[0].cel.expression: Too long: may not be more than 10240 bytes",
  ],
  [
    DEVICES,
    "spec.config",
    [{ opaque: { driver: "a", parameters: [] } }, {}, { opaque: { parameters: {} } }],
    'spec.config[0].opaque.parameters: Invalid value: "<value omitted>": must be a valid JSON object',
    "spec.config[1].opaque: Required value",
    "spec.config[2].opaque.driver: Required value",
  ],
  [
    DEVICES,
    "spec.extendedResourceName",
    "cpu",
    "spec.extendedResourceName: Invalid value: \"cpu\": a name must be a domain-prefixed path, such as 'example.com/my-prop'",
  ],
  [
    CLAIM,
    "spec.devices.requests",
    [{ name: "r", firstAvailable: [{ name: "a" }, { name: "a", deviceClassName: "c" }] }],
    'spec.devices.requests[0].firstAvailable[1]: Duplicate value: {"name":"a","deviceClassName":"c","allocationMode":"ExactCount","count":1}',
    "spec.devices.requests[0].firstAvailable[0].deviceClassName: Required value",
  ],
  [
    CLAIM,
    "spec.devices.constraints",
    [{ requests: ["zz"], matchAttribute: "a" }, {}],
    `spec.devices.constraints[0].requests[0]: Invalid value: "zz": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'`,
    'spec.devices.constraints[1]: Required value: exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set',
    'spec.devices.constraints[0].matchAttribute: Invalid value: "a": a fully qualified name must be a domain and a name separated by a slash',
  ],
  ...[0, 31].map(
    (seconds): Row => [
      WEBHOOK,
      "webhooks.0.timeoutSeconds",
      seconds,
      `webhooks[0].timeoutSeconds: Invalid value: ${seconds}: the timeout value must be between 1 and 30 seconds`,
    ],
  ),
  [
    DEFINITION,
    "spec.versions",
    ["v1", "v2"].map((name) => ({
      ...{ name, served: true, storage: name === "v1" },
      schema: { openAPIV3Schema: { type: "object", properties: { a: { type: "string" } } } },
      ...(name === "v2" && { selectableFields: [{ jsonPath: ".a" }] }),
    })),
    'spec.versions[1].selectableFields: Invalid value: "": may only be set when `version.schema.openAPIV3Schema` is not included',
  ],
];

describe("what is created", () => {
  for (const [name, path, value, ...messages] of NEW)
    test(`${name} with ${path} = ${JSON.stringify(value)}`, () => {
      expect(validateCreate(kindOf(name), edited(name, path, value)).map(fieldErrorMessage)).toEqual(messages);
    });
});

const CHANGED: readonly Row[] = [
  [CLAIM, `${REQUEST}.exactly.count`, -1, "spec: Invalid value: null: field is immutable"],
  [
    ATTACHMENT,
    "spec.attacher",
    "A_b",
    `spec.attacher: Invalid value: "A_b": ${SUBDOMAIN}`,
    "spec: Invalid value: null: field is immutable",
  ],
  [
    "networking.k8s.io/v1 ingressclasses",
    "spec.controller",
    "a",
    'spec.controller: Invalid value: "a": field is immutable',
    'spec.controller: Invalid value: "a": must be a domain-prefixed path (such as "acme.io/foo")',
  ],
  [
    "networking.k8s.io/v1 ipaddresses",
    "spec.parentRef.name",
    "other",
    "spec.parentRef: Invalid value: null: field is immutable",
  ],
  ["networking.k8s.io/v1 servicecidrs", "spec.cidrs", [], "spec.cidrs: Invalid value: null: field is immutable"],
  [
    "storage.k8s.io/v1 storageclasses",
    "reclaimPolicy",
    "Retain",
    "reclaimPolicy: Invalid value: null: field is immutable",
  ],
  [
    SLICED,
    "addressType",
    "IPv6",
    'endpoints[0].addresses[0]: Invalid value: "10.1.2.3": must be an IPv6 address',
    "addressType: Invalid value: null: field is immutable",
  ],
  [EVENT, "action", "", "action: Required value", 'action: Invalid value: "": field is immutable'],
  [
    RUNTIME,
    "handler",
    "A_b",
    `handler: Invalid value: "A_b": ${LABEL}`,
    "handler: Invalid value: null: field is immutable",
  ],
  [RUNTIME, "handler", "", "handler: Invalid value: null: field is immutable", "handler: Required value"],
  [
    "certificates.k8s.io/v1beta1 clustertrustbundles #signer",
    "spec.signerName",
    undefined,
    expect.stringContaining("metadata.name"),
    'spec.signerName: Invalid value: "": field is immutable',
  ],
  [
    SLICE,
    "spec.nodeName",
    "A_b",
    'spec.nodeName: Invalid value: "A_b": field is immutable',
    `spec.nodeName: Invalid value: "A_b": ${SUBDOMAIN}`,
  ],
];

test("taints and capacities of a device that stay as they were are not looked at again, also where they lie deeper", () => {
  const parts = { taints: [{ key: "a b", effect: "None" }], capacity: { c: { value: "1", requestPolicy: {} } } };
  const slices = [
    { name: "d", ...parts },
    { name: "d", basic: parts },
  ].map((device) => edited(SLICE, "spec.devices.0", device));
  const later = slices.map((slice) => ({ ...slice, metadata: { ...slice.metadata, resourceVersion: "1" } }));
  for (const [index, version] of ["v1", "v1beta1"].entries()) {
    const kind = { ...kindOf(SLICE), version };
    expect(validateCreate(kind, slices[index]!)).toHaveLength(2);
    expect(validateUpdate(kind, later[index]!, later[index]!, "")).toEqual([]);
  }
});

describe("what is changed", () => {
  for (const [name, path, value, ...messages] of CHANGED)
    test(`${name} to ${path} = ${JSON.stringify(value)}`, () => {
      const versioned = (object: Unstructured): Unstructured => ({
        ...object,
        metadata: { ...object.metadata, resourceVersion: "1" },
      });
      const old = versioned(applyDefaults(kindOf(name), structuredClone(OBJECTS[name]!.out)));
      const next = versioned(edited(name, path, value));
      expect(validateUpdate(kindOf(name), next, old, "").map(fieldErrorMessage)).toEqual(messages);
    });
});
