import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Pod } from "@tsukube/api/types/core-v1";
import { createInformerFactory } from "@tsukube/client";
import { Lifetime, silentLogger } from "@tsukube/foundation";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { HASH, MIRROR, staticPodOf } from "./manifest.ts";
import { StaticPods } from "./static-pods.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
const NODE = { name: "system:node:here", groups: ["system:nodes", "system:authenticated"] };
let lifetime: Lifetime;
let cluster: Cluster;
let folder: string;
let admitted: Map<string, Pod>;
let retired: string[];
let statics: StaticPods;

beforeEach(async () => {
  lifetime = new Lifetime();
  folder = mkdtempSync(join(tmpdir(), "static-"));
  lifetime.add("folder", () => rmSync(folder, { recursive: true }));
  cluster = lifetime.own("cluster", await startCluster());
  const { client, clock } = cluster;
  await client
    .resource(core("namespaces"))
    .create({ metadata: { name: "default" } })
    .catch(() => {});
  await client.resource(core("nodes")).create({ metadata: { name: "here" } });
  admitted = new Map();
  retired = [];
  const nodes = cluster.clientAs(NODE);
  const informers = lifetime.own(
    "informers",
    createInformerFactory(nodes, { clock, random: seededRandom(2), logger: silentLogger }),
  );
  const pods = informers.informer<Pod>(core("pods"), { fieldSelector: "spec.nodeName=here" });
  statics = lifetime.own(
    "static pods",
    new StaticPods({
      folder,
      nodeName: "here",
      client: nodes,
      clock,
      logger: silentLogger,
      pods,
      admit: (pod) => void admitted.set(pod.metadata?.uid ?? "", pod),
      retire: (pod) => void retired.push(pod.metadata?.uid ?? ""),
    }),
  );
});
afterEach(() => lifetime.close());

const manifest = (image: string, more = "") => `
apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  containers: [{ name: main, image: ${image} }]${more}
`;
const pods = () => cluster.client.resource<Pod>(core("pods"), "default");
const uids = () => [...admitted.keys()];
async function look(): Promise<void> {
  await statics.look();
  await cluster.clock.advance(1000);
  await statics.look();
}

test("a manifest is a pod with defaults, named after its node, and the API shows its mirror", async () => {
  writeFileSync(join(folder, "web.yaml"), manifest("one"));
  await statics.start();
  await look();
  const [pod] = admitted.values();
  expect(pod?.metadata).toMatchObject({ name: "web-here", namespace: "default", labels: { app: "web" } });
  expect(pod?.spec).toMatchObject({ nodeName: "here", restartPolicy: "Always", terminationGracePeriodSeconds: 30 });
  expect(pod?.spec?.containers[0]).toMatchObject({ terminationMessagePath: "/dev/termination-log" });
  const mirror = await pods().get("web-here");
  expect(mirror.metadata?.annotations).toMatchObject({ [MIRROR]: pod?.metadata?.uid, [HASH]: pod?.metadata?.uid });
  expect(mirror.metadata?.ownerReferences).toMatchObject([{ kind: "Node", name: "here", controller: true }]);
  expect(statics.mirror(pod as Pod)?.metadata?.uid).toBe(mirror.metadata?.uid);
  expect([statics.isStatic(pod as Pod), statics.isStatic(mirror)]).toEqual([true, false]);
});

test("another content is another pod: the old one ends, the mirror is a new one", async () => {
  writeFileSync(join(folder, "web.yaml"), manifest("one"));
  await statics.start();
  await look();
  const [first] = uids();
  writeFileSync(join(folder, "web.yaml"), manifest("two"));
  await look();
  await look();
  expect(retired).toEqual([first]);
  expect((await pods().get("web-here")).spec?.containers[0]?.image).toBe("two");
  expect(uids()).toHaveLength(2);
});

test("a manifest that is removed takes pod and mirror with it; deleting the mirror only brings another", async () => {
  writeFileSync(join(folder, "web.yaml"), manifest("one"));
  await statics.start();
  await look();
  const before = (await pods().get("web-here")).metadata?.uid;
  await pods().delete("web-here", { gracePeriodSeconds: 0 });
  await look();
  await look();
  expect((await pods().get("web-here")).metadata?.uid).not.toBe(before);
  expect(retired).toEqual([]);
  rmSync(join(folder, "web.yaml"));
  await look();
  expect(retired).toEqual(uids());
  await expect(pods().get("web-here")).rejects.toThrow("not found");
});

test("a file that is no pod, or needs the API, harms no other", async () => {
  writeFileSync(join(folder, "a.yaml"), "kind: [");
  writeFileSync(join(folder, "b.yaml"), manifest("x", "\n  volumes: [{ name: v, configMap: { name: c } }]"));
  writeFileSync(join(folder, "c.txt"), manifest("ignored"));
  writeFileSync(
    join(folder, "d.json"),
    JSON.stringify({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "j" },
      spec: { containers: [{ name: "c", image: "i" }] },
    }),
  );
  await statics.start();
  await look();
  expect([...admitted.values()].map((pod) => pod.metadata?.name)).toEqual(["j-here"]);
  const broken = Buffer.from(manifest("x", "\n  volumes: [{ name: v, secret: { secretName: s } }]"));
  expect(() => staticPodOf("b.yaml", broken, "here", 0)).toThrow(/its volume "v" refers to an object of the API/);
});
