import type { PersistentVolume } from "@tsukube/api/types/core-v1";
import type { VolumeAttributesClass } from "@tsukube/api/types/storage-v1";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ATTRIBUTES_CLASSES, VOLUMES } from "../context.ts";
import { startControllers } from "../index.ts";

let cluster: Cluster;
let lifetime: Lifetime;

/** API server and all controllers, each with its own permissions, on virtual time. */
beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
  const groups = ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"];
  const clientFor = (name: string) =>
    name === "kube-controller-manager"
      ? cluster.clientAs({ name: `system:${name}` })
      : cluster.clientAs({ name: `system:serviceaccount:kube-system:${name}`, groups });
  const common = { clock: cluster.clock, random: seededRandom(2), logger: silentLogger };
  lifetime.own("controllers", await startControllers({ ...common, clientFor, options: { rootCa: "" } }));
});
afterEach(() => lifetime.close());

const classes = () => cluster.client.resource<VolumeAttributesClass>(ATTRIBUTES_CLASSES);
const volumes = () => cluster.client.resource<PersistentVolume>(VOLUMES);

async function names(): Promise<readonly (string | undefined)[]> {
  return (await classes().list()).items.map(({ metadata }) => metadata?.name);
}

async function eventually(check: () => Promise<boolean>): Promise<void> {
  for (let step = 0; step < 200; step += 1) {
    if (await check()) return;
    await cluster.clock.advance(10);
  }
  throw new Error("never");
}

const attributes = (name: string): VolumeAttributesClass => ({
  metadata: { name },
  driverName: "d.example.com",
  parameters: { iops: "1" },
});

test("a class that a volume has is kept until the volume is gone, others go at once", async () => {
  for (const name of ["used", "free"]) await classes().create(attributes(name));
  expect((await classes().get("used")).metadata?.finalizers).toEqual(["kubernetes.io/vac-protection"]);
  const csi = { driver: "d.example.com", volumeHandle: "h" };
  const spec = { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], csi, volumeAttributesClassName: "used" };
  await volumes().create({ metadata: { name: "v" }, spec });
  await cluster.clock.advance(100);
  for (const name of ["used", "free"]) await classes().delete(name);
  await eventually(async () => (await names()).join() === "used");
  await cluster.clock.advance(1000);
  expect(await names()).toEqual(["used"]);
  await volumes().delete("v");
  await eventually(async () => (await names()).length === 0);
});
