import { ApiError } from "@tsukube/api";
import type { Client } from "@tsukube/client";
import { type Cluster, startCluster } from "@tsukube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const IN = `${RBAC}/namespaces/default`;
let cluster: Cluster;
let alice: Client;

const admin = (path: string, body: object) => cluster.client.raw("POST", path, body);
const role = (name: string, ...rules: readonly object[]) => ({ metadata: { name }, rules });
const rule = (verbs: readonly string[], resource: string, more: object = {}) => ({
  apiGroups: [resource === "clusterroles" || resource === "roles" ? "rbac.authorization.k8s.io" : ""],
  resources: [resource],
  verbs,
  ...more,
});
const binding = (name: string, kind: string, roleName: string, user = "bob") => ({
  metadata: { name },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: roleName },
  subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user }],
});

/** Alice may read pods and write roles and bindings in "default". */
beforeEach(async () => {
  cluster = await startCluster();
  alice = cluster.clientAs({ name: "alice", groups: ["dev", "system:authenticated"] });
  const writes = ["roles", "rolebindings"].map((resource) => ({
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: [resource],
    verbs: ["create", "update", "get"],
  }));
  await admin(`${IN}/roles`, role("dev", rule(["get", "list"], "pods"), ...writes));
  await admin(`${IN}/rolebindings`, binding("dev", "Role", "dev", "alice"));
});
afterEach(() => cluster.close());

async function refusal(method: string, path: string, body: object): Promise<string> {
  try {
    await alice.raw(method, path, body);
    return "";
  } catch (error) {
    if (!ApiError.is(error, "Forbidden")) throw error;
    return error.message;
  }
}

test("nobody grants by a role what they do not hold", async () => {
  expect(await refusal("POST", `${IN}/roles`, role("fine", rule(["get"], "pods")))).toBe("");
  expect(
    await refusal(
      "POST",
      `${IN}/roles`,
      role("more", rule(["delete", "get", "watch"], "pods"), rule(["*"], "secrets")),
    ),
  ).toBe(
    'roles.rbac.authorization.k8s.io "more" is forbidden: user "alice" (groups=["dev" "system:authenticated"]) is ' +
      "attempting to grant RBAC permissions not currently held:\n" +
      '{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}\n' +
      '{APIGroups:[""], Resources:["secrets"], Verbs:["*"]}',
  );
  const widened = role("fine", rule(["get"], "pods"), rule(["get"], "pods/log"));
  expect(await refusal("PUT", `${IN}/roles/fine`, widened)).toContain('{APIGroups:[""], Resources:["pods/log"]');
});

test("who may escalate a role writes it as they like", async () => {
  await admin(`${IN}/roles`, role("escalate", rule(["escalate"], "roles")));
  await admin(`${IN}/rolebindings`, binding("escalate", "Role", "escalate", "alice"));
  expect(await refusal("POST", `${IN}/roles`, role("more", rule(["*"], "secrets")))).toBe("");
});

test("nobody binds a role that grants what they do not hold, unless they may bind it", async () => {
  await admin(`${IN}/roles`, role("pods", rule(["list"], "pods", { resourceNames: ["a"] })));
  expect(await refusal("POST", `${IN}/rolebindings`, binding("a", "Role", "pods"))).toBe("");
  expect(await refusal("POST", `${IN}/rolebindings`, binding("b", "ClusterRole", "cluster-admin"))).toContain(
    '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
  );
  await admin(`${IN}/roles`, role("bind", rule(["bind"], "clusterroles", { resourceNames: ["cluster-admin"] })));
  await admin(`${IN}/rolebindings`, binding("bind", "Role", "bind", "alice"));
  expect(await refusal("POST", `${IN}/rolebindings`, binding("b", "ClusterRole", "cluster-admin"))).toBe("");
});

test("a binding to a role that is not there is not made", async () => {
  const made = alice.raw("POST", `${IN}/rolebindings`, binding("b", "Role", "none"));
  await expect(made).rejects.toThrow('rolebindings.rbac.authorization.k8s.io "none" not found');
});

test("aggregation takes cluster-admin", async () => {
  await admin(`${RBAC}/clusterroles`, role("writer", { ...rule(["create"], "clusterroles") }));
  await admin(`${RBAC}/clusterrolebindings`, binding("writer", "ClusterRole", "writer", "alice"));
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] };
  const made = { metadata: { name: "all" }, rules: [], aggregationRule };
  expect(await refusal("POST", `${RBAC}/clusterroles`, made)).toBe(
    'clusterroles.rbac.authorization.k8s.io "all" is forbidden: must have cluster-admin privileges to use the aggregationRule',
  );
});
