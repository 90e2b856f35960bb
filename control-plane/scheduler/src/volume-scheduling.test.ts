import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, ServiceAccount } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import { createInformerFactory } from "@tsukube/client";
import { startControllers } from "@tsukube/controllers";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { createMetrics } from "@tsukube/host";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startScheduler } from "./scheduler.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
const SELECTED = "volume.kubernetes.io/selected-node";
let cluster: Cluster;
let lifetime: Lifetime;

/** API server, controllers and scheduler on virtual time; two nodes that nothing runs on. */
beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
  const { clock } = cluster;
  const common = { clock, random: seededRandom(2), logger: silentLogger };
  const accounts = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
  const clientFor = (name: string) =>
    name === "kube-controller-manager"
      ? cluster.clientAs({ name: `system:${name}` })
      : cluster.clientAs({ name: `system:serviceaccount:kube-system:${name}`, groups: accounts });
  lifetime.own("controllers", await startControllers({ ...common, clientFor, options: { rootCa: "" } }));
  const client = cluster.clientAs({ name: "system:kube-scheduler" });
  const informers = lifetime.own("informers", createInformerFactory(client, common));
  lifetime.own("scheduler", await startScheduler({ ...common, client, informers, metrics: createMetrics() }));
  for (const name of ["a", "b"]) {
    const labels = { "kubernetes.io/hostname": name };
    const node: Node = { metadata: { name, labels } };
    const nodes = cluster.client.resource<Node>(core("nodes"));
    await nodes.create(node);
    const status = { allocatable: { cpu: "1", memory: "1Gi", pods: "10" } };
    await nodes.patch(name, { type: "merge", body: { status } }, { subresource: "status" });
  }
  const accountsOf = cluster.client.resource<ServiceAccount>(core("serviceaccounts"), "default");
  await eventually(async () =>
    accountsOf
      .get("default")
      .then(() => true)
      .catch(() => false),
  );
});
afterEach(() => lifetime.close());

const claims = () => cluster.client.resource<PersistentVolumeClaim>(core("persistentvolumeclaims"), "default");
const volumes = () => cluster.client.resource<PersistentVolume>(core("persistentvolumes"));
const pods = () => cluster.client.resource<Pod>(core("pods"), "default");

async function makeClass(provisioner: string): Promise<void> {
  const classes = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
  const made = { metadata: { name: "fast" }, provisioner, volumeBindingMode: "WaitForFirstConsumer" };
  await cluster.client.resource<StorageClass>(classes).create(made);
}

async function makeClaim(name: string): Promise<PersistentVolumeClaim> {
  const resources = { requests: { storage: "1Gi" } };
  const spec = { storageClassName: "fast", accessModes: ["ReadWriteOnce"], resources };
  return claims().create({ metadata: { name }, spec });
}

function volume(name: string, node: string, more: PersistentVolume["spec"] = {}): PersistentVolume {
  const matchExpressions = [{ key: "kubernetes.io/hostname", operator: "In", values: [node] }];
  return {
    metadata: { name },
    spec: {
      storageClassName: "fast",
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      local: { path: "/disk" },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
      ...more,
    },
  };
}

async function makePod(name: string, claimName: string): Promise<void> {
  const data = { name: "data", persistentVolumeClaim: { claimName } };
  const resources = { requests: { cpu: "600m" } };
  await pods().create({
    metadata: { name },
    spec: {
      containers: [{ name: "main", image: "x", resources }],
      volumes: [data],
      tolerations: [{ operator: "Exists" }],
    },
  });
}

const nodeOf = async (name: string): Promise<string | undefined> => (await pods().get(name)).spec?.nodeName;

/** Lets a second pass in steps, until the check holds. */
async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let step = 0; step < 100; step += 1) {
    if (await check()) return;
    await cluster.clock.advance(10);
  }
  throw new Error("never");
}

test("a pod is placed where a volume for its claim is, and bound after it", async () => {
  await makeClass("kubernetes.io/no-provisioner");
  await volumes().create(volume("disk", "b"));
  await eventually(async () => (await volumes().get("disk")).status?.phase === "Available");
  await makeClaim("data");
  await makePod("p", "data");
  await eventually(async () => (await nodeOf("p")) === "b");
  expect(await claims().get("data")).toMatchObject({ spec: { volumeName: "disk" }, status: { phase: "Bound" } });
});

test("a pod waits for its provisioner with its place on the node taken, and is bound when the volume is", async () => {
  await makeClass("p.example.com");
  await makeClaim("data");
  await makePod("p", "data");
  let selected = "";
  await eventually(async () => {
    const { annotations = {} } = (await claims().get("data")).metadata ?? {};
    selected = annotations[SELECTED] ?? "";
    return selected !== "" && annotations["volume.kubernetes.io/storage-provisioner"] === "p.example.com";
  });
  await cluster.clock.advance(5000);
  expect(await nodeOf("p")).toBeUndefined();
  await makeClaim("more");
  // 600m of 1 CPU is spoken for on that node: the other is left
  await makePod("q", "more");
  await eventually(async () => (await claims().get("more")).metadata?.annotations?.[SELECTED] !== undefined);
  expect((await claims().get("more")).metadata?.annotations?.[SELECTED]).not.toBe(selected);
  const { uid = "" } = (await claims().get("data")).metadata ?? {};
  await volumes().create(volume("made", selected, { claimRef: { namespace: "default", name: "data", uid } }));
  await eventually(async () => (await nodeOf("p")) === selected);
  expect(await nodeOf("q")).toBeUndefined();
});

test("when the provisioner takes the node's name away the pod is placed again", async () => {
  await makeClass("p.example.com");
  await makeClaim("data");
  await makePod("p", "data");
  const selected = async (): Promise<string | undefined> =>
    (await claims().get("data")).metadata?.annotations?.[SELECTED];
  await eventually(async () => (await selected()) !== undefined);
  await claims().patch("data", { type: "merge", body: { metadata: { annotations: { [SELECTED]: null } } } });
  expect(await selected()).toBeUndefined();
  await eventually(async () => (await selected()) !== undefined);
});

test("a pod whose volumes do not come in ten minutes says so", async () => {
  await makeClass("p.example.com");
  await makeClaim("data");
  await makePod("p", "data");
  await eventually(async () => (await claims().get("data")).metadata?.annotations?.[SELECTED] !== undefined);
  for (let minute = 0; minute < 16; minute += 1) await cluster.clock.advance(60_000);
  const condition = (await pods().get("p")).status?.conditions?.find(({ type }) => type === "PodScheduled");
  expect(condition?.message).toMatch(/binding volumes: context deadline exceeded/);
});

test("a pod whose claim is missing is pending and says which; it is placed once the claim is there", async () => {
  await makeClass("kubernetes.io/no-provisioner");
  await volumes().create(volume("disk", "a"));
  await makePod("p", "data");
  await eventually(async () => {
    const conditions = (await pods().get("p")).status?.conditions ?? [];
    return conditions.some(({ message }) => message?.includes('persistentvolumeclaim "data" not found') === true);
  });
  await makeClaim("data");
  await eventually(async () => (await nodeOf("p")) === "a");
});
