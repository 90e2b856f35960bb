import { ApiError, type Unstructured } from "@tsukube/api";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { signingRequest } from "../../test/signing-request.ts";

const PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
let cluster: Cluster;
beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(() => cluster.close());

async function csr(name: string, signerName: string): Promise<object> {
  const request = Buffer.from(await signingRequest(name)).toString("base64");
  return { metadata: { name: "csr" }, spec: { signerName, usages: ["client auth"], request } };
}

/** A user with these rules. */
async function userWith(...rules: readonly object[]) {
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  const apiGroup = "rbac.authorization.k8s.io";
  await cluster.client.raw("POST", `${rbac}/clusterroles`, { metadata: { name: "signer" }, rules });
  await cluster.client.raw("POST", `${rbac}/clusterrolebindings`, {
    metadata: { name: "signer" },
    roleRef: { apiGroup, kind: "ClusterRole", name: "signer" },
    subjects: [{ apiGroup, kind: "User", name: "robot" }],
  });
  return cluster.clientAs({ name: "robot" });
}

const csrRule = (subresource: string) => ({
  apiGroups: ["certificates.k8s.io"],
  resources: [`certificatesigningrequests/${subresource}`],
  verbs: ["update"],
});
const signers = (verb: string, name: string) => ({
  apiGroups: ["certificates.k8s.io"],
  resources: ["signers"],
  resourceNames: [name],
  verbs: [verb],
});

test("no ordinary signer is asked for a certificate of system:masters", async () => {
  const asked = async (signer: string) => cluster.client.raw("POST", PATH, await csr("O=system:masters,CN=x", signer));
  await expect(asked("kubernetes.io/kube-apiserver-client")).rejects.toThrow(
    "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
  );
  await expect(asked("example.com/own")).resolves.toBeDefined();
});

test("approving takes the right to approve for the signer, or for its domain", async () => {
  await cluster.client.raw("POST", PATH, await csr("CN=x", "example.com/a"));
  const live = (await cluster.client.raw("GET", `${PATH}/csr`)) as Unstructured;
  const approved = { ...live, status: { conditions: [{ type: "Approved", status: "True", reason: "r" }] } };
  const robot = await userWith(csrRule("approval"), signers("approve", "other.com/*"));
  await expect(robot.raw("PUT", `${PATH}/csr/approval`, approved)).rejects.toSatisfy(
    (error) =>
      ApiError.is(error, "Forbidden") &&
      error.message.endsWith('user not permitted to approve requests with signerName "example.com/a"'),
  );
  await cluster.client.raw("PUT", "/apis/rbac.authorization.k8s.io/v1/clusterroles/signer", {
    metadata: { name: "signer" },
    rules: [csrRule("approval"), signers("approve", "example.com/*")],
  });
  await expect(robot.raw("PUT", `${PATH}/csr/approval`, approved)).resolves.toBeDefined();
});

test("writing a certificate takes the right to sign for the signer", async () => {
  await cluster.client.raw("POST", PATH, await csr("CN=x", "example.com/a"));
  const live = (await cluster.client.raw("GET", `${PATH}/csr`)) as Unstructured;
  const failed = { ...live, status: { conditions: [{ type: "Failed", status: "True", reason: "r" }] } };
  const robot = await userWith(csrRule("status"));
  await expect(robot.raw("PUT", `${PATH}/csr/status`, failed)).rejects.toThrow(
    'user not permitted to sign requests with signerName "example.com/a"',
  );
});
