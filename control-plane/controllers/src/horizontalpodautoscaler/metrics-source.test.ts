import { ApiError } from "@tsukube/api";
import type { Client } from "@tsukube/client";
import { expect, test } from "vitest";
import { MetricsSource } from "./metrics-source.ts";

const CUSTOM = "/apis/custom.metrics.k8s.io";
const pod = { describedObject: { kind: "Pod", name: "p" }, timestamp: "2025-01-01T00:00:00Z", value: "500m" };

/** A source of these answers by path, and the paths that it asked for. */
function sourceOf(answers: Readonly<Record<string, unknown>>) {
  const asked: string[] = [];
  const raw = async (_: string, path: string): Promise<unknown> => {
    asked.push(path);
    const answer = answers[path];
    if (answer === undefined) throw ApiError.notFound({ group: "", resource: "" }, path);
    return answer;
  };
  return { source: new MetricsSource({ raw } as Partial<Client> as Client), asked };
}

/** How the group is told, its preferred version first. */
function served(...versions: readonly string[]): object {
  const told = versions.map((version) => ({ groupVersion: `custom.metrics.k8s.io/${version}`, version }));
  return { versions: told, preferredVersion: told[0] };
}

test.each([
  ["the only one that there is", ["v1beta1"], "v1beta1"],
  ["the preferred one", ["v1beta2", "v1beta1"], "v1beta2"],
  ["the first known one", ["v1", "v1beta1", "v1beta2"], "v1beta1"],
])("custom metrics are asked for in the version that their server has: %s", async (_, versions, version) => {
  const path = `${CUSTOM}/${version}/namespaces/n/pods/*/m?labelSelector=a%3Db`;
  const { source } = sourceOf({ [CUSTOM]: served(...versions), [path]: { items: [pod] } });
  const found = await source.ofPods("n", "a=b", "m", undefined);
  expect([...found]).toEqual([["p", { value: 500, at: Date.parse(pod.timestamp), windowMs: 60_000 }]]);
});

test.each([
  ["v1beta1", { window: 30 }],
  ["v1beta2", { windowSeconds: 30 }],
])("custom metrics of %s say over which time they were measured", async (version, window) => {
  const path = `${CUSTOM}/${version}/namespaces/n/pods/*/m`;
  const { source } = sourceOf({ [CUSTOM]: served(version), [path]: { items: [{ ...pod, ...window }] } });
  expect((await source.ofPods("n", "", "m", undefined)).get("p")?.windowMs).toBe(30_000);
});

test("a metric of a namespace is that of the autoscaler's own", async () => {
  const path = `${CUSTOM}/v1beta2/namespaces/n/metrics/m`;
  const { source, asked } = sourceOf({ [CUSTOM]: served("v1beta2"), [path]: { items: [pod] } });
  expect(await source.ofObject("n", "namespaces", "other", "m", undefined)).toBe(500);
  expect(asked).toEqual([CUSTOM, path]);
});

test("a metric of one object is one", async () => {
  const path = `${CUSTOM}/v1beta2/namespaces/n/services/s/m`;
  const { source } = sourceOf({ [CUSTOM]: served("v1beta2"), [path]: { items: [pod, pod] } });
  await expect(source.ofObject("n", "services", "s", "m", undefined)).rejects.toThrow(
    "unable to fetch metrics from custom metrics API: the custom metrics API server returned 2 results when we asked for exactly one",
  );
});

test.each([
  [{}, "no custom metrics API (custom.metrics.k8s.io) registered"],
  [{ [CUSTOM]: served("v9") }, "no known available metric versions found"],
])("without a server of custom metrics that it knows it says so: %j", async (answers, why) => {
  const { source } = sourceOf(answers);
  const failure = `unable to fetch metrics from custom metrics API: ${why}`;
  await expect(source.ofPods("n", "", "m", undefined)).rejects.toThrow(failure);
});
