import { ApiError, type Unstructured } from "@tsukube/api";
import type { ResourceQuota } from "@tsukube/api/types/core-v1";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const IN = "/api/v1/namespaces/default";
let cluster: Cluster;

beforeEach(async () => {
  cluster = await startCluster();
  await post("serviceaccounts", { metadata: { name: "default" } });
});
afterEach(() => cluster.close());

const post = (resource: string, body: object) => cluster.client.raw("POST", `${IN}/${resource}`, body);
const configMap = (name: string) => ({ metadata: { name } });
const pod = (name: string, resources: object = {}, more: object = {}) => ({
  metadata: { name },
  spec: { containers: [{ name: "c", image: "i", resources }], ...more },
});

/** A quota whose status is what its controller would have written. */
async function quota(name: string, hard: Readonly<Record<string, string>>, spec: object = {}): Promise<void> {
  const made = (await post("resourcequotas", { metadata: { name }, spec: { hard, ...spec } })) as Unstructured;
  const used = Object.fromEntries(Object.keys(hard).map((key) => [key, "0"]));
  await cluster.client.raw("PUT", `${IN}/resourcequotas/${name}/status`, { ...made, status: { hard, used } });
}

async function usedOf(name: string): Promise<Readonly<Record<string, string>>> {
  const live = (await cluster.client.raw("GET", `${IN}/resourcequotas/${name}`)) as ResourceQuota;
  return live.status?.used ?? {};
}

async function refusal(made: Promise<unknown>): Promise<string> {
  try {
    await made;
    return "";
  } catch (error) {
    if (!ApiError.is(error, "Forbidden")) throw error;
    return error.message;
  }
}

test("what fits is charged at once, what does not is refused with the numbers", async () => {
  await quota("q", { configmaps: "1", "count/secrets": "5" });
  expect(await refusal(post("configmaps", configMap("a")))).toBe("");
  expect(await usedOf("q")).toEqual({ configmaps: "1", "count/secrets": "0" });
  expect(await refusal(post("configmaps", configMap("b")))).toBe(
    'configmaps "b" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1',
  );
});

test("requests at the same time never share the last piece", async () => {
  await quota("q", { "count/configmaps": "3" });
  const names = ["a", "b", "c", "d", "e", "f"];
  const answers = await Promise.all(names.map((name) => refusal(post("configmaps", configMap(name)))));
  expect(answers.filter((answer) => answer === "")).toHaveLength(3);
  expect(await usedOf("q")).toEqual({ "count/configmaps": "3" });
});

test("what may not be created is refused before what only the store objects to", async () => {
  const versioned = (resourceVersion: string) => ({ metadata: { name: "a", resourceVersion } });
  await expect(post("configmaps", versioned("5"))).rejects.toThrow("resourceVersion should not be set");
  await quota("q", { configmaps: "0" });
  expect(await refusal(post("configmaps", versioned("5")))).toContain("exceeded quota");
  await quota("q2", { "count/secrets": "9" });
  await expect(post("secrets", versioned("0"))).resolves.toMatchObject({ metadata: { name: "a" } });
});

test("a dry run is refused like the real one, and charges nothing", async () => {
  await quota("q", { configmaps: "1" });
  expect(await refusal(post("configmaps?dryRun=All", configMap("a")))).toBe("");
  expect(await usedOf("q")).toEqual({ configmaps: "0" });
  await post("configmaps", configMap("a"));
  expect(await refusal(post("configmaps?dryRun=All", configMap("b")))).toContain("exceeded quota");
});

test("pods must say what a quota counts, and are charged for it", async () => {
  await quota("q", { "requests.cpu": "1", "limits.memory": "1Gi", pods: "5" });
  expect(await refusal(post("pods", pod("a")))).toBe(
    'pods "a" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c',
  );
  const resources = { requests: { cpu: "600m" }, limits: { memory: "100Mi" } };
  expect(await refusal(post("pods", pod("a", resources)))).toBe("");
  expect(await usedOf("q")).toEqual({ "limits.memory": "100Mi", pods: "1", "requests.cpu": "600m" });
  expect(await refusal(post("pods", pod("b", resources)))).toContain(
    "exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1",
  );
});

test("a quota with scopes counts only what is within them", async () => {
  await quota("best", { pods: "1" }, { scopes: ["BestEffort"] });
  await quota("ends", { pods: "1" }, { scopes: ["Terminating"] });
  await post("pods", pod("a"));
  await post("pods", pod("b", { requests: { cpu: "1" } }, { activeDeadlineSeconds: 60 }));
  expect([await usedOf("best"), await usedOf("ends")]).toEqual([{ pods: "1" }, { pods: "1" }]);
  expect(await refusal(post("pods", pod("c")))).toContain("exceeded quota: best");
  expect(await refusal(post("pods", pod("d", { requests: { cpu: "1" } })))).toBe("");
});

test("an update is charged for what it adds", async () => {
  await quota("q", { "services.nodeports": "1", services: "5" });
  const ports = [{ port: 80, name: "a" }];
  const made = (await post("services", { metadata: { name: "s" }, spec: { ports } })) as Unstructured;
  const with2 = { ...made, spec: { type: "NodePort", ports: [...ports, { port: 81, name: "b" }] } };
  expect(await refusal(cluster.client.raw("PUT", `${IN}/services/s`, with2))).toContain(
    "requested: services.nodeports=2",
  );
  const with1 = { ...made, spec: { type: "NodePort", ports } };
  expect(await refusal(cluster.client.raw("PUT", `${IN}/services/s`, with1))).toBe("");
  expect(await usedOf("q")).toEqual({ services: "1", "services.nodeports": "1" });
});

test("a quota that nobody has counted yet lets nothing in that it will count", async () => {
  const made = (await post("resourcequotas", {
    metadata: { name: "q" },
    spec: { hard: { pods: "1" } },
  })) as Unstructured;
  const status = { hard: { pods: "1" }, used: {} };
  await cluster.client.raw("PUT", `${IN}/resourcequotas/q/status`, { ...made, status });
  expect(await refusal(post("pods", pod("a")))).toContain("status unknown for quota: q, resources: pods");
});
