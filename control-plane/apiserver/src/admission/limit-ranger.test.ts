import { ApiError, type Unstructured } from "@tsukube/api";
import type { LimitRangeItem, Pod } from "@tsukube/api/types/core-v1";
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
const limit = (...limits: readonly LimitRangeItem[]) =>
  post("limitranges", { metadata: { name: "l" }, spec: { limits } });
const run = (resources: object, more: object = {}) =>
  post("pods", {
    metadata: { generateName: "p-" },
    spec: { containers: [{ name: "c", image: "i", resources }], ...more },
  });

async function refusal(made: Promise<unknown>): Promise<string> {
  try {
    await made;
    return "";
  } catch (error) {
    if (!ApiError.is(error, "Forbidden")) throw error;
    return error.message.replace(/^.* is forbidden: /, "");
  }
}

test("containers get what they leave open, and the pod tells so", async () => {
  await limit({ type: "Container", default: { cpu: "500m", memory: "1Gi" }, defaultRequest: { cpu: "100m" } });
  const initContainers = [{ name: "i", image: "i" }];
  const made = (await run({ limits: { memory: "2Gi" } }, { initContainers })) as Pod & Unstructured;
  expect(made.spec?.containers[0]?.resources).toEqual({
    requests: { cpu: "100m", memory: "2Gi" },
    limits: { cpu: "500m", memory: "2Gi" },
  });
  expect(made.metadata?.annotations).toEqual({
    "kubernetes.io/limit-ranger":
      "LimitRanger plugin set: cpu request for container c; cpu limit for container c; " +
      "cpu, memory request for init container i; cpu, memory limit for init container i",
  });
});

test("containers stay between least and most", async () => {
  await limit({ type: "Container", min: { cpu: "100m" }, max: { cpu: "1" } });
  expect(await refusal(run({ requests: { cpu: "50m" }, limits: { cpu: "50m" } }))).toBe(
    "minimum cpu usage per Container is 100m, but request is 50m",
  );
  expect(await refusal(run({ requests: { cpu: "1" }, limits: { cpu: "2" } }))).toBe(
    "maximum cpu usage per Container is 1, but limit is 2",
  );
  expect(await refusal(run({ requests: { cpu: "100m" }, limits: { cpu: "1" } }))).toBe("");
});

test("a pod is measured as a whole", async () => {
  await limit({ type: "Pod", max: { memory: "1Gi" } });
  expect(await refusal(run({}))).toBe("maximum memory usage per Pod is 1Gi.  No limit is specified");
  const initContainers = [{ name: "i", image: "i", resources: { limits: { memory: "2Gi" } } }];
  expect(await refusal(run({ limits: { memory: "1Gi" } }, { initContainers }))).toBe(
    "maximum memory usage per Pod is 1Gi, but limit is 2Gi",
  );
});

test("limits stay in proportion to requests", async () => {
  await limit({ type: "Container", maxLimitRequestRatio: { cpu: "2" } });
  expect(await refusal(run({}))).toContain("but no request is specified or request is 0");
  expect(await refusal(run({ requests: { cpu: "100m" }, limits: { cpu: "300m" } }))).toBe(
    "cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000",
  );
});

test("claims ask for storage between least and most", async () => {
  await limit({ type: "PersistentVolumeClaim", min: { storage: "1Gi" }, max: { storage: "2Gi" } });
  const claim = (storage: string) =>
    refusal(
      post("persistentvolumeclaims", {
        metadata: { generateName: "c-" },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage } } },
      }),
    );
  expect(await claim("500Mi")).toBe("minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi");
  expect(await claim("3Gi")).toBe("maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi");
  expect(await claim("2Gi")).toBe("");
});
