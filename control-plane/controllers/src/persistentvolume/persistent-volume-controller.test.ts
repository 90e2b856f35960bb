import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, ServiceAccount } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startControllers } from "../index.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
const CLASSES = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
let cluster: Cluster;
let lifetime: Lifetime;

/** API server and all controllers, each with its own permissions, on virtual time. */
beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
  const accounts = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
  const clientFor = (name: string) =>
    name === "kube-controller-manager"
      ? cluster.clientAs({ name: `system:${name}` })
      : cluster.clientAs({ name: `system:serviceaccount:kube-system:${name}`, groups: accounts });
  const common = { clock: cluster.clock, random: seededRandom(2), logger: silentLogger };
  lifetime.own("controllers", await startControllers({ ...common, clientFor, options: { rootCa: "" } }));
  const accountsOf = cluster.client.resource<ServiceAccount>(core("serviceaccounts"), "default");
  await eventually(async () => !(await isGone(accountsOf.get("default"))));
});
afterEach(() => lifetime.close());

const claims = () => cluster.client.resource<PersistentVolumeClaim>(core("persistentvolumeclaims"), "default");
const volumes = () => cluster.client.resource<PersistentVolume>(core("persistentvolumes"));
const pods = () => cluster.client.resource<Pod>(core("pods"), "default");

function makeVolume(name: string, spec: PersistentVolume["spec"] = {}): Promise<PersistentVolume> {
  const capacity = { storage: "1Gi" };
  const rest = { capacity, accessModes: ["ReadWriteOnce"], hostPath: { path: "/disk" } };
  return volumes().create({ metadata: { name }, spec: { ...rest, ...spec } });
}

function makeClaim(name: string, spec: PersistentVolumeClaim["spec"] = {}): Promise<PersistentVolumeClaim> {
  const resources = { requests: { storage: "1Gi" } };
  return claims().create({ metadata: { name }, spec: { resources, accessModes: ["ReadWriteOnce"], ...spec } });
}

/** A pod that its node knows of. */
async function makePod(name: string, claimName: string): Promise<void> {
  const data = { name: "data", persistentVolumeClaim: { claimName } };
  const spec = { nodeName: "n", containers: [{ name: "main", image: "x" }], volumes: [data] };
  await pods().create({ metadata: { name }, spec });
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let step = 0; step < 200; step += 1) {
    if (await check()) return;
    await cluster.clock.advance(10);
  }
  throw new Error("never");
}

const phaseOf = async (name: string): Promise<string | undefined> => (await claims().get(name)).status?.phase;
const volumePhase = async (name: string): Promise<string | undefined> => (await volumes().get(name)).status?.phase;
const isGone = async (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );

test("a claim is bound to a volume, whichever is made first, and both show it", async () => {
  await makeVolume("v1", { capacity: { storage: "5Gi" } });
  await makeClaim("early", { storageClassName: "" });
  await makeClaim("late", { storageClassName: "" });
  await eventually(async () => (await phaseOf("early")) === "Bound" || (await phaseOf("late")) === "Bound");
  await makeVolume("v2");
  await eventually(async () => (await phaseOf("early")) === "Bound" && (await phaseOf("late")) === "Bound");
  const names = [await claims().get("early"), await claims().get("late")].map(({ spec }) => spec?.volumeName).sort();
  expect(names).toEqual(["v1", "v2"]);
  expect([await volumePhase("v1"), await volumePhase("v2")]).toEqual(["Bound", "Bound"]);
  const { status } = (await volumes().get("v1")) ?? {};
  expect(status?.lastPhaseTransitionTime).toMatch(/^2025-01-01T/);
});

test("of many claims that want the same volumes each gets one at most", async () => {
  for (let i = 0; i < 5; i += 1) await makeClaim(`c${i}`, { storageClassName: "" });
  await Promise.all(Array.from({ length: 3 }, (_, i) => makeVolume(`v${i}`)));
  const bound = async () => (await claims().list()).items.filter(({ status }) => status?.phase === "Bound");
  await eventually(async () => (await bound()).length === 3);
  await cluster.clock.advance(60_000);
  expect(new Set((await bound()).map(({ spec }) => spec?.volumeName)).size).toBe(3);
  for (const claim of await bound()) {
    const volume = await volumes().get(claim.spec?.volumeName ?? "");
    expect(volume.spec?.claimRef?.uid).toBe(claim.metadata?.uid);
  }
});

test("a deleted claim leaves its volume released; nobody else gets it", async () => {
  await makeVolume("v", { persistentVolumeReclaimPolicy: "Retain" });
  await makeClaim("data", { storageClassName: "" });
  await eventually(async () => (await phaseOf("data")) === "Bound");
  await claims().delete("data");
  await eventually(async () => (await volumePhase("v")) === "Released");
  await makeClaim("data", { storageClassName: "" });
  await cluster.clock.advance(60_000);
  expect(await phaseOf("data")).toBe("Pending");
});

test("a volume made for a claim by its provisioner is bound to it and released with it", async () => {
  await cluster.client.resource<StorageClass>(CLASSES).create({ metadata: { name: "fast" }, provisioner: "p" });
  await makeClaim("data", { storageClassName: "fast" });
  const askedOf = async () =>
    (await claims().get("data")).metadata?.annotations?.["volume.kubernetes.io/storage-provisioner"];
  await eventually(async () => (await askedOf()) === "p");
  const { uid = "" } = (await claims().get("data")).metadata ?? {};
  await volumes().create({
    metadata: { name: "made", annotations: { "pv.kubernetes.io/provisioned-by": "p" } },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      hostPath: { path: "/disk" },
      storageClassName: "fast",
      persistentVolumeReclaimPolicy: "Delete",
      claimRef: { namespace: "default", name: "data", uid },
    },
  });
  await eventually(async () => (await phaseOf("data")) === "Bound");
  await claims().delete("data");
  await eventually(async () => (await volumePhase("made")) === "Released");
});

test("a claim made before the default class gets it later", async () => {
  await makeClaim("data");
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  await cluster.client
    .resource<StorageClass>(CLASSES)
    .create({ metadata: { name: "std", annotations }, provisioner: "p" });
  await eventually(async () => (await claims().get("data")).spec?.storageClassName === "std");
});

test("a claim in use is deleted once its pod is, and its volume only after that", async () => {
  await makeVolume("v");
  await makeClaim("data", { storageClassName: "" });
  await eventually(async () => (await phaseOf("data")) === "Bound");
  await cluster.client.resource<Node>(core("nodes")).create({ metadata: { name: "n" } });
  await makePod("p", "data");
  await claims().delete("data");
  await volumes().delete("v");
  await cluster.clock.advance(5000);
  expect((await claims().get("data")).metadata?.deletionTimestamp).toBeDefined();
  expect(await volumePhase("v")).toBe("Bound");
  await pods().delete("p", { gracePeriodSeconds: 0 });
  await eventually(() => isGone(claims().get("data")));
  await eventually(() => isGone(volumes().get("v")));
});

test("a bound claim whose volume was taken away by force is lost", async () => {
  await makeVolume("v");
  await makeClaim("data", { storageClassName: "" });
  await eventually(async () => (await phaseOf("data")) === "Bound");
  await volumes().delete("v");
  await volumes().patch("v", { type: "merge", body: { metadata: { finalizers: null } } });
  await eventually(async () => (await phaseOf("data")) === "Lost");
  expect((await claims().get("data")).status?.capacity).toBeUndefined();
});

test("an ephemeral volume's claim comes and goes with its pod", async () => {
  const claimSpec = {
    accessModes: ["ReadWriteOnce"],
    resources: { requests: { storage: "1Gi" } },
    storageClassName: "",
  };
  const volume = { name: "tmp", ephemeral: { volumeClaimTemplate: { spec: claimSpec } } };
  await pods().create({
    metadata: { name: "p" },
    spec: { containers: [{ name: "main", image: "x" }], volumes: [volume] },
  });
  await eventually(async () => !(await isGone(claims().get("p-tmp"))));
  await pods().delete("p", { gracePeriodSeconds: 0 });
  await eventually(() => isGone(claims().get("p-tmp")));
});

test("a bound claim tells since when no pod that goes on refers to it", async () => {
  const unused = async () => (await claims().get("data")).status?.conditions?.find(({ type }) => type === "Unused");
  await makeClaim("data", { storageClassName: "" });
  await cluster.clock.advance(1000);
  expect(await unused()).toBeUndefined();
  await makeVolume("v");
  await eventually(async () => (await unused())?.status === "True");
  expect(await unused()).toMatchObject({
    reason: "NoPodsUsingPVC",
    message: "No pods are currently referencing this PVC",
    lastTransitionTime: expect.stringMatching(/^2025-01-01T/),
  });
  await makePod("p", "data");
  await eventually(async () => (await unused())?.status === "False");
  expect(await unused()).toMatchObject({
    reason: "PodUsingPVC",
    message: "A pod is currently referencing this PVC",
  });
  const pod = await pods().get("p");
  await pods().updateStatus({ ...pod, status: { ...pod.status, phase: "Succeeded" } });
  await eventually(async () => (await unused())?.status === "True");
  const { resourceVersion } = (await claims().get("data")).metadata ?? {};
  await pods().delete("p", { gracePeriodSeconds: 0 });
  await cluster.clock.advance(1000);
  expect((await claims().get("data")).metadata?.resourceVersion).toBe(resourceVersion);
});
