import type { PodCertificateRequest, PodCertificateRequestStatus } from "@tsukube/api/types/certificates-v1";
import type { Pod, PodCertificateProjection } from "@tsukube/api/types/core-v1";
import { formatTime, Lifetime, silentLogger } from "@tsukube/foundation";
import { requestCertificateKey } from "@tsukube/host";
import { readCertificateRequest } from "@tsukube/host/certificates";
import { type Cluster, seededRandom, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PodCertificates } from "./pod-certificates.ts";

const NODE = { name: "system:node:here", groups: ["system:nodes", "system:authenticated"] };
const HOUR = 3_600_000;
const CHAIN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
const PROJECTION: PodCertificateProjection = {
  signerName: "example.com/signer",
  keyType: "ED25519",
  maxExpirationSeconds: 7200,
  credentialBundlePath: "bundle.pem",
  userAnnotations: { "example.com/path": "/own" },
};

let lifetime: Lifetime;
let cluster: Cluster;
let certificates: PodCertificates;
let changes: string[];
let events: string[];
let pod: Pod;

const core = (resource: string) => ({ group: "", version: "v1", resource });
const requests = () =>
  cluster.client.resource<PodCertificateRequest>(
    { group: "certificates.k8s.io", version: "v1", resource: "podcertificaterequests" },
    "default",
  );
const credentials = () => certificates.credentials({ pod, volume: "v", index: 0 }, PROJECTION);
const pending = () => expect(credentials()).rejects.toThrow("credential bundle is not issued yet");

beforeEach(async () => {
  lifetime = new Lifetime();
  cluster = lifetime.own("cluster", await startCluster());
  await cluster.client
    .resource(core("namespaces"))
    .create({ metadata: { name: "default" } })
    .catch(() => {});
  await cluster.client.resource(core("serviceaccounts"), "default").create({ metadata: { name: "default" } });
  await cluster.client.resource(core("nodes")).create({ metadata: { name: "here" } });
  const volumes = [{ name: "v", projected: { sources: [{ podCertificate: PROJECTION }] } }];
  pod = await cluster.client.resource<Pod>(core("pods"), "default").create({
    metadata: { name: "web" },
    spec: { nodeName: "here", containers: [{ name: "main", image: "x" }], volumes },
  });
  changes = [];
  events = [];
  certificates = new PodCertificates({
    client: cluster.clientAs(NODE),
    clock: cluster.clock,
    random: seededRandom(2),
    logger: silentLogger,
    nodeName: "here",
    makeKey: requestCertificateKey,
    changed: (uid) => void changes.push(uid),
    event: (_, reason, message) => void events.push(`${reason}: ${message}`),
  });
  lifetime.own("certificates", certificates);
});
afterEach(() => lifetime.close());

async function onlyRequest(): Promise<PodCertificateRequest> {
  const { items } = await requests().list();
  const open = items.filter(({ status }) => (status?.conditions ?? []).length === 0);
  expect(open).toHaveLength(1);
  return open[0] as PodCertificateRequest;
}

async function answer(type: "Issued" | "Denied", more: PodCertificateRequestStatus = {}): Promise<void> {
  const request = await onlyRequest();
  const lastTransitionTime = formatTime(cluster.clock.now());
  const conditions = [{ type, status: "True", reason: "Because", message: "it is so", lastTransitionTime }];
  await requests().updateStatus({ ...request, status: { conditions, ...more } });
  await cluster.clock.advance(1000);
}

const issue = (certificateChain = CHAIN): Promise<void> => {
  const at = (ms: number): string => formatTime(cluster.clock.now() + ms);
  return answer("Issued", { certificateChain, notBefore: at(0), beginRefreshAt: at(HOUR), notAfter: at(2 * HOUR) });
};

test("a pod's certificate is asked for once, with everything that says whose it is", async () => {
  await pending();
  await pending();
  const { metadata, spec } = await onlyRequest();
  expect(metadata?.ownerReferences).toEqual([
    { apiVersion: "v1", kind: "Pod", name: "web", uid: pod.metadata?.uid ?? "" },
  ]);
  expect(spec).toMatchObject({
    signerName: "example.com/signer",
    podName: "web",
    podUID: pod.metadata?.uid,
    serviceAccountName: "default",
    nodeName: "here",
    maxExpirationSeconds: 7200,
    unverifiedUserAnnotations: { "example.com/path": "/own" },
  });
  const csr = `-----BEGIN CERTIFICATE REQUEST-----\n${spec.stubPKCS10Request}\n-----END CERTIFICATE REQUEST-----`;
  expect(readCertificateRequest(csr)).toMatchObject({ commonName: "", dnsNames: [] });
});

test("once it is issued the pod hears of it and has key and chain", async () => {
  await pending();
  expect(changes).toEqual([]);
  await issue(`left over\n${CHAIN}`);
  expect(changes).toEqual([pod.metadata?.uid]);
  const { key, chain } = await credentials();
  expect(chain).toBe(CHAIN);
  expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\s\S]+\n-----END PRIVATE KEY-----\n$/);
  expect(await credentials()).toMatchObject({ key, chain });
});

test("it is renewed in time with another key, and is good until then", async () => {
  await pending();
  await issue();
  const first = await credentials();
  await cluster.clock.advance(HOUR + 5 * 60_000);
  expect(await credentials()).toMatchObject({ key: first.key });
  await issue();
  const second = await credentials();
  expect(second.key).not.toBe(first.key);
  expect((await requests().list()).items).toHaveLength(2);
});

test("a certificate that nobody renews is told of: overdue, and ended", async () => {
  await pending();
  await issue();
  await credentials();
  await cluster.clock.advance(HOUR + 16 * 60_000);
  await credentials();
  await cluster.clock.advance(HOUR);
  await credentials();
  await credentials();
  expect(events).toEqual([
    "CertificateOverdueForRefresh: PodCertificate refresh overdue",
    "CertificateExpired: PodCertificate expired",
  ]);
});

test("a refusal is for good, and said", async () => {
  await pending();
  const name = (await onlyRequest()).metadata?.name;
  await answer("Denied");
  const why = 'reason="Because", message="it is so"';
  await expect(credentials()).rejects.toThrow(`PodCertificateRequest was permanently denied: ${why}`);
  expect(events).toEqual([`Denied: PodCertificateRequest default/${name} was denied, ${why}`]);
  expect((await requests().list()).items).toHaveLength(1);
});

test("a request that somebody deletes is made anew", async () => {
  await pending();
  await cluster.clock.advance(1000);
  await requests().delete((await onlyRequest()).metadata?.name ?? "");
  await cluster.clock.advance(1000);
  expect(changes).toEqual([pod.metadata?.uid]);
  await pending();
  await onlyRequest();
});
