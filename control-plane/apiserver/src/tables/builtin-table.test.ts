import { FeatureGates, type Unstructured } from "@tsukube/api";
import { expect, test } from "vitest";
import { Registry } from "../registry/registry.ts";
import { servedResources } from "../registry/runtime-config.ts";
import { builtinTable } from "./builtin-table.ts";

const NOW = Date.parse("2026-01-01T00:01:00Z");
const metadata = { name: "one", namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z" };
const everything = servedResources("api/all=true", FeatureGates.parse("AllAlpha=true,AllBeta=true"));
const registry = new Registry(everything);

/** The row of an object as kubectl shows it: column by column, priority 1 included. */
function row(group: string, version: string, resource: string, object: object): Record<string, unknown> {
  const definition = registry.get(group, version, resource);
  if (definition === undefined) throw new Error(`no ${resource}`);
  const table = builtinTable(definition);
  const cells = table.cells({ metadata, ...object } as Unstructured, NOW);
  return Object.fromEntries(table.columns.map((column, index) => [column.name, cells[index]]));
}

test("every resource has a cell for each of its columns, also for an empty object", () => {
  for (const definition of registry.all()) {
    const table = builtinTable(definition);
    const cells = table.cells({ metadata } as Unstructured, NOW);
    const shown = `${definition.group} ${definition.resource}`;
    expect(cells.length, shown).toBe(table.columns.length);
    const age = table.columns.findIndex((column) => column.name === "Age");
    if (age >= 0) expect(cells[age], shown).toBe("60s");
  }
});

test("an autoscaler shows what it watches, in both versions", () => {
  const scaleTargetRef = { kind: "Deployment", name: "web" };
  const target = { type: "Utilization", averageUtilization: 50 };
  const metrics = [{ type: "Resource", resource: { name: "cpu", target } }];
  const v2 = { spec: { scaleTargetRef, minReplicas: 1, maxReplicas: 3, metrics } };
  expect(row("autoscaling", "v2", "horizontalpodautoscalers", v2)).toMatchObject({
    Reference: "Deployment/web",
    Targets: "cpu: <unknown>/50%",
    MinPods: "1",
    MaxPods: 3,
    Replicas: 0,
  });
  const current = { averageUtilization: 12, averageValue: "12m" };
  const status = { currentReplicas: 2, currentMetrics: [{ type: "Resource", resource: { name: "cpu", current } }] };
  expect(row("autoscaling", "v2", "horizontalpodautoscalers", { ...v2, status }).Targets).toBe("cpu: 12%/50%");
  const spec = { scaleTargetRef, maxReplicas: 3, targetCPUUtilizationPercentage: 80 };
  expect(row("autoscaling", "v1", "horizontalpodautoscalers", { spec })).toMatchObject({
    Targets: "cpu: <unknown>/80%",
    MinPods: "<unset>",
  });
});

test("an autoscaler shows two of many metrics, averages marked", () => {
  const metrics = [
    { type: "Pods", pods: { metric: { name: "rps" }, target: { averageValue: "10" } } },
    { type: "External", external: { metric: { name: "queue" }, target: { averageValue: "30" } } },
    { type: "Object", object: { metric: { name: "hits" }, target: { value: "2k" } } },
  ];
  const spec = { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3, metrics };
  expect(row("autoscaling", "v2", "horizontalpodautoscalers", { spec }).Targets).toBe(
    "<unknown>/10, <unknown>/30 (avg) + 1 more...",
  );
});

test("a signing request shows who asked, for how long, and how far it is", () => {
  const spec = { signerName: "example.com/x", username: "jane", expirationSeconds: 3600 };
  const shown = (status: object) => row("certificates.k8s.io", "v1", "certificatesigningrequests", { spec, status });
  expect(shown({})).toMatchObject({ Requestor: "jane", RequestedDuration: "60m", Condition: "Pending" });
  const approved = { conditions: [{ type: "Approved" }] };
  expect(shown(approved).Condition).toBe("Approved");
  expect(shown({ ...approved, certificate: "PEM" }).Condition).toBe("Approved,Issued");
  expect(shown({ conditions: [{ type: "Denied" }] }).Condition).toBe("Denied");
});

test("a quota shows requests and limits apart, used before hard", () => {
  const hard = { pods: "4", "limits.cpu": "2", "requests.cpu": "1" };
  const status = { hard, used: { pods: "1", "limits.cpu": "500m" } };
  expect(row("", "v1", "resourcequotas", { status })).toMatchObject({
    Request: "pods: 1/4, requests.cpu: 0/1",
    Limit: "limits.cpu: 500m/2",
  });
});

test("a definition shows its scope and its served versions", () => {
  const versions = [
    { name: "v1", served: true, storage: true },
    { name: "v0", served: false, storage: false },
  ];
  const spec = { scope: "Namespaced", group: "example.com", names: { kind: "Widget", shortNames: ["wg"] }, versions };
  const status = { conditions: [{ type: "Established", status: "True" }] };
  expect(row("apiextensions.k8s.io", "v1", "customresourcedefinitions", { spec, status })).toMatchObject({
    Scope: "Namespaced",
    Versions: "v1(storage)",
    "Created At": metadata.creationTimestamp,
    ShortNames: "wg",
    Established: true,
  });
});

const ago = (seconds: number): string => new Date(NOW - 1000 * seconds).toISOString().replace(".000Z", "Z");

test("a group of pods shows its policy, its workload and whether it was scheduled", () => {
  const spec = { schedulingPolicy: { gang: { minCount: 2 } }, workloadRef: { workloadName: "training" } };
  const shown = (conditions: readonly object[]) =>
    row("scheduling.k8s.io", "v1beta1", "podgroups", { spec, status: { conditions } });
  expect(shown([])).toMatchObject({ Policy: "Gang", Workload: "training", Status: "Pending" });
  const scheduled = { type: "PodGroupInitiallyScheduled", status: "True" };
  expect(shown([scheduled])).toMatchObject({ Status: "Scheduled" });
  expect(shown([{ ...scheduled, status: "False" }])).toMatchObject({ Status: "Unschedulable" });
  expect(shown([scheduled, { type: "DisruptionTarget", reason: "Preempted" }])).toMatchObject({ Status: "Preempted" });
  const basic = { spec: { schedulingPolicy: { basic: {} } } };
  expect(row("scheduling.k8s.io", "v1alpha3", "compositepodgroups", basic)).toMatchObject({
    Policy: "Basic",
    Workload: "<none>",
  });
});

test("an eviction shows who acts on it, and how far they are", () => {
  const spec = { target: { pod: { name: "web-0" } } };
  const shown = (status: object) => row("lifecycle.k8s.io", "v1alpha1", "evictions", { spec, status });
  expect(shown({})).toMatchObject({
    Target: "web-0",
    "Target Type": "Pod",
    Status: "Pending",
    "Active Responder": "<unset> (0/0)",
    "Responder Status": "<unset>",
    "Responder Expected Finish": "<unknown>",
    Requesters: "<none>",
  });
  const responder = { name: "drain", startTime: ago(60), expectedCompletionTime: ago(-120), heartbeatTime: ago(5) };
  const status = {
    observedGeneration: 1,
    targetResponders: [
      { name: "backup", priority: 2, state: "Completed" },
      { name: "drain", priority: 1, state: "Active" },
    ],
    responders: [responder],
    requesters: [
      { name: "b", intent: "Eviction" },
      { name: "a", intent: "Eviction" },
      { name: "0", intent: "Withdrawn" },
    ],
  };
  expect(shown(status)).toMatchObject({
    Status: "Progressing",
    "Active Responder": "drain (2/2)",
    "Responder Status": "Started (60s ago)",
    "Responder Expected Finish": "in 2m",
    Requesters: "a + 1 more...",
    "Responder Heartbeat": "5s ago",
    "Responder Status Message": "<unset>",
  });
  const late = { ...status, responders: [{ ...responder, expectedCompletionTime: ago(10) }] };
  expect(shown(late)).toMatchObject({ "Responder Expected Finish": "10s ago" });
  const done = { name: "drain", priority: 1, state: "Completed" };
  const ended = { ...status, targetResponders: [done], responders: [{ ...responder, completionTime: ago(3) }] };
  expect(shown(ended)).toMatchObject({ "Responder Status": "Completed (3s ago)", "Responder Expected Finish": "-" });
  const evicted = { type: "TargetEvicted", status: "True", reason: "PodDeleted" };
  expect(shown({ conditions: [evicted], requesters: [{ name: "a", intent: "Withdrawn" }] })).toMatchObject({
    Status: "TargetEvicted (PodDeleted)",
    Requesters: "<withdrawn>",
  });
});

test("a request for the state of pools shows their sum once it is there", () => {
  const spec = { driver: "gpu.example.com" };
  const shown = (more: object) => row("resource.k8s.io", "v1alpha3", "resourcepoolstatusrequests", { spec, ...more });
  expect(shown({})).toMatchObject({
    Driver: "gpu.example.com",
    Total: "-",
    Pools: 0,
    Status: "Pending",
    Completed: "<none>",
  });
  const pools = [
    { totalDevices: 4, availableDevices: 1, allocatedDevices: 3 },
    { totalDevices: 2, validationError: "incomplete" },
  ];
  const conditions = [{ type: "Complete", status: "True", lastTransitionTime: ago(7) }];
  expect(shown({ status: { poolCount: 3, pools, conditions } })).toMatchObject({
    Total: "6",
    Available: "1",
    Allocated: "3",
    Errors: "1",
    Pools: 3,
    Status: "Complete (2/3 pools)",
    Completed: "7s",
  });
  const failed = [{ type: "Failed", status: "True" }];
  expect(shown({ status: { poolCount: 0, conditions: failed } })).toMatchObject({ Total: "-", Status: "Failed" });
});

test("a node shows the architecture of its kernel", () => {
  const nodeInfo = { kernelVersion: "6.1", architecture: "arm64" };
  expect(row("", "v1", "nodes", { status: { nodeInfo } })).toMatchObject({ "Kernel-Version": "6.1 (arm64)" });
});

test("the shares of a level that is exempt are not shown, schemas in the order in which they are tried", () => {
  const level = { spec: { type: "Exempt", exempt: { nominalConcurrencyShares: 0 } } };
  const levels = row("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", level);
  expect(levels["NominalConcurrencyShares"]).toBe("<none>");
  const { order } = builtinTable(registry.get("flowcontrol.apiserver.k8s.io", "v1", "flowschemas")!);
  const schemas = [
    ["a", 9000],
    ["c", 500],
    ["b", 500],
  ].map(([name, matchingPrecedence]) => ({ metadata: { name }, spec: { matchingPrecedence } }) as Unstructured);
  expect(schemas.sort(order).map((schema) => schema.metadata?.name)).toEqual(["b", "c", "a"]);
});

test("a claim that waits for a volume of its choice has nothing yet", () => {
  expect(row("", "v1", "persistentvolumeclaims", { spec: { volumeName: "later" } })).toMatchObject({ Capacity: "0" });
  expect(row("", "v1", "persistentvolumeclaims", { spec: {} })).toMatchObject({ Capacity: "" });
});
