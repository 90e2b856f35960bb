import { ApiError, type Unstructured } from "@tsukube/api";
import type { Node, Pod } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { signingRequest } from "../../test/signing-request.ts";

const PODS = "/api/v1/namespaces/default/pods";
const NODES = "/api/v1/nodes";
let cluster: Cluster;
let node: Client;
let mine: Unstructured;

/** Nodes n1, who asks, and n2; on each a pod of its own name. */
beforeEach(async () => {
  cluster = await startCluster();
  node = cluster.clientAs({ name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] });
  await admin("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  await admin("POST", "/api/v1/namespaces", { metadata: { name: "kube-node-lease" } }).catch(() => {});
  for (const name of ["n1", "n2"]) {
    await admin("POST", NODES, { metadata: { name } });
    await admin("POST", PODS, podOn(name));
  }
  mine = (await node.raw("GET", `${PODS}/n1`)) as Unstructured;
});
afterEach(() => cluster.close());

const admin = (method: string, path: string, body?: unknown) => cluster.client.raw(method, path, body);
const podOn = (nodeName: string, more: object = {}): object => ({
  metadata: { name: nodeName },
  spec: { nodeName, containers: [{ name: "c", image: "i" }], ...more },
});

/** The message of the 403 that node n1 gets; "" when it may. */
async function refusal(method: string, path: string, body?: unknown): Promise<string> {
  try {
    await node.raw(method, path, body);
    return "";
  } catch (error) {
    if (!ApiError.is(error, "Forbidden")) throw error;
    return error.message;
  }
}

test("where audiences are not restricted a node gets tokens for what its pods do not mount", async () => {
  await cluster.close();
  cluster = await startCluster({ featureGates: "ServiceAccountNodeAudienceRestriction=false" });
  node = cluster.clientAs({ name: "system:node:n1", groups: ["system:nodes", "system:authenticated"] });
  await admin("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "default" } });
  const { metadata } = (await admin("POST", PODS, podOn("n1"))) as Unstructured;
  const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: "n1", uid: metadata?.uid };
  const spec = { boundObjectRef, audiences: ["vault"] };
  expect(await refusal("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", { spec })).toBe("");
});

describe("a node", () => {
  test("changes its own Node and no other", async () => {
    const own = (await node.raw("GET", `${NODES}/n1`)) as Unstructured;
    expect(await refusal("PUT", `${NODES}/n1/status`, { ...own, status: { phase: "Running" } })).toBe("");
    const other = (await admin("GET", `${NODES}/n2`)) as Unstructured;
    expect(await refusal("PUT", `${NODES}/n2/status`, other)).toBe(
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    );
    expect(await refusal("POST", NODES, { metadata: { name: "n3" } })).toContain('not allowed to modify node "n3"');
    expect(await refusal("DELETE", `${NODES}/n1`)).toContain("cannot delete resource");
  });

  test("does not set the labels, taints and owners that steer what runs on it", async () => {
    const own = (await node.raw("GET", `${NODES}/n1`)) as Unstructured;
    const put = (metadata: object, spec = own["spec"]) =>
      refusal("PUT", `${NODES}/n1`, { ...own, metadata: { ...own.metadata, ...metadata }, spec });
    const labels = { "node-restriction.kubernetes.io/trusted": "y", "app.k8s.io/x": "y", mine: "y" };
    expect(await put({ labels })).toBe(
      'nodes "n1" is forbidden: is not allowed to modify labels: app.k8s.io/x, node-restriction.kubernetes.io/trusted',
    );
    expect(await put({}, { taints: [{ key: "a", effect: "NoSchedule" }] })).toContain("not allowed to modify taints");
    const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
    expect(await put({ ownerReferences: [owner] })).toContain("not allowed to modify ownerReferences");
    expect(await put({ labels: { mine: "y", "kubernetes.io/arch": "arm64", "x.node.kubernetes.io/a": "b" } })).toBe("");
  });

  test.each([
    [undefined, ["not-ready:NoSchedule"]],
    [[{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }], ["not-ready:NoSchedule"]],
    [[{ key: "node.kubernetes.io/not-ready", effect: "NoExecute" }], ["not-ready:NoExecute", "not-ready:NoSchedule"]],
  ])("begins with the taint of those that are not ready, and cannot take it away: %j", async (taints, expected) => {
    const fresh = cluster.clientAs({ name: "system:node:n3", groups: ["system:nodes", "system:authenticated"] });
    const made = (await fresh.raw("POST", NODES, { metadata: { name: "n3" }, spec: { taints } })) as Node;
    const keys = made.spec?.taints?.map(({ key = "", effect }) => `${key.split("/")[1]}:${effect}`);
    expect(keys).toEqual(expected);
    await expect(fresh.raw("PUT", `${NODES}/n3`, { ...made, spec: { taints: [] } })).rejects.toThrow(
      'node "n3" is not allowed to modify taints',
    );
  });

  test("writes the status of its pods, but not their labels or claims", async () => {
    const status = { ...mine, status: { phase: "Running" } };
    expect(await refusal("PUT", `${PODS}/n1/status`, status)).toBe("");
    const other = (await admin("GET", `${PODS}/n2`)) as Unstructured;
    expect(await refusal("PUT", `${PODS}/n2/status`, other)).toContain("with spec.nodeName set to itself");
    const claimed = { phase: "Running", resourceClaimStatuses: [{ name: "c", resourceClaimName: "x" }] };
    const live = (await node.raw("GET", `${PODS}/n1`)) as Unstructured;
    expect(await refusal("PUT", `${PODS}/n1/status`, { ...live, status: claimed })).toContain(
      "cannot update resource claim statues",
    );
  });

  test("deletes and evicts its own pods only", async () => {
    expect(await refusal("DELETE", `${PODS}/n2`)).toContain("can only delete pods with spec.nodeName set to itself");
    const eviction = (name: string) =>
      refusal("POST", `${PODS}/${name}/eviction`, { metadata: { name, namespace: "default" } });
    expect(await eviction("n2")).toContain("node n1 can only evict pods");
    expect(await eviction("n1")).toBe("");
  });

  test("creates mirror pods, owned by itself, that need nothing of the API", async () => {
    const { uid } = ((await node.raw("GET", `${NODES}/n1`)) as Unstructured).metadata ?? {};
    const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid, controller: true };
    const annotations = { "kubernetes.io/config.mirror": "x", "kubernetes.io/config.hash": "x" };
    const mirror = (metadata: object, spec: object = {}) => ({
      metadata: { name: "static", annotations, ownerReferences: [owner], ...metadata },
      spec: { nodeName: "n1", containers: [{ name: "c", image: "i" }], ...spec },
    });
    expect(await refusal("POST", PODS, podOn("n1"))).toContain('pod does not have "kubernetes.io/config.mirror"');
    expect(await refusal("POST", PODS, mirror({}, { nodeName: "n2" }))).toContain("spec.nodeName set to itself");
    expect(await refusal("POST", PODS, mirror({ ownerReferences: [] }))).toContain("an owner reference set to itself");
    expect(await refusal("POST", PODS, mirror({ ownerReferences: [{ ...owner, uid: "u" }] }))).toContain(
      "UID mismatch",
    );
    const volumes = [{ name: "s", configMap: { name: "s" } }];
    expect(await refusal("POST", PODS, mirror({}, { volumes }))).toContain(
      "can not create pods that reference configmaps",
    );
    expect(await refusal("POST", PODS, mirror({}))).toBe("");
  });

  test("gets tokens bound to its own pods, for what they mount", async () => {
    const token = (boundObjectRef: object | undefined, audiences: readonly string[] = []) =>
      refusal("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", {
        spec: { boundObjectRef, audiences },
      });
    const ref = { kind: "Pod", apiVersion: "v1", name: "n1", uid: mine.metadata?.uid };
    const other = (await admin("GET", `${PODS}/n2`)) as Unstructured;
    expect(await token(undefined)).toContain("node requested token not bound to a pod");
    expect(await token({ ...ref, uid: "" })).toContain("without a uid");
    expect(await token({ ...ref, uid: "u" })).toContain("does not match the UID in record");
    expect(await token({ ...ref, name: "n2", uid: other.metadata?.uid })).toContain("scheduled on a different node");
    expect(await token(ref, ["vault"])).toContain('not authorized to request tokens for audience "vault"');
    expect(await token(ref)).toBe("");
    // no claim of the pod's, though called like one of an ephemeral volume
    const [{ name = "" } = {}] = (mine as Pod).spec?.volumes ?? [];
    const tokenRequests = [{ audience: "vault" }];
    await admin("POST", "/apis/storage.k8s.io/v1/csidrivers", { metadata: { name: "csi" }, spec: { tokenRequests } });
    const size = { accessModes: ["ReadWriteOnce"], capacity: { storage: "1Gi" } };
    const volume = { ...size, csi: { driver: "csi", volumeHandle: "h" } };
    await admin("POST", "/api/v1/persistentvolumes", { metadata: { name: "pv" }, spec: volume });
    const claim = { accessModes: size.accessModes, volumeName: "pv", resources: { requests: size.capacity } };
    const claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    await admin("POST", claims, { metadata: { name: `n1-${name}` }, spec: claim });
    expect(await token(ref, ["vault"])).toContain('not authorized to request tokens for audience "vault"');
  });

  test.each([
    [{ csi: { driver: "csi" } }, ""],
    [{ csi: { driver: "none" } }, 'error validating audience "vault": csidriver.storage.k8s.io "none" not found'],
    [{ persistentVolumeClaim: { claimName: "c" } }, 'validating audience "vault": persistentvolumeclaim "c" not found'],
    [{ azureFile: { secretName: "s", shareName: "s" } }, ""],
    [{ vsphereVolume: { volumePath: "v" } }, 'csidriver.storage.k8s.io "csi.vsphere.vmware.com" not found'],
  ])("gets tokens for the driver of a volume %j, as far as that is known", async (source, why) => {
    for (const name of ["csi", "file.csi.azure.com"])
      await admin("POST", "/apis/storage.k8s.io/v1/csidrivers", {
        metadata: { name },
        spec: { tokenRequests: [{ audience: "vault" }] },
      });
    const { metadata } = (await admin("POST", PODS, {
      metadata: { name: "mounts" },
      ...{ spec: { nodeName: "n1", containers: [{ name: "c", image: "i" }], volumes: [{ name: "v", ...source }] } },
    })) as Unstructured;
    const boundObjectRef = { kind: "Pod", apiVersion: "v1", name: "mounts", uid: metadata?.uid };
    const spec = { boundObjectRef, audiences: ["vault"] };
    const path = "/api/v1/namespaces/default/serviceaccounts/default/token";
    const refused = await refusal("POST", path, { spec });
    expect(refused === "" ? "" : refused.slice(-why.length)).toBe(why);
  });

  test("keeps its own Lease and CSINode", async () => {
    const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
    const csiNodes = "/apis/storage.k8s.io/v1/csinodes";
    expect(await refusal("POST", leases, { metadata: { name: "n2" } })).toContain("same name as the requesting node");
    expect(await refusal("POST", leases, { metadata: { name: "n1" } })).toBe("");
    expect(await refusal("POST", csiNodes, { metadata: { name: "n2" }, spec: { drivers: [] } })).toContain(
      "can only access CSINode",
    );
    expect(await refusal("POST", csiNodes, { metadata: { name: "n1" }, spec: { drivers: [] } })).toBe("");
  });

  test("asks for certificates in its own name only", async () => {
    const request = async (commonName: string) => ({
      metadata: { generateName: "csr-" },
      spec: {
        signerName: "kubernetes.io/kube-apiserver-client-kubelet",
        usages: ["client auth", "digital signature"],
        request: Buffer.from(await signingRequest(`O=system:nodes,CN=${commonName}`)).toString("base64"),
      },
    });
    const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    expect(await refusal("POST", path, await request("system:node:n2"))).toContain("with CN=system:node:n1");
    expect(await refusal("POST", path, await request("system:node:n1"))).toBe("");
  });
});

test("who claims to be a node without a name is refused", async () => {
  const nameless = cluster.clientAs({ name: "system:node:", groups: ["system:nodes", "system:masters"] });
  const refused = nameless.raw("POST", "/api/v1/namespaces/default/configmaps", { metadata: { name: "x" } });
  await expect(refused).rejects.toThrow('could not determine node from user "system:node:"');
});
