import type { Unstructured } from "@tsukube/api";
import { expect, test } from "vitest";
import { Registry } from "../registry/registry.ts";
import { builtinTable } from "./printers.ts";

const NOW = Date.parse("2026-01-01T00:01:00Z");
const metadata = { name: "one", namespace: "default", creationTimestamp: "2026-01-01T00:00:00Z" };
const registry = new Registry();

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
