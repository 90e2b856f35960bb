import { describe, expect, test } from "vitest";
import { FeatureGates } from "../../feature-gates/index.ts";
import type { Unstructured } from "../../object.ts";
import type { FieldError } from "../../status/field-error.ts";
import { fieldErrorMessage } from "../../status/field-error.ts";
import { validateCreate, validateUpdate } from "../validate.ts";

const ON = FeatureGates.parse("AllAlpha=true,AllBeta=true");
const kindOf = (kind: string) => ({ group: "scheduling.k8s.io", version: "v1alpha3", kind });
const object = (spec: object, status = {}): Unstructured => ({
  metadata: { name: "a", namespace: "n", resourceVersion: "1" },
  spec,
  status,
});
/** Of long messages, which show a regular expression, the beginning. */
const shown = (errors: readonly FieldError[]) =>
  errors.map((error) => fieldErrorMessage(error).replace(/(must consist of|may not be more than).*/, "$1 …"));
const created = (kind: string, spec: object) => shown(validateCreate(kindOf(kind), object(spec), ON));
const updated = (kind: string, before: object, spec: object, subresource = "", status = {}) =>
  shown(validateUpdate(kindOf(kind), object(spec, status), object(before), subresource, ON));

const basic = { schedulingPolicy: { basic: {} } };
const named = (name: string, more: object = {}) => ({ name, ...basic, ...more });
const SUBDOMAIN = "a lowercase RFC 1123 subdomain must consist of …";

// what a kube-apiserver v1.37 says
describe("a group of pods", () => {
  test.each<readonly [object, readonly string[]]>([
    [{ schedulingPolicy: {} }, ['spec.schedulingPolicy: Invalid value: "": must specify one of: `basic`, `gang`']],
    [
      { schedulingPolicy: { basic: {}, gang: { minCount: 1 } } },
      ['spec.schedulingPolicy: Invalid value: "{basic, gang}": must specify exactly one of: `basic`, `gang`'],
    ],
    [{ schedulingPolicy: { gang: {} } }, ["spec.schedulingPolicy.gang.minCount: Required value"]],
    [
      { schedulingPolicy: { gang: { minCount: -1 } } },
      ["spec.schedulingPolicy.gang.minCount: Invalid value: -1: must be greater than or equal to 1"],
    ],
    [
      { ...basic, workloadRef: { workloadName: "A_" } },
      [
        `spec.workloadRef.workloadName: Invalid value: "A_": ${SUBDOMAIN}`,
        "spec.workloadRef.templateName: Required value",
      ],
    ],
    [
      { ...basic, parentCompositePodGroupName: "x" },
      ["spec.workloadRef: Required value: must be set when parentCompositePodGroupName is set"],
    ],
    [
      { ...basic, resourceClaims: [{ resourceClaimName: "x" }, named("c"), { name: "c", resourceClaimName: "y" }] },
      [
        'spec.resourceClaims[2]: Duplicate value: {"name":"c","resourceClaimName":"y"}',
        "spec.resourceClaims[0].name: Required value",
        'spec.resourceClaims[1]: Invalid value: "": must specify one of: `resourceClaimName`, `resourceClaimTemplateName`',
      ],
    ],
    [{ ...basic, resourceClaims: Array(5).fill({}) }, ["spec.resourceClaims: Too many: 5: must have at most 4 items"]],
    [
      { ...basic, schedulingConstraints: { topology: [{ key: "a" }, { key: "b" }] } },
      ["spec.schedulingConstraints.topology: Too many: 2: must have at most 1 item"],
    ],
    [
      { ...basic, disruptionMode: {}, priority: 2_000_000_000 },
      [
        'spec.disruptionMode: Invalid value: "": must specify one of: `single`, `all`',
        "spec.priority: Invalid value: 2000000000: must be less than or equal to 1000000000",
      ],
    ],
  ])("%j is refused", (spec, messages) => {
    expect(created("PodGroup", spec)).toEqual(messages);
  });

  test("keeps its policy, but for how many of a gang are needed", () => {
    const gang = (minCount: number) => ({ schedulingPolicy: { gang: { minCount } } });
    expect(updated("PodGroup", gang(1), gang(2))).toEqual([]);
    expect(updated("PodGroup", basic, gang(1))).toEqual([
      "spec.schedulingPolicy.basic: Invalid value: null: field is immutable",
      "spec.schedulingPolicy.gang: Invalid value: null: field cannot be set once created",
    ]);
    expect(updated("PodGroup", gang(1), basic)).toEqual([
      "spec.schedulingPolicy.basic: Invalid value: null: field is immutable",
      "spec.schedulingPolicy.gang: Invalid value: null: field cannot be cleared once set",
    ]);
    expect(updated("PodGroup", { ...basic, workloadRef: {} }, { schedulingPolicy: {} })).toEqual([
      "spec.workloadRef: Invalid value: null: field is immutable",
      'spec.schedulingPolicy: Invalid value: "": must specify one of: `basic`, `gang`',
      "spec.schedulingPolicy.basic: Invalid value: null: field is immutable",
    ]);
    expect(updated("PodGroup", basic, { ...basic, priority: 3, workloadRef: {} })).toEqual([
      "spec.workloadRef: Invalid value: null: field is immutable",
      "spec.priority: Invalid value: null: field is immutable",
    ]);
  });

  test("has a status about the claims that it names", () => {
    const spec = { ...basic, resourceClaims: [{ name: "a", resourceClaimName: "b" }] };
    const conditions = [{ type: "", status: "Maybe", reason: "a b" }];
    const resourceClaimStatuses = [{ name: "zzz", resourceClaimName: "X_" }];
    expect(updated("PodGroup", spec, spec, "status", { resourceClaimStatuses, conditions })).toEqual([
      "status.conditions[0].type: Required value: is required",
      'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      "status.conditions[0].lastTransitionTime: Required value",
      expect.stringContaining('status.conditions[0].reason: Invalid value: "a b": a condition reason must start with'),
      'status.resourceClaimStatuses[0].name: Invalid value: "zzz": must match the name of an entry in `spec.resourceClaims`',
      `status.resourceClaimStatuses[0].resourceClaimName: Invalid value: "X_": ${SUBDOMAIN}`,
    ]);
  });
});

describe("a workload", () => {
  const deep = (depth: number): object =>
    named(
      `c${depth}`,
      depth === 1 ? { podGroupTemplates: [named("g")] } : { compositePodGroupTemplates: [deep(depth - 1)] },
    );

  test.each<readonly [string, object, readonly string[]]>([
    [
      "without templates",
      {},
      ['spec: Invalid value: "": must specify one of: `podGroupTemplates`, `compositePodGroupTemplates`'],
    ],
    [
      "with a name twice in a list",
      { podGroupTemplates: [named("a"), named("a"), named("B")] },
      [
        'spec.podGroupTemplates[1]: Duplicate value: {"name":"a","schedulingPolicy":{"basic":{}},"schedulingConstraints":null}',
        'spec.podGroupTemplates[2].name: Invalid value: "B": a lowercase RFC 1123 label must consist of …',
      ],
    ],
    [
      "with a name in two lists",
      { compositePodGroupTemplates: [named("c", { podGroupTemplates: [named("c")] })] },
      ['spec.compositePodGroupTemplates[0].podGroupTemplates[0].name: Duplicate value: "c"'],
    ],
    [
      "with an empty group of groups",
      { compositePodGroupTemplates: [named("c")] },
      [
        'spec.compositePodGroupTemplates[0]: Invalid value: "c": must have at least one child PodGroupTemplate or CompositePodGroupTemplate',
      ],
    ],
    ["that is as deep as may be", { compositePodGroupTemplates: [deep(3)] }, []],
    [
      "with two priorities",
      { podGroupTemplates: [named("a", { priorityClassName: "x" }), named("b")] },
      ["spec: Invalid value: null: detected multiple priority configurations"],
    ],
    [
      "that names who controls it wrongly",
      { podGroupTemplates: [named("a")], controllerRef: { apiGroup: "A_", kind: "a/b", name: "" } },
      [
        `spec.controllerRef.apiGroup: Invalid value: "A_": ${SUBDOMAIN}`,
        "spec.controllerRef.kind: Invalid value: \"a/b\": may not contain '/'",
        "spec.controllerRef.name: Required value",
      ],
    ],
  ])("%s", (_what, spec, messages) => {
    expect(created("Workload", spec)).toEqual(messages);
  });

  test("is at most four deep", () => {
    const [message = "", ...others] = created("Workload", { compositePodGroupTemplates: [deep(4)] });
    expect([message.replace(/\[\{.*\}\]/, "…"), others]).toEqual([
      "spec.compositePodGroupTemplates[0]: Invalid value: …: maximum template hierarchy depth is 4",
      [],
    ]);
  });

  test("keeps its templates, in any order", () => {
    const before = { podGroupTemplates: [named("a"), named("b")] };
    const change = (...templates: readonly object[]) => updated("Workload", before, { podGroupTemplates: templates });
    expect(change(named("b"), named("a"))).toEqual([]);
    expect(change(named("x"), named("a"))).toEqual([
      "spec.podGroupTemplates[0]: Forbidden: item may not be added",
      "spec.podGroupTemplates: Forbidden: item may not be removed",
    ]);
    expect(change(named("a", { disruptionMode: { all: {} } }), named("b"))).toEqual([
      "spec.podGroupTemplates[0].disruptionMode: Invalid value: null: field is immutable",
    ]);
    expect(change(named("a"), named("b"), named("b"))).toEqual([
      'spec.podGroupTemplates[2]: Duplicate value: {"name":"b","schedulingPolicy":{"basic":{}},"schedulingConstraints":null}',
    ]);
    expect(updated("Workload", before, {})).toEqual([
      'spec: Invalid value: "": must specify one of: `podGroupTemplates`, `compositePodGroupTemplates`',
      "spec.podGroupTemplates: Forbidden: item may not be removed",
    ]);
    const within = (...templates: readonly object[]) => ({
      compositePodGroupTemplates: [named("a", { podGroupTemplates: templates })],
    });
    expect(updated("Workload", within(named("b")), within(named("b"), named("c")))).toEqual([
      "spec.compositePodGroupTemplates[0].podGroupTemplates[1]: Forbidden: item may not be added",
    ]);
  });
});

test("a group of groups keeps all of its spec", () => {
  const workloadRef = { workloadName: "a", templateName: "b" };
  const gang = (minGroupCount: number) => ({ workloadRef, schedulingPolicy: { gang: { minGroupCount } } });
  expect(created("CompositePodGroup", gang(1))).toEqual([]);
  expect(created("CompositePodGroup", basic)).toEqual(["spec.workloadRef: Required value"]);
  expect(updated("CompositePodGroup", gang(1), gang(2))).toEqual([
    "spec.schedulingPolicy: Invalid value: null: field is immutable",
  ]);
  expect(updated("CompositePodGroup", gang(1), {})).toEqual([
    "spec.workloadRef: Invalid value: null: field is immutable",
    "spec.workloadRef: Required value",
    "spec.schedulingPolicy: Invalid value: null: field is immutable",
  ]);
});
