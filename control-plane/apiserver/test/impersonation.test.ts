import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Answer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const PODS = "/api/v1/namespaces/impersonation/pods";
const AUTHENTICATION = ["authentication.k8s.io"];

let server: WireServer;
let admin: WireClient;
const clients = new Map<string, WireClient>();

/** Who may what, by caller. Each may look who it is, as whomever it acts as. */
const RULES: Readonly<Record<string, readonly object[]>> = {
  anyhow: [{ apiGroups: [""], resources: ["users", "groups", "serviceaccounts"], verbs: ["impersonate"] }],
  lister: [
    { apiGroups: AUTHENTICATION, resources: ["users", "groups"], verbs: ["impersonate:user-info"] },
    { apiGroups: AUTHENTICATION, resources: ["selfsubjectreviews"], verbs: ["impersonate-on:user-info:create"] },
    { apiGroups: [""], resources: ["pods"], verbs: ["impersonate-on:user-info:list"] },
  ],
  agent: [
    { apiGroups: AUTHENTICATION, resources: ["serviceaccounts"], verbs: ["impersonate:serviceaccount"] },
    { apiGroups: AUTHENTICATION, resources: ["selfsubjectreviews"], verbs: ["impersonate-on:serviceaccount:create"] },
  ],
  prober: [
    { apiGroups: AUTHENTICATION, resources: ["nodes"], resourceNames: ["n1"], verbs: ["impersonate:arbitrary-node"] },
    { apiGroups: AUTHENTICATION, resources: ["selfsubjectreviews"], verbs: ["impersonate-on:arbitrary-node:create"] },
  ],
  jane: [{ apiGroups: [""], resources: ["pods"], verbs: ["list", "get"] }],
};

beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "impersonation" } });
  for (const [name, rules] of Object.entries(RULES)) {
    const metadata = { name: `impersonation-${name}` };
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: metadata.name };
    await admin.send("POST", `${RBAC}/clusterroles`, { metadata, rules });
    await admin.send("POST", `${RBAC}/clusterrolebindings`, { metadata, roleRef, subjects: [{ kind: "User", name }] });
    clients.set(name, await server.clientOf(name));
  }
  await vi.waitFor(async () => expect((await clients.get("jane")!.get(PODS)).code).toBe(200), { timeout: 30_000 });
});
afterAll(() => server.close());

type Headers = Readonly<Record<string, string>>;
const as = (user: string, more: Headers = {}): Headers => ({ "impersonate-user": user, ...more });
const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };

function asked(caller: string, headers: Headers): Promise<Answer> {
  return (clients.get(caller) ?? admin).send("POST", REVIEWS, review, headers);
}

/** Who the caller is then, or why it is not. */
async function who(caller: string, headers: Headers): Promise<unknown> {
  const { code, object } = await asked(caller, headers);
  return code === 201 ? (object["status"] as { userInfo: unknown }).userInfo : object.message;
}

const JANE = { username: "jane", groups: ["system:authenticated"] };
const ACCOUNT = "system:serviceaccount:impersonation:x";
const onReviews = (caller: string, verb: string): string =>
  `selfsubjectreviews.authentication.k8s.io is forbidden: User "${caller}" cannot ${verb} resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope`;

describe("who may act as anybody for anything", () => {
  test("is that user, with the groups it asks for", async () => {
    expect(await who("anyhow", as("jane"))).toEqual(JANE);
    expect(await who("anyhow", as("jane", { "impersonate-group": "dev" }))).toEqual({
      username: "jane",
      groups: ["dev", "system:authenticated"],
    });
  });

  test("still needs leave for a uid and for extras", async () => {
    expect(await who("anyhow", as("jane", { "impersonate-uid": "7" }))).toBe(
      'uids.authentication.k8s.io "7" is forbidden: User "anyhow" cannot impersonate resource "uids" in API group "authentication.k8s.io" at the cluster scope',
    );
    expect(await who("anyhow", as("jane", { "impersonate-extra-a%2fB": "x" }))).toBe(
      'userextras.authentication.k8s.io "x" is forbidden: User "anyhow" cannot impersonate resource "userextras/a/b" in API group "authentication.k8s.io" at the cluster scope',
    );
    expect(await who("admin", as("jane", { "impersonate-uid": "7" }))).toMatchObject({ username: "jane", uid: "7" });
  });

  test("is unknown where it asks for that", async () => {
    expect(await who("anyhow", as("jane", { "impersonate-group": "system:unauthenticated" }))).toBe(
      onReviews("jane", "create"),
    );
  });
});

describe("who may act as a user for some requests", () => {
  test("is that user for those", async () => {
    expect(await who("lister", as("jane"))).toEqual(JANE);
    expect((await clients.get("lister")!.get(PODS, as("jane"))).code).toBe(200);
  });

  test("is refused for others, before it is asked what that user may", async () => {
    const { object } = await clients.get("lister")!.get(`${PODS}/p`, as("jane"));
    expect(object.message).toBe(
      'pods "p" is forbidden: User "lister" cannot impersonate-on:user-info:get resource "pods" in API group "" in the namespace "impersonation"',
    );
    const { object: metrics } = await clients.get("lister")!.get("/metrics", as("jane"));
    expect(metrics.message).toBe('forbidden: User "lister" cannot impersonate-on:user-info:get path "/metrics"');
  });

  test("acts as no ServiceAccount, no node and no master", async () => {
    expect(await who("lister", as(ACCOUNT))).toBe(onReviews("lister", "impersonate-on:serviceaccount:create"));
    expect(await who("lister", as("system:node:n1"))).toBe(onReviews("lister", "impersonate-on:arbitrary-node:create"));
    const masters = as("jane", { "impersonate-group": "system:masters" });
    expect(await asked("lister", masters)).toMatchObject({ code: 403 });
  });
});

test("who may act as ServiceAccounts gets their groups, and no others", async () => {
  expect(await who("agent", as(ACCOUNT))).toEqual({
    username: ACCOUNT,
    groups: ["system:serviceaccounts", "system:serviceaccounts:impersonation", "system:authenticated"],
  });
  expect((await asked("agent", as(ACCOUNT, { "impersonate-group": "dev" }))).code).toBe(403);
  expect(await who("agent", as("jane"))).toBe(onReviews("agent", "impersonate-on:user-info:create"));
});

test("who may act as a node acts as that one", async () => {
  expect(await who("prober", as("system:node:n1"))).toEqual({
    username: "system:node:n1",
    groups: ["system:nodes", "system:authenticated"],
  });
  expect(await who("prober", as("system:node:n2"))).toBe(
    'nodes.authentication.k8s.io "n2" is forbidden: User "prober" cannot impersonate:arbitrary-node resource "nodes" in API group "authentication.k8s.io" at the cluster scope',
  );
});

test.each([
  [{ "impersonate-group": "g" }, 'Groups:[]string{"g"}'],
  [{ "impersonate-group": "" }, 'Groups:[]string{""}'],
])("nobody acts as groups without a user: %j", async (headers, groups) => {
  expect(await who("admin", headers)).toBe(
    `requested &user.DefaultInfo{Name:"", UID:"", ${groups}, Extra:map[string][]string(nil)} without impersonating a user name`,
  );
});

const REPEATED: readonly (readonly [headers: Readonly<Record<string, string | readonly string[]>>, user: object])[] = [
  [{ "impersonate-group": "g1,g2" }, { groups: ["g1,g2", "system:authenticated"] }],
  [{ "impersonate-group": ["g1, g2", "g3"] }, { groups: ["g1, g2", "g3", "system:authenticated"] }],
  [{ "impersonate-extra-scopes": "a, b" }, { extra: { scopes: ["a, b"] } }],
  [{ "impersonate-extra-scopes": ["a", "b"] }, { extra: { scopes: ["a", "b"] } }],
  [{ "impersonate-extra-scopes": "a", "impersonate-extra-scope%73": "b" }, { extra: { scopes: ["a", "b"] } }],
  [{ "impersonate-user": ["jane", "john"] }, { username: "jane" }],
  [{ "impersonate-user": "system:serviceaccount:Foo_x:bar" }, { groups: ["system:authenticated"] }],
];

test.each(REPEATED)("each header is one value, however it is sent: %j", async (headers, user) => {
  const asJane = as("jane", headers as Headers);
  expect(await who("admin", asJane)).toMatchObject(user);
  const { object } = await admin.sendPlain("POST", REVIEWS, review, asJane);
  expect(object["status"]).toMatchObject({ userInfo: user });
});
