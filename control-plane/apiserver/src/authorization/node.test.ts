import { ApiError } from "@tsukube/api";
import type { Client } from "@tsukube/client";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const IN = "/api/v1/namespaces/default";
let cluster: Cluster;
let node: Client;

beforeEach(async () => {
  cluster = await startCluster();
  node = cluster.clientAs({ name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] });
  await make(`${IN}/serviceaccounts`, "default");
  await make("/api/v1/nodes", "n1");
});
afterEach(() => cluster.close());

const make = (path: string, name: string, more: object = {}) =>
  cluster.client.raw("POST", path, { metadata: { name }, ...more });
const runPod = (nodeName: string, spec: object = {}) =>
  make(`${IN}/pods`, `on-${nodeName}`, { spec: { nodeName, containers: [{ name: "c", image: "i" }], ...spec } });

async function may(method: string, path: string): Promise<boolean> {
  try {
    await node.raw(method, path);
    return true;
  } catch (error) {
    if (!ApiError.is(error, "Forbidden")) throw error;
    return false;
  }
}

test("a node reads the Secrets and ConfigMaps of its pods, by name and while they run there", async () => {
  for (const name of ["volume", "env", "pull", "other"]) {
    await make(`${IN}/secrets`, name);
    await make(`${IN}/configmaps`, name);
  }
  expect(await may("GET", `${IN}/secrets/volume`)).toBe(false);
  await runPod("n1", {
    imagePullSecrets: [{ name: "pull" }],
    volumes: [
      { name: "v", secret: { secretName: "volume" } },
      { name: "w", projected: { sources: [{ configMap: { name: "volume" } }] } },
    ],
    containers: [
      { name: "c", image: "i", envFrom: [{ secretRef: { name: "env" } }, { configMapRef: { name: "env" } }] },
    ],
  });
  for (const name of ["volume", "env", "pull"]) expect(await may("GET", `${IN}/secrets/${name}`), name).toBe(true);
  for (const name of ["volume", "env"]) expect(await may("GET", `${IN}/configmaps/${name}`), name).toBe(true);
  expect(await may("GET", `${IN}/secrets/other`)).toBe(false);
  expect(await may("GET", `${IN}/configmaps/pull`)).toBe(false);
  expect(await may("GET", `${IN}/secrets`)).toBe(false);
  expect(await may("GET", `${IN}/secrets?fieldSelector=metadata.name%3Dvolume`)).toBe(true);
  expect(await may("GET", `${IN}/secrets?fieldSelector=metadata.name%3Dother`)).toBe(false);
  await cluster.client.raw("DELETE", `${IN}/pods/on-n1`, { gracePeriodSeconds: 0 });
  expect(await may("GET", `${IN}/secrets/volume`)).toBe(false);
});

test("a node reads the volumes behind the claims of its pods, and the Secrets to mount them", async () => {
  await make(`${IN}/secrets`, "ceph");
  const capacity = { storage: "1Gi" };
  await make("/api/v1/persistentvolumes", "vol", {
    spec: {
      capacity,
      accessModes: ["ReadWriteOnce"],
      claimRef: { namespace: "default", name: "data" },
      cephfs: { monitors: ["m"], secretRef: { name: "ceph" } },
    },
  });
  await make(`${IN}/persistentvolumeclaims`, "data", {
    spec: { accessModes: ["ReadWriteOnce"], volumeName: "vol", resources: { requests: capacity } },
  });
  const paths = [`${IN}/persistentvolumeclaims/data`, "/api/v1/persistentvolumes/vol", `${IN}/secrets/ceph`];
  for (const path of paths) expect(await may("GET", path), path).toBe(false);
  await runPod("n1", { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] });
  for (const path of paths) expect(await may("GET", path), path).toBe(true);
});

test("a node sees its own pods and itself", async () => {
  await runPod("n1");
  await runPod("n2");
  await make("/api/v1/nodes", "n2");
  expect(await may("GET", `${IN}/pods/on-n1`)).toBe(true);
  expect(await may("GET", `${IN}/pods/on-n2`)).toBe(false);
  expect(await may("GET", "/api/v1/pods")).toBe(false);
  expect(await may("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn2")).toBe(false);
  expect(await may("GET", "/api/v1/pods?fieldSelector=spec.nodeName%3Dn1,status.phase!%3DFailed")).toBe(true);
  expect(await may("GET", "/api/v1/nodes/n1")).toBe(true);
  expect(await may("GET", "/api/v1/nodes/n2")).toBe(false);
  expect(await may("GET", "/api/v1/nodes")).toBe(false);
  expect(await may("GET", "/api/v1/services")).toBe(true);
});

test("a mirror pod gives its node nothing", async () => {
  await make(`${IN}/serviceaccounts`, "robot");
  const annotations = { "kubernetes.io/config.mirror": "x" };
  await cluster.client.raw("POST", `${IN}/pods`, {
    metadata: { name: "static", annotations },
    spec: { nodeName: "n1", containers: [{ name: "c", image: "i" }] },
  });
  expect(await may("GET", `${IN}/pods/static`)).toBe(true);
  expect(await may("GET", `${IN}/serviceaccounts/robot`)).toBe(false);
});
