import type { ClusterTrustBundle } from "@tsukube/api/types/certificates-v1";
import { codeOf, Lifetime, silentLogger } from "@tsukube/foundation";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ClusterTrustBundles, trustAnchors } from "./cluster-trust-bundles.ts";
import { certificateBlocks } from "./pem.ts";

const block = (body: string): string => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
const bundle = (name: string, signerName: string, trustBundle: string, labels = {}): ClusterTrustBundle => ({
  metadata: { name, labels },
  spec: { signerName, trustBundle },
});
const BUNDLES = [
  bundle("a.com:s:1", "a.com/s", `${block("AAAA")}${block("BBBB")}`, { alive: "true" }),
  bundle("a.com:s:2", "a.com/s", `between\n${block("BBBB")}${block("CCCC")}`),
  bundle("b.com:s:1", "b.com/s", block("DDDD"), { alive: "true" }),
];
const path = "anchors.pem";

test("anchors of all bundles of a signer come once each, in normal form", () => {
  const signerName = "a.com/s";
  const all = trustAnchors({ path, signerName, labelSelector: {} }, BUNDLES);
  expect(all).toBe(block("AAAA") + block("BBBB") + block("CCCC"));
  const alive = trustAnchors({ path, signerName, labelSelector: { matchLabels: { alive: "true" } } }, BUNDLES);
  expect(alive).toBe(block("AAAA") + block("BBBB"));
  expect(trustAnchors({ path, name: "b.com:s:1" }, BUNDLES)).toBe(block("DDDD"));
});

test("without a selector no bundle of a signer is meant; what is optional may be empty", () => {
  expect(() => trustAnchors({ path, signerName: "a.com/s" }, BUNDLES)).toThrow(/matched zero ClusterTrustBundles/);
  expect(() => trustAnchors({ path, name: "gone" }, BUNDLES)).toThrow('clustertrustbundle "gone" not found');
  expect(trustAnchors({ path, signerName: "a.com/s", optional: true }, BUNDLES)).toBe("");
});

test("a block loses its headers and odd line breaks", () => {
  const odd = `-----BEGIN CERTIFICATE-----\nMade: by hand\n\n${"A".repeat(60)}\r\n${"B".repeat(8)}\n-----END CERTIFICATE-----`;
  expect(certificateBlocks(odd)).toEqual([block(`${"A".repeat(60)}BBBB\nBBBB`)]);
});

let lifetime: Lifetime;
let cluster: Cluster;
beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
});
afterEach(() => lifetime.close());

test("pods hear of the bundles that they show, and of no others", async () => {
  const changes: string[] = [];
  const node = { name: "system:node:here", groups: ["system:nodes", "system:authenticated"] };
  const bundles = new ClusterTrustBundles({
    client: cluster.clientAs(node),
    clock: cluster.clock,
    random: seededRandom(3),
    logger: silentLogger,
    changed: (uid) => void changes.push(uid),
  });
  lifetime.own("bundles", bundles);
  await expect(bundles.anchors("one", { path, name: "first" })).rejects.toSatisfy(
    (error) => codeOf(error) === "volume",
  );
  expect(await bundles.anchors("two", { path, name: "second", optional: true })).toBe("");
  const gvr = { group: "certificates.k8s.io", version: "v1", resource: "clustertrustbundles" };
  const objects = cluster.client.resource<ClusterTrustBundle>(gvr);
  const trustBundle = block("AAAA");
  await objects.create({ metadata: { name: "first" }, spec: { trustBundle } });
  await objects.create({ metadata: { name: "third" }, spec: { trustBundle } });
  await cluster.clock.advance(1000);
  expect(changes).toEqual(["one"]);
  expect(await bundles.anchors("one", { path, name: "first" })).toBe(trustBundle);
  bundles.release("one");
  await objects.delete("first");
  await cluster.clock.advance(1000);
  expect(changes).toEqual(["one"]);
});
