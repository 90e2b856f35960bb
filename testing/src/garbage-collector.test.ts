import type { ConfigMap } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

let cluster: Cluster;
let maps: ResourceClient<ConfigMap>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  maps = cluster.client.resource({ group: "", version: "v1", resource: "configmaps" }, "default");
});
afterEach(() => cluster.close());

const create = (name: string): Promise<ConfigMap> => maps.create({ metadata: { name } });

async function own(owner: ConfigMap, dependent: ConfigMap, blockOwnerDeletion = true): Promise<void> {
  const { name = "", uid = "" } = owner.metadata ?? {};
  const body = {
    metadata: { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name, uid, blockOwnerDeletion }] },
  };
  await maps.patch(dependent.metadata?.name ?? "", { type: "merge", body });
}

const names = async (): Promise<readonly string[]> =>
  (await maps.list()).items.map(({ metadata }) => metadata?.name ?? "").filter((name) => name !== "kube-root-ca.crt");

test("owners in a circle do not wait for each other when one is deleted in the foreground", async () => {
  const [a, b, c] = [await create("a"), await create("b"), await create("c")];
  await own(a, b);
  await own(b, c);
  await own(c, a);
  await cluster.clock.advance(1000);
  await maps.delete("a", { propagationPolicy: "Foreground" });
  await cluster.clock.advance(30_000);
  expect(await names()).toEqual([]);
});

test("an owner deleted in the foreground stays until what blocks it is gone", async () => {
  const [owner, blocking, other] = [await create("owner"), await create("blocking"), await create("other")];
  await maps.patch("blocking", { type: "merge", body: { metadata: { finalizers: ["example.com/hold"] } } });
  await own(owner, blocking);
  await own(owner, other, false);
  await cluster.clock.advance(1000);
  await maps.delete("owner", { propagationPolicy: "Foreground" });
  await cluster.clock.advance(30_000);
  expect(await names()).toEqual(["blocking", "owner"]);
  await maps.patch("blocking", { type: "merge", body: { metadata: { finalizers: null } } });
  await cluster.clock.advance(30_000);
  expect(await names()).toEqual([]);
});

test("orphans outlive their owner", async () => {
  await own(await create("owner"), await create("orphan"));
  await cluster.clock.advance(1000);
  await maps.delete("owner", { propagationPolicy: "Orphan" });
  await cluster.clock.advance(30_000);
  expect(await names()).toEqual(["orphan"]);
  expect((await maps.get("orphan")).metadata?.ownerReferences).toBeUndefined();
});

test("a dependent goes with its last owner, whether that was ever changed or not, and stays while one is left", async () => {
  const [one, other, dependent] = [await create("one"), await create("other"), await create("dependent")];
  const reference = ({ metadata }: ConfigMap) => ({
    ...{ apiVersion: "v1", kind: "ConfigMap" },
    ...{ name: metadata?.name ?? "", uid: metadata?.uid ?? "" },
  });
  const ownerReferences = [reference(one), reference(other)];
  await maps.patch(dependent.metadata?.name ?? "", { type: "merge", body: { metadata: { ownerReferences } } });
  await maps.create({ metadata: { name: "of-nobody", ownerReferences: [{ ...reference(one), uid: "another" }] } });
  await cluster.clock.advance(30_000);
  expect(await names()).toEqual(["dependent", "one", "other"]);
  await maps.patch("other", { type: "merge", body: { data: { changed: "yes" } } });
  await cluster.clock.advance(30_000);
  await maps.delete("one");
  await cluster.clock.advance(30_000);
  expect(await names()).toEqual(["dependent", "other"]);
  expect((await maps.get("dependent")).metadata?.ownerReferences).toEqual([reference(other)]);
  await maps.delete("other");
  await cluster.clock.advance(30_000);
  expect(await names()).toEqual([]);
});
