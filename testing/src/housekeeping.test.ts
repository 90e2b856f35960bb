import type { Unstructured } from "@tsukube/api";
import type { ConfigMap, Secret } from "@tsukube/api/types/core-v1";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { NodeActor } from "./node-actor.ts";

let cluster: Cluster;
beforeEach(async () => {
  cluster = await startManagedCluster();
});
afterEach(() => cluster.close());

test("nodes are told for how long their kubelets may use what they read", async () => {
  const kubelets = new NodeActor(cluster);
  await kubelets.join("one");
  await cluster.clock.advance(1000);
  expect((await kubelets.nodes.get("one")).metadata?.annotations).toEqual({ "node.alpha.kubernetes.io/ttl": "0" });
});

test("bootstrap tokens go when they have ended", async () => {
  const secrets = cluster.client.resource<Secret>({ group: "", version: "v1", resource: "secrets" }, "kube-system");
  const expiration = new Date(cluster.clock.now() + 600_000).toISOString();
  const stringData = { "token-id": "abcdef", "token-secret": "0123456789abcdef", expiration };
  const metadata = { name: "bootstrap-token-abcdef" };
  await secrets.create({ metadata, type: "bootstrap.kubernetes.io/token", stringData });
  const names = async () => (await secrets.list()).items.map(({ metadata: of }) => of?.name);
  await cluster.clock.advance(599_000);
  expect(await names()).toEqual(["bootstrap-token-abcdef"]);
  await cluster.clock.advance(2000);
  expect(await names()).toEqual([]);
});

const TOKEN = { "token-id": "abcdef", "token-secret": "0123456789abcdef" };

async function createToken(fields: Readonly<Record<string, string>>): Promise<void> {
  const secrets = cluster.client.resource<Secret>({ group: "", version: "v1", resource: "secrets" }, "kube-system");
  const metadata = { name: "bootstrap-token-abcdef" };
  await secrets.create({ metadata, type: "bootstrap.kubernetes.io/token", stringData: { ...TOKEN, ...fields } });
}

/** Who somebody with this token is; undefined: nobody. */
async function whoIs(token: string): Promise<unknown> {
  const { status, body } = await cluster.anonymous.request({
    method: "POST",
    path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: Buffer.from("{}"),
  });
  const object = JSON.parse(Buffer.from(body as Uint8Array).toString()) as Unstructured;
  return status === 201 ? (object["status"] as { readonly userInfo: unknown }).userInfo : undefined;
}

test("who has a bootstrap token is a bootstrapper until it ends", async () => {
  const expiration = new Date(cluster.clock.now() + 60_000).toISOString();
  const groups = { "auth-extra-groups": "system:bootstrappers:kubeadm:default-node-token" };
  await createToken({ "usage-bootstrap-authentication": "true", ...groups, expiration });
  expect(await whoIs("abcdef.0123456789abcdef")).toEqual({
    username: "system:bootstrap:abcdef",
    groups: ["system:bootstrappers", groups["auth-extra-groups"], "system:authenticated"],
  });
  expect(await whoIs("abcdef.0123456789abcdee")).toBeUndefined();
  await cluster.clock.advance(61_000);
  expect(await whoIs("abcdef.0123456789abcdef")).toBeUndefined();
});

test("a bootstrap token that is not for authentication, or gives groups of others, is none", async () => {
  await createToken({ "usage-bootstrap-authentication": "true", "auth-extra-groups": "system:masters" });
  expect(await whoIs("abcdef.0123456789abcdef")).toBeUndefined();
});

test("the ConfigMap cluster-info is signed by the bootstrap tokens for signing, as they come and go", async () => {
  const maps = cluster.client.resource<ConfigMap>({ group: "", version: "v1", resource: "configmaps" }, "kube-public");
  await maps.create({ metadata: { name: "cluster-info" }, data: { kubeconfig: "k" } });
  const keys = async () => Object.keys((await maps.get("cluster-info")).data ?? {}).sort();
  await createToken({ "usage-bootstrap-signing": "true" });
  await cluster.clock.advance(1000);
  expect(await keys()).toEqual(["jws-kubeconfig-abcdef", "kubeconfig"]);
  const secrets = cluster.client.resource<Secret>({ group: "", version: "v1", resource: "secrets" }, "kube-system");
  await secrets.delete("bootstrap-token-abcdef");
  await cluster.clock.advance(1000);
  expect(await keys()).toEqual(["kubeconfig"]);
});
