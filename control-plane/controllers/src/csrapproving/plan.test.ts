import type { CertificateSigningRequest } from "@tsukube/api/types/certificates-v1";
import { expect, test } from "vitest";
import { recognize } from "./plan.ts";

const asked = (commonName: string) => ({
  commonName,
  organizations: ["system:nodes"],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
});
const request = (signerName: string, username: string, usages = ["digital signature", "client auth"]) =>
  ({ spec: { request: "", signerName, usages, username } }) as CertificateSigningRequest;
const KUBELET = "kubernetes.io/kube-apiserver-client-kubelet";
const names = (of: CertificateSigningRequest, commonName = "system:node:a") =>
  recognize(of, asked(commonName)).map(({ subresource }) => subresource);

test("a node that asks for its own certificate needs the right for that, or the one for any", () => {
  expect(names(request(KUBELET, "system:node:a"))).toEqual(["selfnodeclient", "nodeclient"]);
});

test("whoever else asks for a node's certificate needs the right for any", () => {
  expect(names(request(KUBELET, "bootstrap"))).toEqual(["nodeclient"]);
  expect(names(request(KUBELET, "system:node:b"))).toEqual(["nodeclient"]);
});

test("what is no client certificate of a kubelet is not for this to approve", () => {
  expect(names(request("kubernetes.io/kube-apiserver-client", "system:node:a"))).toEqual([]);
  expect(names(request(KUBELET, "a"), "a")).toEqual([]);
  expect(names(request(KUBELET, "system:node:a", ["server auth"]))).toEqual([]);
});
