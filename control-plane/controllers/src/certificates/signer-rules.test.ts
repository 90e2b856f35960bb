import { expect, test } from "vitest";
import type { RequestedNames } from "./signer.ts";
import { whyUnfit } from "./signer-rules.ts";

const NODE: RequestedNames = {
  commonName: "system:node:a",
  organizations: ["system:nodes"],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
};
const CLIENT_USAGES = ["digital signature", "client auth"];
const SERVER_USAGES = ["key encipherment", "digital signature", "server auth"];

const client = (usages: readonly string[]) => whyUnfit("kubernetes.io/kube-apiserver-client", NODE, usages);
const kubelet = (more: Partial<RequestedNames>, usages = CLIENT_USAGES) =>
  whyUnfit("kubernetes.io/kube-apiserver-client-kubelet", { ...NODE, ...more }, usages);
const serving = (more: Partial<RequestedNames>, usages = SERVER_USAGES) =>
  whyUnfit("kubernetes.io/kubelet-serving", { ...NODE, dnsNames: ["a"], ...more }, usages);

test("clients may be anybody, but clients only", () => {
  expect(client(["client auth"])).toBeUndefined();
  expect(client([...CLIENT_USAGES, "key encipherment"])).toBeUndefined();
  expect(client(["client auth", "server auth"])).toBe("invalid usage for client certificate: server auth");
  expect(client(["digital signature"])).toBe("missing required usage for client certificate: client auth");
});

test("a kubelet is a client of the group of nodes under a node's name, without other names", () => {
  expect(kubelet({})).toBeUndefined();
  expect(kubelet({}, [...CLIENT_USAGES, "key encipherment"])).toBeUndefined();
  expect(kubelet({ organizations: ["system:nodes", "system:masters"] })).toBe(
    "subject organization is not system:nodes",
  );
  expect(kubelet({ organizations: [] })).toBe("subject organization is not system:nodes");
  expect(kubelet({ commonName: "a" })).toBe("subject common name does not begin with system:node:");
  expect(kubelet({ dnsNames: ["a"] })).toBe("DNS subjectAltNames are not allowed");
  expect(kubelet({ ipAddresses: ["10.0.0.1"] })).toBe("IP subjectAltNames are not allowed");
  expect(kubelet({ emailAddresses: ["a@b"] })).toBe("Email subjectAltNames are not allowed");
  expect(kubelet({ uris: ["a:b"] })).toBe("URI subjectAltNames are not allowed");
});

test("a kubelet that serves needs a name or an address, and no others", () => {
  expect(serving({})).toBeUndefined();
  expect(serving({ dnsNames: [], ipAddresses: ["10.0.0.1"] })).toBeUndefined();
  expect(serving({}, SERVER_USAGES.slice(1))).toBeUndefined();
  expect(serving({ dnsNames: [] })).toBe("DNS or IP subjectAltName is required");
  expect(serving({ uris: ["a:b"] })).toBe("URI subjectAltNames are not allowed");
  expect(serving({ emailAddresses: ["a@b"] })).toBe("Email subjectAltNames are not allowed");
  expect(serving({ organizations: ["o"] })).toBe("subject organization is not system:nodes");
  expect(serving({ commonName: "a" })).toBe("subject common name does not begin with system:node:");
});

test("usages of kubelets are just those", () => {
  const client = "usages did not match [client auth digital signature key encipherment]";
  const server = "usages did not match [digital signature key encipherment server auth]";
  expect(kubelet({}, ["client auth"])).toBe(client);
  expect(kubelet({}, [...CLIENT_USAGES, "server auth"])).toBe(client);
  expect(serving({}, [...SERVER_USAGES, "client auth"])).toBe(server);
  expect(serving({}, ["server auth"])).toBe(server);
});

test("the old signer asks nothing, one that there is not signs nothing", () => {
  expect(whyUnfit("kubernetes.io/legacy-unknown", NODE, ["any"])).toBeUndefined();
  expect(whyUnfit("kubernetes.io/other", NODE, [])).toBe('unrecognized signerName: "kubernetes.io/other"');
});
