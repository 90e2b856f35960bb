import "reflect-metadata";
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import type { Client, ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { TEST_AUTHORITY } from "./test-authority.ts";

const KIND = { group: "certificates.k8s.io", version: "v1", resource: "certificatesigningrequests" };
const KUBELET = "kubernetes.io/kube-apiserver-client-kubelet";
const CLIENT = "kubernetes.io/kube-apiserver-client";
const SERVING = "kubernetes.io/kubelet-serving";
const USAGES = ["digital signature", "client auth"];
const NODE = "system:node:a";
let cluster: Cluster;
let requests: ResourceClient<CertificateSigningRequest>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  requests = cluster.client.resource(KIND);
});
afterEach(() => cluster.close());

const settle = () => cluster.clock.advance(1000);

/** Asks, as this client. */
async function ask(
  client: Client,
  name: string,
  subject: string,
  more: Partial<CertificateSigningRequest["spec"]> = {},
  extensions: x509.Extension[] = [],
) {
  const request = Buffer.from(await csrOf(subject, extensions)).toString("base64");
  const spec = { request, signerName: CLIENT, usages: USAGES, ...more };
  await client.resource<CertificateSigningRequest>(KIND).create({ metadata: { name }, spec });
  await settle();
}

async function csrOf(name: string, extensions: x509.Extension[] = []): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" } as const;
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  const signingAlgorithm = { name: "ECDSA", hash: "SHA-256" };
  return (await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm, extensions })).toString(
    "pem",
  );
}

async function decide(name: string, type: "Approved" | "Denied"): Promise<void> {
  const request = await requests.get(name);
  const conditions = [{ type, status: "True", reason: "KubectlApprove" }];
  await requests.update({ ...request, status: { ...request.status, conditions } }, { subresource: "approval" });
  await settle();
}

const node = () => cluster.clientAs({ name: NODE, groups: ["system:nodes", "system:authenticated"] });
const conditionsOf = async (name: string) =>
  (await requests.get(name)).status?.conditions?.map(({ type, reason }) => `${type} ${reason}`) ?? [];
const names = async () => (await requests.list()).items.map(({ metadata }) => metadata?.name);

async function certificateOf(name: string): Promise<X509Certificate | undefined> {
  const { certificate } = (await requests.get(name)).status ?? {};
  return certificate === undefined ? undefined : new X509Certificate(Buffer.from(certificate, "base64"));
}

/** What kubeadm sets up: nodes may renew their certificates. */
async function allowRenewal(): Promise<void> {
  const kind = { group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterrolebindings" };
  const apiGroup = kind.group;
  const role = "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient";
  await cluster.client.resource(kind).create({
    metadata: { name: "renewal" },
    roleRef: { apiGroup, kind: "ClusterRole", name: role },
    subjects: [{ apiGroup, kind: "Group", name: "system:nodes" }],
  } as object);
}

test("an approved request is signed by the cluster's authority, for as long as asked", async () => {
  await ask(cluster.client, "csr", "O=team, CN=jane", { expirationSeconds: 3600 });
  expect(await certificateOf("csr")).toBeUndefined();
  await decide("csr", "Approved");
  const certificate = await certificateOf("csr");
  expect(certificate?.verify(new X509Certificate(TEST_AUTHORITY.cert).publicKey)).toBe(true);
  expect(certificate?.subject).toBe("O=team\nCN=jane");
  const lasts = (certificate?.validToDate.getTime() ?? 0) - cluster.clock.now();
  expect(Math.round(lasts / 60_000)).toBe(60);
});

test("a denied request is not, nor is one for another signer", async () => {
  await ask(cluster.client, "denied", "CN=jane");
  await decide("denied", "Denied");
  await ask(cluster.client, "other", "CN=jane", { signerName: "example.com/own" });
  await decide("other", "Approved");
  expect([await certificateOf("denied"), await certificateOf("other")]).toEqual([undefined, undefined]);
});

const NODE_NAME = `O=system:nodes, CN=${NODE}`;
const SERVER = ["digital signature", "server auth"];
const WHY: readonly (readonly [signer: string, subject: string, usages: readonly string[], why: string])[] = [
  [CLIENT, "CN=jane", ["server auth"], "invalid usage for client certificate: server auth"],
  [CLIENT, "CN=jane", ["digital signature"], "missing required usage for client certificate: client auth"],
  [KUBELET, "O=system:nodes, CN=jane", USAGES, "subject common name does not begin with system:node:"],
  [KUBELET, NODE_NAME, SERVER, "usages did not match [client auth digital signature key encipherment]"],
  [SERVING, NODE_NAME, SERVER, "DNS or IP subjectAltName is required"],
];

test.each(WHY)("what %s does not sign says why: %s for %j", async (signerName, subject, usages, message) => {
  const spec = { signerName, usages };
  await (subject === NODE_NAME ? ask(node(), "csr", subject, spec) : ask(cluster.client, "csr", subject, spec));
  await decide("csr", "Approved");
  const { conditions, certificate } = (await requests.get("csr")).status ?? {};
  expect(conditions?.[1]).toMatchObject({
    type: "Failed",
    status: "True",
    reason: "SignerValidationFailure",
    message,
    lastUpdateTime: expect.any(String),
    lastTransitionTime: expect.any(String),
  });
  expect([conditions?.length, certificate]).toEqual([2, undefined]);
});

const DAY = 24 * 60 * 60;
const NAMED = new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "a.example.com" }]);
const TERMS: readonly (readonly [
  signer: string,
  usages: readonly string[],
  asked: number | undefined,
  lasts: number,
])[] = [
  [CLIENT, ["client auth"], undefined, 365 * DAY - 300],
  [CLIENT, [...USAGES, "key encipherment"], 600, 600],
  [CLIENT, ["client auth"], 2 * 365 * DAY, 365 * DAY - 300],
  [KUBELET, USAGES, 8 * 3600, 8 * 3600 - 300],
  [SERVING, SERVER, 8 * 3600 - 1, 8 * 3600 - 1],
];

test.each(TERMS)("%s signs for %j, asked for %s seconds, %s from now on", async (signerName, usages, asked, lasts) => {
  const spec = { signerName, usages, ...(asked !== undefined && { expirationSeconds: asked }) };
  await ask(node(), "csr", NODE_NAME, spec, signerName === SERVING ? [NAMED] : []);
  await decide("csr", "Approved");
  const certificate = (await certificateOf("csr"))!;
  const { raw, keyUsage, ca } = certificate;
  const read = new x509.X509Certificate(raw);
  expect((await requests.get("csr")).status?.conditions?.map(({ type }) => type)).toEqual(["Approved"]);
  expect(keyUsage).toEqual([`1.3.6.1.5.5.7.3.${usages.includes("server auth") ? 1 : 2}`]);
  const bits = read.getExtension(x509.KeyUsagesExtension)?.usages ?? 0;
  expect([(bits & 1) > 0, (bits & 4) > 0]).toEqual(
    ["digital signature", "key encipherment"].map((u) => usages.includes(u)),
  );
  expect(ca).toBe(false);
  expect(Math.abs(certificate.validToDate.getTime() / 1000 - cluster.clock.now() / 1000 - lasts)).toBeLessThan(5);
  expect(Math.abs(cluster.clock.now() / 1000 - certificate.validFromDate.getTime() / 1000 - 300)).toBeLessThan(5);
});

test("a node gets its own client certificate without anybody's help if it may, and no other's", async () => {
  await ask(node(), "early", `O=system:nodes, CN=${NODE}`, { signerName: KUBELET });
  expect(await conditionsOf("early")).toEqual([]);
  await allowRenewal();
  await ask(node(), "own", `O=system:nodes, CN=${NODE}`, { signerName: KUBELET });
  expect(await conditionsOf("own")).toEqual(["Approved AutoApproved"]);
  expect((await certificateOf("own"))?.subject).toBe(`O=system:nodes\nCN=${NODE}`);
  const admin = cluster.clientAs({ name: "someone", groups: ["system:nodes", "system:authenticated"] });
  await expect(ask(admin, "stolen", "O=system:nodes, CN=system:node:b", { signerName: KUBELET })).rejects.toThrow();
});

test("a node's server gets a certificate of its names when somebody approves it", async () => {
  const names = new x509.SubjectAlternativeNameExtension([
    { type: "dns", value: "a.example.com" },
    { type: "ip", value: "10.0.0.7" },
  ]);
  const serving = { signerName: "kubernetes.io/kubelet-serving", usages: ["digital signature", "server auth"] };
  await ask(node(), "serving", `O=system:nodes, CN=${NODE}`, serving, [names]);
  expect(await conditionsOf("serving")).toEqual([]);
  await decide("serving", "Approved");
  const certificate = await certificateOf("serving");
  expect(certificate?.subjectAltName).toBe("DNS:a.example.com, IP Address:10.0.0.7");
  expect(certificate?.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  await ask(node(), "nameless", `O=system:nodes, CN=${NODE}`, serving);
  await decide("nameless", "Approved");
  expect(await conditionsOf("nameless")).toContain("Failed SignerValidationFailure");
});

test("requests go when they have been dealt with for an hour", async () => {
  await ask(cluster.client, "answered", "CN=jane");
  await ask(cluster.client, "waiting", "CN=jane");
  await decide("answered", "Approved");
  await cluster.clock.advance(1.5 * 3_600_000);
  expect(await names()).toEqual(["answered", "waiting"]);
  await cluster.clock.advance(3_600_000);
  expect(await names()).toEqual(["waiting"]);
});
