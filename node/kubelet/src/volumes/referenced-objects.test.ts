import type { ConfigMap, Pod, Secret } from "@tsukube/api/types/core-v1";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ReferencedObjects, volumeReferences } from "./referenced-objects.ts";

let lifetime: Lifetime;
let cluster: Cluster;
let references: ReferencedObjects;
let changes: string[];

const NODE = { name: "system:node:here", groups: ["system:nodes", "system:authenticated"] };
const core = (resource: string) => ({ group: "", version: "v1", resource });
const configMaps = () => cluster.client.resource<ConfigMap>(core("configmaps"), "default");

beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
  await cluster.client
    .resource(core("namespaces"))
    .create({ metadata: { name: "default" } })
    .catch(() => {});
  await cluster.client
    .resource(core("serviceaccounts"), "default")
    .create({ metadata: { name: "default" } })
    .catch(() => {});
  changes = [];
  const common = {
    client: cluster.clientAs(NODE),
    clock: cluster.clock,
    random: seededRandom(2),
    logger: silentLogger,
  };
  references = new ReferencedObjects({ ...common, changed: (uid) => void changes.push(uid) });
  lifetime.own("references", references);
});
afterEach(() => lifetime.close());

/** As a node sees it: bound, so that it may read what the pod refers to. */
async function boundPod(name: string, volume: object): Promise<Pod> {
  return cluster.client.resource<Pod>(core("pods"), "default").create({
    metadata: { name },
    spec: { nodeName: "here", containers: [{ name: "main", image: "x" }], volumes: [{ name: "v", ...volume }] },
  });
}

const seen = async (): Promise<number> => {
  await cluster.clock.advance(1000);
  return changes.splice(0).length;
};

test("a pod hears of the object behind its volume: that it was made, changed, removed, and of no other", async () => {
  const pod = await boundPod("p", { configMap: { name: "prices", optional: true } });
  references.hold(pod);
  references.hold(pod);
  expect(await seen()).toBe(0);
  await configMaps().create({ metadata: { name: "prices" }, data: { apple: "3" } });
  expect(await seen()).toBe(1);
  await configMaps().patch("prices", { type: "merge", body: { data: { apple: "4" } } });
  await configMaps().create({ metadata: { name: "others" } });
  expect(await seen()).toBe(1);
  await configMaps().delete("prices");
  expect(await seen()).toBe(1);
});

test("an object that is immutable is seen once; one that no pod shows any more is not watched", async () => {
  await configMaps().create({ metadata: { name: "fixed" }, data: { a: "1" }, immutable: true });
  const secrets = cluster.client.resource<Secret>(core("secrets"), "default");
  await secrets.create({ metadata: { name: "key" }, data: { token: btoa("1") } });
  const [one, two] = [
    await boundPod("one", { configMap: { name: "fixed" } }),
    await boundPod("two", { projected: { sources: [{ secret: { name: "key" } }] } }),
  ];
  references.hold(one);
  references.hold(two);
  await cluster.clock.advance(1000);
  expect(changes.splice(0).sort()).toEqual([one.metadata?.uid, two.metadata?.uid].sort());
  await configMaps().patch("fixed", { type: "merge", body: { metadata: { labels: { a: "b" } } } });
  expect(await seen()).toBe(0);
  references.release(two.metadata?.uid ?? "");
  await secrets.patch("key", { type: "merge", body: { data: { token: btoa("2") } } });
  expect(await seen()).toBe(0);
});

test("what a held object is now is known without asking, as soon as its watch has begun, unless nothing follows it", async () => {
  const reference = { resource: "configmaps", name: "prices" } as const;
  const known = () => references.seen(reference, "default");
  expect(known()).toBe("unknown");
  const pod = await boundPod("p", { configMap: { name: "prices", optional: true } });
  references.hold(pod);
  expect(known()).toBe("unknown");
  await seen();
  expect(known()).toBeUndefined();
  await configMaps().create({ metadata: { name: "prices" }, data: { apple: "3" } });
  await seen();
  expect(known()).toMatchObject({ data: { apple: "3" } });
  await configMaps().patch("prices", { type: "merge", body: { immutable: true } });
  await seen();
  expect(known()).toBe("unknown");
  references.release(pod.metadata?.uid ?? "");
  expect(known()).toBe("unknown");
});

test("references are those of volumes, each once", () => {
  const volumes = [
    { name: "a", configMap: { name: "settings" } },
    { name: "b", secret: { secretName: "key" } },
    { name: "c", projected: { sources: [{ configMap: { name: "settings" } }, { secret: { name: "other" } }] } },
    { name: "d", emptyDir: {} },
  ];
  const env = [{ name: "X", valueFrom: { configMapKeyRef: { name: "elsewhere", key: "x" } } }];
  expect(volumeReferences({ spec: { containers: [{ name: "main", env }], volumes } })).toEqual([
    { resource: "configmaps", name: "settings" },
    { resource: "secrets", name: "key" },
    { resource: "secrets", name: "other" },
  ]);
});
