import type { Pod, ResourceQuota } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { plan } from "./plan.ts";

const NOW = Date.UTC(2025, 0, 1);
const PODS = { group: "", resource: "pods" };
const quota = (hard: Record<string, string>, more: Partial<ResourceQuota> = {}): ResourceQuota => ({
  ...more,
  spec: { hard, ...more.spec },
});
const pod = (cpu?: string): Pod => ({
  spec: { containers: [{ name: "c", ...(cpu !== undefined && { resources: { requests: { cpu } } }) }] },
});

test("a new quota learns its limits and what is used, zero where nothing is", () => {
  const holdings = [
    { resource: PODS, objects: [pod("250m"), pod("1")] },
    { resource: { group: "", resource: "secrets" }, objects: [] },
  ];
  expect(plan(quota({ pods: "5", "requests.cpu": "2000m", "count/secrets": "3" }), holdings, NOW)).toEqual({
    hard: { "count/secrets": "3", pods: "5", "requests.cpu": "2" },
    used: { "count/secrets": "0", pods: "2", "requests.cpu": "1250m" },
  });
});

test("only objects within the scopes count", () => {
  const spec = { hard: { pods: "5" }, scopes: ["BestEffort"] };
  const holdings = [{ resource: PODS, objects: [pod("1"), pod()] }];
  expect(plan({ spec }, holdings, NOW)?.used).toEqual({ pods: "1" });
});

test("a status that is right stays, however its amounts are written", () => {
  const status = { hard: { "requests.cpu": "2000m" }, used: { "requests.cpu": "1000m" } };
  expect(
    plan(quota({ "requests.cpu": "2" }, { status }), [{ resource: PODS, objects: [pod("1")] }], NOW),
  ).toBeUndefined();
});

test("limits that changed or went show even while the usage is the same", () => {
  const status = { hard: { pods: "1", secrets: "1" }, used: { pods: "0", secrets: "1" } };
  expect(plan(quota({ pods: "2" }, { status }), [{ resource: PODS, objects: [] }], NOW)).toEqual({
    hard: { pods: "2" },
    used: { pods: "0" },
  });
});

test("a kind that nobody can list keeps what was known, and is not invented", () => {
  const status = { hard: { "count/widgets.example.com": "5" }, used: { "count/widgets.example.com": "3" } };
  expect(plan(quota({ "count/widgets.example.com": "5" }, { status }), [], NOW)).toBeUndefined();
  expect(plan(quota({ "count/widgets.example.com": "5" }), [], NOW)?.used).toEqual({});
});
