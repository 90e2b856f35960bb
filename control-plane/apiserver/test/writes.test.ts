import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const IN = "/api/v1/namespaces/writes";
const MAPS = `${IN}/configmaps`;
const DEPLOYMENTS = "/apis/apps/v1/namespaces/writes/deployments";
const WIDGETS = "/apis/writes.example.com/v1/namespaces/writes/widgets";

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "writes" } });
  await admin.send("POST", `${IN}/serviceaccounts`, { metadata: { name: "default" } });
  await admin.define({
    metadata: { name: "widgets.writes.example.com" },
    spec: {
      group: "writes.example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget" },
      versions: [
        {
          ...{ name: "v1", served: true, storage: true, subresources: { status: {} } },
          schema: {
            openAPIV3Schema: {
              type: "object",
              properties: {
                spec: {
                  type: "object",
                  properties: {
                    size: { type: "integer" },
                    free: {
                      type: "object",
                      "x-kubernetes-embedded-resource": true,
                      "x-kubernetes-preserve-unknown-fields": true,
                    },
                  },
                },
                status: { type: "object", properties: { ready: { type: "boolean" } } },
              },
            },
          },
        },
      ],
    },
  });
});
afterAll(() => server.close());

const deployment = (name: string, more: object = {}): object => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "i" }] } },
    ...more,
  },
});
const widget = (name: string, more: object = {}): object => ({
  apiVersion: "writes.example.com/v1",
  kind: "Widget",
  metadata: { name },
  ...more,
});
const code = ({ code, object }: Answer): unknown => [code, object.reason];
const revision = ({ object }: Answer): string | undefined => object.metadata?.resourceVersion;
const generation = ({ object }: Answer): number | undefined => object.metadata?.generation;

test("who does not know of a pod's priority does not take it away", async () => {
  const spec = { containers: [{ name: "c", image: "i" }] };
  const made = (await admin.send("POST", `${IN}/pods`, { metadata: { name: "ranked" }, spec })).object;
  const { priority, preemptionPolicy, ...others } = made["spec"] as Record<string, unknown>;
  expect({ priority, preemptionPolicy }).toEqual({ priority: 0, preemptionPolicy: "PreemptLowerPriority" });
  const { code: put, object } = await admin.send("PUT", `${IN}/pods/ranked`, { ...made, spec: others });
  expect({ put, spec: object["spec"] }).toEqual({ put: 200, spec: made["spec"] });
});

test("an event that is refused is one of core's, through either of the two groups", async () => {
  for (const path of [`${IN}/events`, "/apis/events.k8s.io/v1/namespaces/writes/events"]) {
    const { code, object } = await admin.send("POST", path, { metadata: { name: "Bad/Name" } });
    expect({ code, message: object["message"] }).toEqual({ code: 422, message: expect.stringMatching(/^Event "Bad/) });
  }
});

test("a generated name ends in five letters and digits that make no words, after at most 58 of the given", async () => {
  for (const generateName of ["short-", "x".repeat(100)]) {
    const { object } = await admin.send("POST", MAPS, { metadata: { generateName } });
    expect(object.metadata?.generateName).toBe(generateName);
    expect(object.metadata?.name).toMatch(new RegExp(`^${generateName.slice(0, 58)}[bcdfghjklmnpqrstvwxz2456789]{5}$`));
  }
});

test("what names are generated from can be changed, and is checked as names are where a kind's updates are", async () => {
  const made = (await admin.send("POST", MAPS, { metadata: { name: "from", generateName: "gn-" } })).object;
  const { generateName, ...metadata } = made.metadata ?? {};
  expect(
    (await admin.send("PUT", `${MAPS}/from`, { ...made, metadata })).object.metadata?.generateName,
  ).toBeUndefined();
  const rename = async (path: string, to: string): Promise<unknown> => {
    const { code: status, object } = await admin.send("PATCH", path, { metadata: { generateName: to } });
    return [status, object["message"] ?? object.metadata?.generateName];
  };
  const wrong = 'metadata.generateName: Invalid value: "N_": a lowercase RFC 1123 subdomain';
  expect(await rename(`${MAPS}/from`, "new-")).toEqual([200, "new-"]);
  expect(await rename(`${MAPS}/from`, "N_")).toEqual([422, expect.stringContaining(wrong)]);
  const role = `/apis/rbac.authorization.k8s.io/v1/clusterroles/view`;
  expect(await rename(role, "N_")).toEqual([200, "N_"]);
  expect(await rename(role, "a/b")).toEqual([422, expect.stringContaining("may not contain '/'")]);
});

describe("a write that changes nothing", () => {
  test("keeps the revision and tells no watch", async () => {
    const made = await admin.send("POST", MAPS, {
      metadata: { name: "same", labels: { of: "same" } },
      data: { a: "1" },
    });
    const watch = await admin.watch(`${MAPS}?watch=1&labelSelector=of%3Dsame&resourceVersion=${revision(made)}`);
    const put = await admin.send("PUT", `${MAPS}/same`, made.object);
    const patched = await admin.send("PATCH", `${MAPS}/same`, { data: { a: "1" } });
    const applied = await admin.send("PATCH", `${MAPS}/same`, [{ op: "test", path: "/data/a", value: "1" }], {
      "content-type": "application/json-patch+json",
    });
    expect([put, patched, applied].map(revision)).toEqual([revision(made), revision(made), revision(made)]);
    const next = await admin.send("PATCH", `${MAPS}/same`, { data: { a: "2" } });
    expect((await watch.change())?.object.metadata?.resourceVersion).toBe(revision(next));
    watch.close();
  });
});

describe("the generation", () => {
  test.each(["a deployment", "a custom resource"])(
    "of %s counts changes of its spec, not of metadata and status",
    async (what) => {
      const path = what === "a deployment" ? DEPLOYMENTS : WIDGETS;
      const made = await admin.send(
        "POST",
        path,
        what === "a deployment" ? deployment("gen") : widget("gen", { spec: { size: 1 } }),
      );
      const at = `${path}/gen`;
      const labelled = await admin.send("PATCH", at, { metadata: { labels: { a: "b" } } });
      const status = await admin.send("PATCH", `${at}/status`, {
        status: what === "a deployment" ? { replicas: 1 } : { ready: true },
      });
      const changed = await admin.send("PATCH", at, { spec: what === "a deployment" ? { replicas: 5 } : { size: 2 } });
      const finalized = await admin.send("PATCH", at, { metadata: { finalizers: ["example.com/x"] } });
      const deleted = await admin.send("DELETE", at);
      expect([made, labelled, status, changed, finalized, deleted].map(generation)).toEqual([1, 1, 1, 2, 2, 3]);
      await admin.send("PATCH", at, { metadata: { finalizers: null } });
      expect((await admin.get(at)).code).toBe(404);
    },
  );

  test("of a pod starts with one and is told by its status as the kubelet saw it", async () => {
    const made = await admin.send("POST", `${IN}/pods`, {
      metadata: { name: "gen" },
      spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] },
    });
    const deleted = await admin.send("DELETE", `${IN}/pods/gen`);
    expect([generation(made), generation(deleted), deleted.object.metadata?.deletionGracePeriodSeconds]).toEqual([
      1, 2, 30,
    ]);
    await admin.send("DELETE", `${IN}/pods/gen?gracePeriodSeconds=0`);
  });
});

describe("the status endpoint", () => {
  test("writes the status alone, and the main endpoint everything else", async () => {
    await admin.send("POST", WIDGETS, widget("parts", { spec: { size: 1 }, status: { ready: true } }));
    const made = await admin.get(`${WIDGETS}/parts`);
    expect(made.object["status"]).toBeUndefined();
    const both = { spec: { size: 7 }, status: { ready: true } };
    const status = await admin.send("PUT", `${WIDGETS}/parts/status`, { ...made.object, ...both });
    expect(status.object).toMatchObject({ spec: { size: 1 }, status: { ready: true } });
    const main = await admin.send("PUT", `${WIDGETS}/parts`, { ...status.object, ...both, status: { ready: false } });
    expect(main.object).toMatchObject({ spec: { size: 7 }, status: { ready: true } });
    expect((await admin.get(`${WIDGETS}/parts/status`)).object).toEqual(main.object);
  });
});

describe("what the system says of an object", () => {
  test("a client cannot set or change", async () => {
    const given = {
      uid: "mine",
      creationTimestamp: "2001-01-01T00:00:00Z",
      selfLink: "/x",
      deletionTimestamp: "2001-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 5,
      generation: 7,
    };
    const made = await admin.send("POST", MAPS, { metadata: { name: "system", ...given } });
    const { uid, creationTimestamp, selfLink, deletionTimestamp, deletionGracePeriodSeconds } =
      made.object.metadata ?? {};
    expect(uid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(creationTimestamp).not.toMatch(/^2001/);
    expect([selfLink, deletionTimestamp, deletionGracePeriodSeconds]).toEqual([undefined, undefined, undefined]);
    const changed = (more: object): object => ({ ...made.object, metadata: { ...made.object.metadata, ...more } });
    const put = await admin.send(
      "PUT",
      `${MAPS}/system`,
      changed({ creationTimestamp: given.creationTimestamp, generation: 9 }),
    );
    expect([put.code, put.object.metadata]).toEqual([200, made.object.metadata]);
    for (const name of ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"] as const) {
      const refused = await admin.send("PUT", `${MAPS}/system`, changed({ [name]: given[name] }));
      expect(code(refused)).toEqual(name === "uid" ? [409, "Conflict"] : [422, "Invalid"]);
      if (name !== "uid") expect(refused.object.details?.causes).toMatchObject([{ field: `metadata.${name}` }]);
    }
  });

  test("stays while it is being deleted, and takes no more finalizers", async () => {
    await admin.send("POST", MAPS, { metadata: { name: "going", finalizers: ["example.com/x"] } });
    const going = (await admin.send("DELETE", `${MAPS}/going`)).object;
    const { deletionTimestamp: _at, ...rest } = going.metadata ?? {};
    const put = await admin.send("PUT", `${MAPS}/going`, { ...going, metadata: rest, data: { a: "1" } });
    expect(put.object.metadata?.deletionTimestamp).toBe(going.metadata?.deletionTimestamp);
    const more = await admin.send("PATCH", `${MAPS}/going`, {
      metadata: { finalizers: ["example.com/x", "example.com/y"] },
    });
    expect([...(code(more) as unknown[]), more.object.details?.causes?.[0]?.message]).toEqual([
      422,
      "Invalid",
      'Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/y"}',
    ]);
    const last = await admin.send("PATCH", `${MAPS}/going`, { metadata: { finalizers: [] } });
    expect([last.code, (await admin.get(`${MAPS}/going`)).code]).toEqual([200, 404]);
  });
});

describe("a dry run", () => {
  const dry = "dryRun=All";
  const list = async (): Promise<Answer> => admin.get(`${MAPS}?labelSelector=of%3Ddry`);
  const metadata = { labels: { of: "dry" } };

  test("of every verb answers as if it were meant, and leaves things as they are", async () => {
    await admin.send("POST", MAPS, { metadata: { name: "dry", ...metadata }, data: { a: "1" } });
    const before = await list();
    const created = await admin.send("POST", `${MAPS}?${dry}`, { metadata: { generateName: "new-", ...metadata } });
    expect([created.code, created.object.metadata?.name, created.object.metadata?.uid]).toEqual([
      201,
      expect.stringMatching(/^new-.{5}$/),
      expect.any(String),
    ]);
    const live = before.object.items?.[0];
    const put = await admin.send("PUT", `${MAPS}/dry?${dry}`, { ...live, data: { a: "2" } });
    expect(put.object).toMatchObject({
      data: { a: "2" },
      metadata: { resourceVersion: live?.metadata?.resourceVersion },
    });
    const patched = await admin.send("PATCH", `${MAPS}/dry?${dry}`, { data: { b: "3" } });
    expect(patched.object).toMatchObject({ data: { a: "1", b: "3" } });
    const applied = await admin.send(
      "PATCH",
      `${MAPS}/other?${dry}&fieldManager=m`,
      { apiVersion: "v1", kind: "ConfigMap", metadata: { ...metadata, name: "other" } },
      { "content-type": "application/apply-patch+yaml" },
    );
    expect(applied.code).toBe(201);
    const deleted = await admin.send("DELETE", `${MAPS}/dry?${dry}`);
    expect([deleted.code, deleted.object["status"]]).toEqual([200, "Success"]);
    const all = await admin.send("DELETE", `${MAPS}?${dry}&labelSelector=of%3Ddry`);
    expect([all.code, all.object.items?.map((item) => item.metadata?.name)]).toEqual([200, ["dry"]]);
    expect(
      (await admin.send("DELETE", `${MAPS}/dry`, { apiVersion: "v1", kind: "DeleteOptions", dryRun: ["All"] })).code,
    ).toBe(200);
    expect((await list()).object.items).toEqual(before.object.items);
  });

  test("of a subresource is one too", async () => {
    await admin.send("POST", DEPLOYMENTS, deployment("dry", { replicas: 1 }));
    const scaled = await admin.send("PATCH", `${DEPLOYMENTS}/dry/scale?${dry}`, { spec: { replicas: 9 } });
    expect(scaled.object["spec"]).toEqual({ replicas: 9 });
    const status = await admin.send("PATCH", `${DEPLOYMENTS}/dry/status?${dry}`, { status: { replicas: 9 } });
    expect(status.object["status"]).toMatchObject({ replicas: 9 });
    const { object } = await admin.get(`${DEPLOYMENTS}/dry`);
    expect([(object["spec"] as Held)["replicas"], object["status"]]).toEqual([1, {}]);
    await admin.send("POST", `${IN}/pods`, {
      metadata: { name: "dry" },
      spec: { containers: [{ name: "c", image: "i" }] },
    });
    for (const [path, body] of [
      ["binding", { metadata: { name: "dry" }, target: { kind: "Node", name: "n" } }],
      ["eviction", { metadata: { name: "dry" } }],
    ] as const)
      expect((await admin.send("POST", `${IN}/pods/dry/${path}?${dry}`, body)).code).toBe(201);
    const evict = (deleteOptions: object) =>
      admin.send("POST", `${IN}/pods/dry/eviction`, { metadata: { name: "dry" }, deleteOptions });
    expect((await evict({ dryRun: ["All"] })).code).toBe(201);
    const unread = await evict({ ignoreStoreReadErrorWithClusterBreakingPotential: true });
    expect(unread.code).toBe(422);
    expect(unread.object.message).toContain("can not be set for pod eviction, try after removing the option");
    const pod = await admin.get(`${IN}/pods/dry`);
    expect([pod.code, (pod.object["spec"] as Held)["nodeName"]]).toEqual([200, undefined]);
    const token = await admin.send("POST", `${IN}/serviceaccounts/default/token?${dry}`, {});
    expect([token.code, (token.object["status"] as Held)["token"]]).toEqual([201, expect.any(String)]);
  });

  test("refuses what would be refused", async () => {
    await admin.send("POST", MAPS, { metadata: { name: "taken" } });
    expect(code(await admin.send("POST", `${MAPS}?${dry}`, { metadata: { name: "taken" } }))).toEqual([
      409,
      "AlreadyExists",
    ]);
    expect(code(await admin.send("DELETE", `${MAPS}/absent?${dry}`))).toEqual([404, "NotFound"]);
    expect(
      code(await admin.send("PUT", `${MAPS}/taken?${dry}`, { metadata: { name: "taken", resourceVersion: "1" } })),
    ).toEqual([409, "Conflict"]);
  });
});

describe("a pod that is bound", () => {
  const target = { kind: "Node", name: "n" };
  const pod = (name: string, more: object = {}) =>
    admin.send("POST", `${IN}/pods`, {
      metadata: { name },
      spec: { containers: [{ name: "c", image: "i" }], ...more },
    });
  const bind = (name: string, metadata: object = {}) =>
    admin.send("POST", `${IN}/pods/${name}/binding`, { metadata: { name, ...metadata }, target });

  test.each([
    [{ target: {} }, 500, "target.name: Required value"],
    [{ target: { name: "n" } }, 400, "Name parameter required."],
    [
      { metadata: { name: "x" }, target: { kind: "Pod" } },
      500,
      '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
    ],
    [{ metadata: { name: "nobody" }, target: { name: "n" } }, 404, 'pods "nobody" not found'],
  ])("is bound by the older path too, where %j is %i", async (binding, code, message) => {
    const answer = await admin.send("POST", `${IN}/bindings`, binding);
    expect([answer.code, answer.object.message]).toEqual([code, message]);
  });

  test("is the one that was meant, and not gated", async () => {
    await pod("bound");
    await pod("gated", { schedulingGates: [{ name: "example.com/g" }] });
    for (const meant of [{ uid: "u" }, { resourceVersion: "1" }])
      expect(code(await bind("bound", meant))).toEqual([409, "Conflict"]);
    const gated = (await bind("gated")).object.message;
    expect(gated).toMatch(/pods\/binding "gated": pod gated has non-empty .spec.schedulingGates$/);
    const seen = (await admin.get(`${IN}/pods/bound`)).object.metadata;
    const { uid, resourceVersion } = seen ?? {};
    expect((await bind("bound", { uid, resourceVersion, annotations: { a: "b" } })).code).toBe(201);
    const { object } = await admin.get(`${IN}/pods/bound`);
    expect(object).toMatchObject({ metadata: { annotations: { a: "b" } }, spec: { nodeName: "n" } });
  });
});

test.each([
  [`${IN}/replicationcontrollers`, "bytes"],
  ["/apis/resource.k8s.io/v1/deviceclasses", "bytes"],
  [MAPS, "characters"],
])("a name that is too long is told of in the words of %s: %s", async (path, unit) => {
  const { code: status, object } = await admin.send("POST", path, { metadata: { name: "a".repeat(254) } });
  expect([status, object["message"]]).toEqual([422, expect.stringContaining(`must be no more than 253 ${unit}`)]);
});

test("owners that are named twice are named once, with a warning", async () => {
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
  const metadata = { name: "owned", ownerReferences: [owner, owner] };
  const { object, headers } = await admin.send("POST", MAPS, { metadata });
  expect(object.metadata?.ownerReferences).toEqual([owner]);
  expect(headers["warning"]).toMatch(/ownerReferences contains duplicate entries; .*duplicate UID\(s\) observed: u"$/);
});

test.each([
  DEPLOYMENTS,
  DEPLOYMENTS.replace("deployments", "replicasets"),
  DEPLOYMENTS.replace("deployments", "statefulsets"),
  `${IN}/replicationcontrollers`,
])("the scale of %s is read, put and patched", async (path) => {
  const { metadata, spec } = deployment("scaled", { replicas: 1 }) as {
    readonly metadata: object;
    readonly spec: Held;
  };
  const selector = path.includes("controllers") ? { app: "scaled" } : spec["selector"];
  const made = await admin.send("POST", path, { metadata, spec: { ...spec, selector } });
  const at = `${path}/scaled`;
  const read = (await admin.get(`${at}/scale`)).object;
  expect(read).toMatchObject({
    ...{ kind: "Scale", apiVersion: "autoscaling/v1", spec: { replicas: 1 } },
    metadata: { name: "scaled", namespace: "writes", uid: made.object.metadata?.uid, resourceVersion: revision(made) },
    status: { replicas: 0, selector: "app=scaled" },
  });
  const put = await admin.send("PUT", `${at}/scale`, { ...read, spec: { replicas: 3 } });
  expect([put.code, put.object["spec"]]).toEqual([200, { replicas: 3 }]);
  expect(code(await admin.send("PUT", `${at}/scale`, { ...read, spec: { replicas: 5 } }))).toEqual([409, "Conflict"]);
  const patched = await admin.send("PATCH", `${at}/scale`, { spec: { replicas: 4 } });
  const { object } = await admin.get(at);
  expect([patched.object["spec"], (object["spec"] as Held)["replicas"]]).toEqual([{ replicas: 4 }, 4]);
  expect([generation(made), object.metadata?.generation]).toEqual([1, 3]);
});

test("a scale that is put is the one that the path names", async () => {
  await admin.send("POST", DEPLOYMENTS, deployment("named"));
  const scale = { apiVersion: "autoscaling/v1", kind: "Scale", spec: { replicas: 2 } };
  const put = (metadata: object) => admin.send("PUT", `${DEPLOYMENTS}/named/scale`, { ...scale, metadata });
  const messages = [await put({ name: "other" }), await put({ name: "named", namespace: "other" })];
  expect(messages.map(({ object }) => object.message)).toEqual([
    "the name of the object (other) does not match the name on the URL (named)",
    "the namespace of the provided object does not match the namespace sent on the request",
  ]);
});

test("a dry run may name a revision that creating may not", async () => {
  const body = { metadata: { name: "revised", resourceVersion: "1" } };
  expect((await admin.send("POST", `${MAPS}?dryRun=All`, body)).code).toBe(201);
  expect((await admin.send("POST", MAPS, body)).code).toBe(500);
});

describe("who may change but not create", () => {
  const LEASES = "/apis/coordination.k8s.io/v1/namespaces/writes/leases";
  const ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/writes";
  const APPLY = { "content-type": "application/apply-patch+yaml" };
  let editor: WireClient;
  beforeAll(async () => {
    const metadata = { name: "editor" };
    const rule = { apiGroups: ["*"], resources: ["*"], verbs: ["get", "update", "patch"] };
    const named = { ...rule, resources: ["leases"], resourceNames: ["mine"], verbs: ["create"] };
    await admin.send("POST", `${ROLES}/roles`, { metadata, rules: [rule, named] });
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "editor" };
    await admin.send("POST", `${ROLES}/rolebindings`, { metadata, roleRef, subjects: [{ kind: "User", name: "ed" }] });
    editor = await server.clientOf("ed");
    await vi.waitFor(async () => expect((await editor.get(`${MAPS}/none`)).code).toBe(404), { timeout: 15_000 });
  });

  const lease = (name: string): object => ({ metadata: { name }, spec: { holderIdentity: "ed" } });
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "applied" }, data: { a: "1" } };
  const puts = (name: string): Promise<Answer> => editor.send("PUT", `${LEASES}/${name}`, lease(name));
  const applies = (body: { readonly metadata: { readonly name: string } } = map): Promise<Answer> =>
    editor.send("PATCH", `${MAPS}/${body.metadata.name}?fieldManager=ed`, body, APPLY);
  const cannot = (resource: string, group: string): string =>
    `cannot create resource "${resource}" in API group "${group}" in the namespace "writes"`;

  test("creates nothing by a PUT or an apply either", async () => {
    const [put, applied] = [await puts("other"), await applies()];
    expect([code(put), code(applied)]).toEqual(Array(2).fill([403, "Forbidden"]));
    expect(put.object.message).toBe(
      `leases.coordination.k8s.io "other" is forbidden: User "ed" ${cannot("leases", "coordination.k8s.io")}`,
    );
    expect(applied.object.message).toContain(cannot("configmaps", ""));
    const custom = await editor.send("PATCH", `${WIDGETS}/none?fieldManager=ed`, widget("none"), APPLY);
    expect(code(custom)).toEqual([403, "Forbidden"]);
  });

  test("hears first what is wrong with the object", async () => {
    expect(code(await applies({ ...map, metadata: { name: "wrong_name" } }))).toEqual([422, "Invalid"]);
  });

  test("changes what is there, and creates what is named", async () => {
    expect((await puts("mine")).code).toBe(201);
    await admin.send("POST", MAPS, map);
    expect((await applies({ ...map, metadata: { name: "applied" } })).code).toBe(200);
  });
});
