import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Event, PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import { createInformerFactory } from "@tsukube/client";
import { startControllers } from "@tsukube/controllers";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { startProvisioner } from "./directory-provisioner.ts";
import { PROVISIONER } from "./plan.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
const CLASSES = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
let cluster: Cluster;
let lifetime: Lifetime;
let folder: string;

/** API server and binder, and the provisioner of node "here". */
beforeEach(async () => {
  lifetime = new Lifetime();
  folder = mkdtempSync(join(tmpdir(), "provisioner-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  cluster = lifetime.own("cluster", await startCluster());
  const common = { clock: cluster.clock, random: seededRandom(2), logger: silentLogger };
  lifetime.own("controllers", await startControllers({ ...common, clientFor, options: { rootCa: "" } }));
  await startNode("here", folder);
});
afterEach(() => lifetime.close());

function clientFor(name: string) {
  return cluster.clientAs({ name, groups: ["system:masters", "system:authenticated"] });
}

async function startNode(nodeName: string, of: string): Promise<void> {
  const common = { clock: cluster.clock, random: seededRandom(2), logger: silentLogger };
  const client = clientFor("provisioner");
  const informers = lifetime.own("informers", createInformerFactory(client, common));
  lifetime.own("provisioner", await startProvisioner({ ...common, client, informers, nodeName, folder: of }));
}

const claims = () => cluster.client.resource<PersistentVolumeClaim>(core("persistentvolumeclaims"), "default");
const volumes = () => cluster.client.resource<PersistentVolume>(core("persistentvolumes"));

async function makeClass(more: Partial<StorageClass> = {}): Promise<void> {
  const made = { metadata: { name: "dir" }, provisioner: PROVISIONER, volumeBindingMode: "Immediate", ...more };
  await cluster.client.resource<StorageClass>(CLASSES).create(made);
}

async function makeClaim(more: Partial<PersistentVolumeClaim["spec"]> = {}): Promise<void> {
  const resources = { requests: { storage: "1Gi" } };
  const spec = { storageClassName: "dir", accessModes: ["ReadWriteMany"], resources, ...more };
  await claims().create({ metadata: { name: "data" }, spec });
}

/** Removing folders is done by threads that the virtual clock does not see: time passes between looks. */
async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let step = 0; step < 500; step += 1) {
    if (await check()) return;
    await cluster.clock.advance(10);
  }
  throw new Error("never");
}

const isGone = async (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    () => true,
  );
const isBound = async (): Promise<boolean> => (await claims().get("data")).status?.phase === "Bound";

async function boundVolume(): Promise<PersistentVolume> {
  await eventually(isBound);
  return volumes().get((await claims().get("data")).spec?.volumeName ?? "");
}

async function events(): Promise<readonly (readonly [string | undefined, string | undefined])[]> {
  const { items } = await cluster.client.resource<Event>(core("events")).list();
  return items.map(({ reason, message }) => [reason, message] as const);
}

test("a claim gets a folder, which goes with it", async () => {
  await makeClass();
  await makeClaim();
  const { spec, metadata } = await boundVolume();
  expect(spec?.local?.path).toBe(join(folder, metadata?.name ?? ""));
  writeFileSync(join(spec?.local?.path ?? "", "file"), "data");
  await claims().delete("data");
  await eventually(() => isGone(volumes().get(metadata?.name ?? "")));
  expect(existsSync(spec?.local?.path ?? "")).toBe(false);
});

test("a volume that is deleted before its claim takes its folder with it all the same", async () => {
  await makeClass();
  await makeClaim();
  const { spec, metadata } = await boundVolume();
  await volumes().delete(metadata?.name ?? "");
  await cluster.clock.advance(1000);
  expect(existsSync(spec?.local?.path ?? "")).toBe(true);
  await claims().delete("data");
  await eventually(() => isGone(volumes().get(metadata?.name ?? "")));
  expect(existsSync(spec?.local?.path ?? "")).toBe(false);
});

test("with reclaim policy Retain volume and folder stay, and the folder outlives the volume", async () => {
  await makeClass({ reclaimPolicy: "Retain" });
  await makeClaim();
  const { spec, metadata } = await boundVolume();
  await claims().delete("data");
  await eventually(async () => (await volumes().get(metadata?.name ?? "")).status?.phase === "Released");
  await volumes().delete(metadata?.name ?? "");
  await eventually(() => isGone(volumes().get(metadata?.name ?? "")));
  expect(existsSync(spec?.local?.path ?? "")).toBe(true);
});

test("what cannot be made is refused with the reason", async () => {
  await makeClass();
  await makeClaim({ volumeMode: "Block" });
  await eventually(async () => (await events()).some(([reason]) => reason === "ProvisioningFailed"));
  expect(await events()).toContainEqual([
    "ProvisioningFailed",
    'failed to provision volume with StorageClass "dir": a folder cannot be a block device, expected volumeMode Filesystem',
  ]);
  expect(await isBound()).toBe(false);
});

test("of two nodes that are asked for the same volume one makes it, and the other keeps nothing", async () => {
  const other = mkdtempSync(join(tmpdir(), "provisioner-"));
  lifetime.add("other folder", () => rmSync(other, { recursive: true }));
  await startNode("there", other);
  await makeClass();
  await makeClaim();
  const { spec, metadata } = await boundVolume();
  const name = metadata?.name ?? "";
  expect([join(folder, name), join(other, name)]).toContain(spec?.local?.path);
  await eventually(async () => existsSync(join(folder, name)) !== existsSync(join(other, name)));
  expect(existsSync(spec?.local?.path ?? "")).toBe(true);
});
