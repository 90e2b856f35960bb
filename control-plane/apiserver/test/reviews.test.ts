import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Held, isPeer, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const AUTHORIZATION = "/apis/authorization.k8s.io/v1";
const AUTHENTICATION = "/apis/authentication.k8s.io/v1";
const RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/reviews";
const ACCOUNTS = "/api/v1/namespaces/reviews/serviceaccounts";

let server: WireServer;
let admin: WireClient;
let jane: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  jane = await server.clientOf("jane", ["readers"]);
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "reviews" } });
  await admin.send("POST", ACCOUNTS, { metadata: { name: "robot" } });
  const rules = [{ apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list"] }];
  await admin.send("POST", `${RBAC}/roles`, { metadata: { name: "reader" }, rules });
  await admin.send("POST", `${RBAC}/rolebindings`, {
    metadata: { name: "readers" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "readers" }],
  });
});
afterAll(() => server.close());

const statusOf = ({ object }: Answer): Held => object["status"] as Held;
const pods = (verb: string, namespace = "reviews", more: object = {}): object => ({
  resourceAttributes: { verb, namespace, version: "v1", resource: "pods", ...more },
});
const problem = ({ code, object }: Answer): unknown => [code, object.reason, object.message];

describe("an access review", () => {
  test("of oneself says what one may", async () => {
    const ask = async (spec: object): Promise<Held> =>
      statusOf(await jane.send("POST", `${AUTHORIZATION}/selfsubjectaccessreviews`, { spec }));
    expect(await ask(pods("get"))).toMatchObject({
      allowed: true,
      reason: expect.stringMatching(/RoleBinding "readers\/reviews"|RBAC/),
    });
    expect(await ask(pods("get", "reviews", { subresource: "log" }))).toMatchObject({ allowed: true });
    expect((await ask(pods("delete")))["allowed"]).toBe(false);
    expect((await ask(pods("get", "default")))["allowed"]).toBe(false);
    expect((await ask({ nonResourceAttributes: { path: "/version", verb: "get" } }))["allowed"]).toBe(true);
    expect((await ask({ nonResourceAttributes: { path: "/metrics", verb: "get" } }))["allowed"]).toBe(false);
  });

  test("is of no namespace, whatever it says of itself", async () => {
    const metadata = { namespace: "elsewhere" };
    const path = `${AUTHORIZATION}/selfsubjectaccessreviews`;
    const answer = await jane.send("POST", path, { metadata, spec: pods("get") });
    expect([answer.code, statusOf(answer)?.["allowed"], answer.object.metadata?.namespace]).toEqual([
      201,
      true,
      undefined,
    ]);
    expect((await jane.send("POST", `${AUTHENTICATION}/selfsubjectreviews`, { metadata })).code).toBe(201);
    const local = `${AUTHORIZATION}/namespaces/reviews/localsubjectaccessreviews`;
    const refused = await admin.send("POST", local, { metadata, spec: { user: "x", ...pods("get") } });
    expect(problem(refused)).toEqual([
      400,
      "BadRequest",
      "the namespace of the provided object does not match the namespace sent on the request",
    ]);
  });

  test("of another says what they may, by name and by group, and stores nothing", async () => {
    const path = `${AUTHORIZATION}/subjectaccessreviews`;
    const answer = await admin.send("POST", path, { spec: { user: "x", groups: ["readers"], ...pods("list") } });
    expect([answer.code, answer.object.kind, statusOf(answer)["allowed"]]).toEqual([201, "SubjectAccessReview", true]);
    expect(statusOf(await admin.send("POST", path, { spec: { user: "x", ...pods("list") } }))["allowed"]).toBe(false);
    expect((await admin.get(path)).code).toBe(405);
    expect(problem(await jane.send("POST", path, { spec: { user: "x", ...pods("list") } }))).toMatchObject([
      403,
      "Forbidden",
      expect.anything(),
    ]);
  });

  test("within a namespace is about that namespace", async () => {
    const path = `${AUTHORIZATION}/namespaces/reviews/localsubjectaccessreviews`;
    const answer = await admin.send("POST", path, {
      metadata: { namespace: "reviews" },
      spec: { groups: ["readers"], ...pods("list") },
    });
    expect([answer.code, statusOf(answer)["allowed"]]).toEqual([201, true]);
    const other = await admin.send("POST", path, {
      metadata: { namespace: "reviews" },
      spec: { groups: ["readers"], ...pods("list", "default") },
    });
    expect([other.code, other.object.message]).toEqual([
      422,
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "default": must match metadata.namespace',
    ]);
    const elsewhere = { metadata: { namespace: "default" }, spec: { groups: ["readers"], ...pods("list") } };
    expect(problem(await admin.send("POST", path, elsewhere))).toMatchObject([
      400,
      "BadRequest",
      expect.stringContaining("does not match the namespace sent on the request"),
    ]);
    const cluster = await admin.send("POST", `${AUTHORIZATION}/localsubjectaccessreviews`, { spec: {} });
    expect(cluster.code).toBe(404);
  });

  test.each([
    ["selfsubjectaccessreviews", {}, "spec"],
    ["selfsubjectaccessreviews", { ...pods("get"), nonResourceAttributes: { path: "/", verb: "get" } }, "spec"],
    ["subjectaccessreviews", pods("get"), "spec.user"],
    [
      "selfsubjectaccessreviews",
      pods("get", "reviews", {
        fieldSelector: { rawSelector: "a=b", requirements: [{ key: "a", operator: "In", values: ["b"] }] },
      }),
      "spec.resourceAttributes.fieldSelector.rawSelector",
    ],
    [
      "selfsubjectaccessreviews",
      pods("get", "reviews", { labelSelector: {} }),
      "spec.resourceAttributes.labelSelector.requirements",
    ],
    [
      "selfsubjectaccessreviews",
      pods("get", "reviews", { labelSelector: { requirements: [{ key: "", operator: "Exists" }] } }),
      "spec.resourceAttributes.labelSelector.requirements[0].key",
    ],
  ])("of %s with %j is refused: %s", async (resource, spec, field) => {
    const { code, object } = await admin.send("POST", `${AUTHORIZATION}/${resource}`, { spec });
    expect([code, object.reason, object.details?.causes?.[0]?.field]).toEqual([422, "Invalid", field]);
  });

  test("with selectors that cannot be understood says so", async () => {
    const selectors = {
      fieldSelector: {
        requirements: [
          { key: "a", operator: "Exists" },
          { key: "a", operator: "In", values: ["b"] },
        ],
      },
      labelSelector: { rawSelector: "a in (" },
    };
    const answer = await admin.send("POST", `${AUTHORIZATION}/selfsubjectaccessreviews`, {
      spec: pods("get", "reviews", selectors),
    });
    expect(statusOf(answer)).toMatchObject({
      allowed: true,
      evaluationError:
        "spec.resourceAttributes.fieldSelector partially ignored due to parse error; spec.resourceAttributes.labelSelector ignored due to parse error",
    });
  });

  test("is a write like others: its options are checked, and who wrote it stands in the answer", async () => {
    const path = `${AUTHORIZATION}/selfsubjectaccessreviews`;
    expect((await admin.send("POST", `${path}?dryRun=some`, { spec: pods("get") })).code).toBe(422);
    const answer = await admin.send("POST", `${path}?fieldManager=me`, { spec: pods("get") });
    expect(answer.object.metadata).toEqual({
      managedFields: [expect.objectContaining({ manager: "me", operation: "Update" })],
    });
    const strict = await admin.send("POST", `${path}?fieldValidation=Strict`, { spec: pods("get"), odd: 1 });
    expect(problem(strict)).toMatchObject([400, "BadRequest", expect.stringContaining('unknown field "odd"')]);
  });

  test("has no name and no labels", async () => {
    const { code, object } = await admin.send("POST", `${AUTHORIZATION}/selfsubjectaccessreviews`, {
      metadata: { name: "x" },
      spec: pods("get"),
    });
    expect([code, object.details?.causes?.[0]]).toMatchObject([
      422,
      { field: "metadata", message: expect.stringContaining("must be empty") },
    ]);
  });
});

describe("a rules review", () => {
  test("lists what one may in a namespace", async () => {
    const answer = await jane.send("POST", `${AUTHORIZATION}/selfsubjectrulesreviews`, {
      spec: { namespace: "reviews" },
    });
    expect(answer.code).toBe(201);
    const status = statusOf(answer) as unknown as {
      resourceRules: object[];
      nonResourceRules: object[];
      incomplete: boolean;
    };
    expect(status.resourceRules).toContainEqual({
      verbs: ["get", "list"],
      apiGroups: [""],
      resources: ["pods", "pods/log"],
    });
    expect(status.nonResourceRules).toContainEqual(
      expect.objectContaining({ nonResourceURLs: expect.arrayContaining(["/version"]) }),
    );
  });

  test("needs a namespace", async () => {
    expect(problem(await jane.send("POST", `${AUTHORIZATION}/selfsubjectrulesreviews`, { spec: {} }))).toEqual([
      400,
      "BadRequest",
      "no namespace on request",
    ]);
  });
});

test.each([
  ["lost", [], 'rbac: RBAC: role.rbac.authorization.k8s.io "absent" not found'],
  ["system:node:n", ["system:nodes"], "node: no relationship found between node 'n' and this object"],
])("who denies says why: to %s %j %s", async (user, groups, reason) => {
  await admin.send("POST", `${RBAC}/rolebindings`, {
    metadata: { name: "lost" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "absent" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "lost" }],
  });
  const resourceAttributes = { verb: "get", namespace: "reviews", version: "v1", resource: "secrets", name: "s" };
  const ask = async (): Promise<Held> =>
    statusOf(
      await admin.send("POST", `${AUTHORIZATION}/subjectaccessreviews`, { spec: { user, groups, resourceAttributes } }),
    );
  await expect.poll(ask).toEqual({ allowed: false, reason });
});

describe("a token", () => {
  const tokenFor = async (spec: object): Promise<Held> =>
    statusOf(await admin.send("POST", `${ACCOUNTS}/robot/token`, { spec }));
  const review = async (spec: object): Promise<Held> =>
    statusOf(await admin.send("POST", `${AUTHENTICATION}/tokenreviews`, { spec }));

  test("is for the time and the audiences that were asked for", async () => {
    const answer = await admin.send("POST", `${ACCOUNTS}/robot/token`, {
      spec: { audiences: ["vault"], expirationSeconds: 1200 },
    });
    expect([answer.code, answer.object]).toMatchObject([
      201,
      {
        kind: "TokenRequest",
        apiVersion: "authentication.k8s.io/v1",
        spec: { audiences: ["vault"], expirationSeconds: 1200 },
      },
    ]);
    const { token, expirationTimestamp } = statusOf(answer) as unknown as {
      token: string;
      expirationTimestamp: string;
    };
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({
      aud: ["vault"],
      sub: "system:serviceaccount:reviews:robot",
      iss: "https://kubernetes.default.svc.cluster.local",
      "kubernetes.io": { namespace: "reviews", serviceaccount: { name: "robot", uid: expect.any(String) } },
    });
    expect([claims.exp - claims.iat, Date.parse(expirationTimestamp) / 1000]).toEqual([1200, claims.exp]);
    expect(await review({ token })).toMatchObject({ user: {}, error: expect.any(String) });
    expect(await review({ token, audiences: ["vault", "other"] })).toMatchObject({
      authenticated: true,
      audiences: ["vault"],
      user: { username: "system:serviceaccount:reviews:robot" },
    });
  });

  test.skipIf(isPeer)("is for the audiences of the server where none were asked for", async () => {
    const audiences = ["api", "vault"];
    const other = await startWireServer({ audiences });
    await other.admin.send("POST", "/api/v1/namespaces/default/serviceaccounts", { metadata: { name: "robot" } });
    const answer = await other.admin.send("POST", "/api/v1/namespaces/default/serviceaccounts/robot/token", {});
    expect(answer.object).toMatchObject({ spec: { audiences } });
    const robot = other.clientWith(String(statusOf(answer)["token"]));
    expect((await robot.get("/api/v1/namespaces")).code).toBe(403);
    await other.close();
  });

  test("tells who it is for, with groups and where it comes from", async () => {
    const token = String((await tokenFor({}))["token"]);
    const answer = (await review({ token })) as unknown as {
      user: { groups: string[]; extra: Record<string, string[]>; uid: string };
    };
    expect(answer.user.groups).toEqual([
      "system:serviceaccounts",
      "system:serviceaccounts:reviews",
      "system:authenticated",
    ]);
    expect(answer.user.extra).toEqual({
      "authentication.kubernetes.io/credential-id": [expect.stringMatching(/^JTI=[0-9a-f-]{36}$/)],
    });
  });

  test("that is bound ends with what it is bound to", async () => {
    await admin.send("POST", "/api/v1/namespaces/reviews/secrets", { metadata: { name: "bound" } });
    const boundObjectRef = { kind: "Secret", apiVersion: "v1", name: "bound" };
    const token = String((await tokenFor({ boundObjectRef }))["token"]);
    expect((await review({ token }))["authenticated"]).toBe(true);
    await admin.send("DELETE", "/api/v1/namespaces/reviews/secrets/bound");
    await expect
      .poll(async () => (await review({ token }))["authenticated"], { timeout: 15_000, interval: 200 })
      .toBeUndefined();
  });

  test.each([
    [{ expirationSeconds: 599 }, 422, "may not specify a duration less than 10 minutes"],
    [
      { boundObjectRef: { kind: "Deployment", apiVersion: "apps/v1", name: "d" } },
      400,
      "cannot bind token to object of type apps/v1, Kind=Deployment",
    ],
    [
      {
        audiences: ["https://webhook.example.com"],
        attestations: { admissionReviewAPIGroups: ["apps"] },
        boundObjectRef: {
          kind: "ValidatingWebhookConfiguration",
          apiVersion: "admissionregistration.k8s.io/v1",
          name: "w",
        },
      },
      400,
      "Kind=ValidatingWebhookConfiguration (feature gate APIServerWebhookAuthenticationToken is disabled)",
    ],
    [{ boundObjectRef: { kind: "Secret", apiVersion: "v1", name: "" } }, 400, "Name parameter required."],
    [{ attestations: { a: ["b"] } }, 422, "attestations may only be specified with a webhook bound object reference"],
    [{ boundObjectRef: { kind: "Secret", apiVersion: "v1", name: "absent" } }, 404, 'secrets "absent" not found'],
  ])("for %j is refused with %i", async (spec, code, message) => {
    const answer = await admin.send("POST", `${ACCOUNTS}/robot/token`, { spec });
    expect([answer.code, answer.object.message]).toEqual([code, expect.stringContaining(message)]);
  });

  test.each([
    [{ name: "other" }, 422, "must match the service account name if specified"],
    [{ namespace: "other" }, 400, "does not match the namespace sent on the request"],
    [{ uid: "other" }, 409, "the UID in the token request (other) does not match the UID of the service account"],
  ])("for an account of %j is refused with %i", async (metadata, code, message) => {
    const answer = await admin.send("POST", `${ACCOUNTS}/robot/token`, { metadata });
    expect([answer.code, answer.object.message]).toEqual([code, expect.stringContaining(message)]);
  });

  test("that is none is answered so, and none at all is a bad request", async () => {
    const answer = await admin.send("POST", `${AUTHENTICATION}/tokenreviews`, { spec: { token: "nonsense" } });
    expect([answer.code, statusOf(answer)]).toMatchObject([201, { user: {}, error: expect.any(String) }]);
    expect(problem(await admin.send("POST", `${AUTHENTICATION}/tokenreviews`, { spec: {} }))).toEqual([
      400,
      "BadRequest",
      "token is required for TokenReview in authentication",
    ]);
  });
});

test("who one is can be asked by anybody who is somebody", async () => {
  const answer = await jane.send("POST", `${AUTHENTICATION}/selfsubjectreviews`, {});
  expect([answer.code, statusOf(answer)]).toMatchObject([
    201,
    { userInfo: { username: "jane", groups: ["readers", "system:authenticated"] } },
  ]);
});

test("the parts of the control plane are told of one by one, in the old way", async () => {
  const path = "/api/v1/componentstatuses";
  const { code, object, headers } = await admin.get(path);
  expect([code, object.kind, headers["warning"]]).toEqual([
    200,
    "ComponentStatusList",
    expect.stringContaining("v1 ComponentStatus is deprecated in v1.19+"),
  ]);
  const statuses = object["items"] as readonly Held[];
  expect(statuses.map(({ metadata }) => metadata?.name).sort()).toEqual(["controller-manager", "etcd-0", "scheduler"]);
  const health = (name: string): unknown => statuses.find(({ metadata }) => metadata?.name === name)?.["conditions"];
  expect(health("etcd-0")).toEqual([{ type: "Healthy", status: "True", message: "ok" }]);
  expect(health("scheduler")).toEqual([{ type: "Healthy", status: "False", message: expect.any(String) }]); // nobody runs it here
  const listed = async (query: string): Promise<number> =>
    ((await admin.get(`${path}?${query}`)).object["items"] as readonly Held[]).length;
  expect([await listed("labelSelector=a%3Db"), await listed("fieldSelector=metadata.name%3Dscheduler")]).toEqual([
    0, 1,
  ]);
  expect((await admin.get(`${path}/scheduler`)).object.metadata).toEqual({ name: "scheduler" });
  expect((await admin.get(`${path}/none`)).object.message).toBe('componentstatus "none" not found');
  expect((await admin.get(`${path}?watch=true`)).code).toBe(405);
  expect((await admin.send("POST", path, {})).code).toBe(405);
});

test.skipIf(isPeer)("a part that watches, or is elected elsewhere, is healthy", async () => {
  const health = async (): Promise<unknown> =>
    ((await admin.get("/api/v1/componentstatuses/scheduler")).object["conditions"] as readonly Held[])[0]?.["status"];
  const scheduler = await server.clientOf("system:kube-scheduler", ["system:authenticated"]);
  const watch = await scheduler.watch("/api/v1/pods?watch=true");
  expect(await health()).toBe("True");
  watch.close();
  await expect.poll(health).toBe("False");
  const renewTime = `${new Date().toISOString().slice(0, -1)}000Z`;
  const spec = { holderIdentity: "other", leaseDurationSeconds: 15, renewTime, acquireTime: renewTime };
  const leases = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
  await admin.send("POST", leases, { metadata: { name: "kube-scheduler" }, spec });
  expect(await health()).toBe("True");
});
