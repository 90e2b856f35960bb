import type { ClusterTrustBundle, PodCertificateRequest } from "@tsukube/api/types/certificates-v1";
import { requestCertificateKey } from "@tsukube/host";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";
import { TEST_AUTHORITY } from "./test-authority.ts";

const kind = (resource: string) => ({ group: "certificates.k8s.io", version: "v1", resource });
const SIGNER = "kubernetes.io/kube-apiserver-serving";
const MINUTE = 60_000;
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startManagedCluster();
});
afterEach(() => cluster.close());

test("there is one bundle of the API server's signer, with the cluster's authority, whatever others do", async () => {
  const bundles = cluster.client.resource<ClusterTrustBundle>(kind("clustertrustbundles"));
  const [made] = (await bundles.list()).items;
  expect(made?.metadata?.name).toMatch(/^kubernetes.io:kube-apiserver-serving:[0-9a-f]{24}$/);
  expect(made?.spec).toEqual({ signerName: SIGNER, trustBundle: TEST_AUTHORITY.cert });
  const spec = { signerName: SIGNER, trustBundle: TEST_AUTHORITY.cert };
  await bundles.create({ metadata: { name: "kubernetes.io:kube-apiserver-serving:stranger" }, spec });
  await bundles.delete(made?.metadata?.name ?? "");
  await cluster.clock.advance(2000);
  expect((await bundles.list()).items.map(({ metadata }) => metadata?.name)).toEqual([made?.metadata?.name]);
});

test("requests for pods' certificates go when they are old", async () => {
  const requests = cluster.client.resource<PodCertificateRequest>(kind("podcertificaterequests"), "default");
  const spec = {
    signerName: "example.com/s",
    podName: "p",
    podUID: "1",
    serviceAccountName: "default",
    serviceAccountUID: "2",
    nodeName: "n",
    nodeUID: "3",
    stubPKCS10Request: Buffer.from((await requestCertificateKey("ED25519")).request).toString("base64"),
  };
  await requests.create({ metadata: { name: "r" }, spec });
  await cluster.clock.advance(14 * MINUTE);
  expect((await requests.list()).items).toHaveLength(1);
  await cluster.clock.advance(7 * MINUTE);
  expect((await requests.list()).items).toEqual([]);
});
