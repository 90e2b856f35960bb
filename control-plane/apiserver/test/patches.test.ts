import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, type Held, startWireServer, type WireClient, type WireServer } from "./wire-server.ts";

const MAPS = "/api/v1/namespaces/patches/configmaps";
const DEPLOYMENTS = "/apis/apps/v1/namespaces/patches/deployments";
const SERVICES = "/api/v1/namespaces/patches/services";
const APPLY = { "content-type": "application/apply-patch+yaml" };
const STRATEGIC = { "content-type": "application/strategic-merge-patch+json" };
const JSON_PATCH = { "content-type": "application/json-patch+json" };

let server: WireServer;
let admin: WireClient;
beforeAll(async () => {
  server = await startWireServer();
  admin = server.admin;
  await admin.send("POST", "/api/v1/namespaces", { metadata: { name: "patches" } });
});
afterAll(() => server.close());

const deployment = (name: string, replicas?: number): object => ({
  ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name } },
  spec: {
    ...(replicas !== undefined && { replicas }),
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
});
const map = (name: string, data: object, metadata: object = {}): object => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, ...metadata },
  data,
});
const apply = (path: string, object: object, query = "fieldManager=m"): Promise<Answer> =>
  admin.send("PATCH", `${path}?${query}`, object, APPLY);
const inBytes = (text: string): string => Buffer.from(text).toString("latin1");
const problem = ({ code, object }: Answer): unknown => [code, object.reason, object.message];
const managers = ({ object }: Answer): unknown =>
  object.metadata?.managedFields?.map(({ manager, operation, subresource, fieldsV1 }) => [
    manager,
    operation,
    subresource,
    fieldsV1,
  ]);

test("a number in a patch of text is what is written, in one of maps what it is", async () => {
  await admin.send("POST", DEPLOYMENTS, deployment("numbers", 1));
  const path = `${DEPLOYMENTS}/numbers?dryRun=All`;
  const misfit =
    /: json: cannot unmarshal number 2e0 into Go struct field DeploymentSpec\.spec\.replicas of type int32$/;
  const operation = Buffer.from('[{"op":"add","path":"/spec/replicas","value":2e0}]');
  const refused = [
    await admin.send("PATCH", path, Buffer.from('{"spec":{"replicas":2e0}}')),
    await admin.send("PATCH", path, operation, JSON_PATCH),
  ];
  expect(refused.map(problem)).toEqual(Array(2).fill([422, "Invalid", expect.stringMatching(misfit)]));
  const taken = await admin.send("PATCH", path, Buffer.from('{"spec":{"replicas":2e0}}'), STRATEGIC);
  expect(taken.object["spec"]).toMatchObject({ replicas: 2 });
  expect(problem(await admin.send("PATCH", path, { spec: { replicas: "2" } }, STRATEGIC))).toEqual([
    422,
    "Invalid",
    ' "" is invalid: patch: Invalid value: "map[spec:map[replicas:2]]": unrecognized type: int32',
  ]);
  const overflow = await admin.send("PATCH", path, Buffer.from('{"spec":{"replicas":1e400}}'));
  expect(problem(overflow)).toEqual([
    400,
    "BadRequest",
    "error decoding patch: json: cannot unmarshal number 1e400 into Go value of type float64",
  ]);
});

test("a number past every float is a bad request, wherever it stands", async () => {
  for (const [path, field] of [
    ["/apis/apps/v1/namespaces/patches/controllerrevisions", '"data":{"a":1e400}'],
    ["/apis/apiextensions.k8s.io/v1/customresourcedefinitions", '"spec":{"preserveUnknownFields":1e400}'],
  ] as const)
    expect((await admin.send("POST", path, `{"metadata":{"name":"past"},${field}}`)).code).toBe(400);
});

test.each([
  ["", "invalid object type: /, Kind="],
  ["null", "invalid object type: /, Kind="],
  ["text", "error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into"],
  ["- 1", "error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into"],
])("what is applied is an object, not %j", async (body, message) => {
  const made = await admin.send("PATCH", `${MAPS}/no-object?fieldManager=m`, Buffer.from(body), APPLY);
  expect(problem(made)).toEqual([400, "BadRequest", expect.stringContaining(message)]);
});

test.each([
  ["made", { name: "" }, 400, "the name of the object (made-b based on URL) was undeterminable: name must be provided"],
  [
    "made",
    { finalizers: [null] },
    500,
    /\.metadata\.finalizers: element 0: associative list without keys has an element that's an explicit null$/,
  ],
  [
    "made",
    { ownerReferences: [{ apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "u", nope: 1 }] },
    500,
    /\.metadata\.ownerReferences\[uid="u"\]\.nope: field not declared in schema$/,
  ],
  ["new", { uid: "mine" }, 409, /configmaps "new-b": uid mismatch: the provided object specified uid mine/],
] as const)("metadata that is applied to what is %s: %j", async (state, metadata, code, message) => {
  if (state === "made") await admin.send("POST", MAPS, map("made-b", {}));
  const answer = await apply(`${MAPS}/${state}-b`, { apiVersion: "v1", kind: "ConfigMap", metadata });
  expect([answer.code, answer.object.message]).toEqual([
    code,
    typeof message === "string" ? message : expect.stringMatching(message),
  ]);
});

describe("an apply", () => {
  test("creates with 201 what is not there, and answers 200 afterwards, without a new revision for the same", async () => {
    const first = await apply(`${MAPS}/made`, map("made", { a: "1" }));
    const second = await apply(`${MAPS}/made`, map("made", { a: "1" }));
    expect([first.code, second.code]).toEqual([201, 200]);
    expect(second.object.metadata?.resourceVersion).toBe(first.object.metadata?.resourceVersion);
    expect(managers(first)).toEqual([["m", "Apply", undefined, { "f:data": { "f:a": {} } }]]);
  });

  test("tells of each conflict who has the field, and takes it with force", async () => {
    await apply(`${MAPS}/fought`, map("fought", { a: "1", b: "1" }));
    const lost = await apply(`${MAPS}/fought`, map("fought", { a: "2", b: "2" }), "fieldManager=other");
    expect(problem(lost)).toEqual([
      409,
      "Conflict",
      'Apply failed with 2 conflicts: conflicts with "m":\n- .data.a\n- .data.b',
    ]);
    expect(lost.object.details?.causes).toEqual([
      { reason: "FieldManagerConflict", message: 'conflict with "m"', field: ".data.a" },
      { reason: "FieldManagerConflict", message: 'conflict with "m"', field: ".data.b" },
    ]);
    const won = await apply(`${MAPS}/fought`, map("fought", { a: "2" }), "fieldManager=other&force=true");
    expect([won.code, won.object["data"]]).toEqual([200, { a: "2", b: "1" }]);
    expect(managers(won)).toEqual([
      ["m", "Apply", undefined, { "f:data": { "f:b": {} } }],
      ["other", "Apply", undefined, { "f:data": { "f:a": {} } }],
    ]);
  });

  test("that another manager updated in between conflicts with the update", async () => {
    await apply(`${MAPS}/updated`, map("updated", { a: "1" }));
    await admin.send("PATCH", `${MAPS}/updated?fieldManager=editor`, { data: { a: "2" } });
    const { code, object } = await apply(`${MAPS}/updated`, map("updated", { a: "3" }));
    expect([code, object.message]).toEqual([
      409,
      'Apply failed with 1 conflict: conflict with "editor" using v1: .data.a',
    ]);
  });

  test("of a scale is owned through the subresource", async () => {
    await apply(`${DEPLOYMENTS}/scaled`, deployment("scaled", 1));
    await admin.send("PATCH", `${DEPLOYMENTS}/scaled/scale?fieldManager=scaler`, { spec: { replicas: 3 } });
    const live = await admin.get(`${DEPLOYMENTS}/scaled`);
    expect(managers(live)).toContainEqual(["scaler", "Update", "scale", { "f:spec": { "f:replicas": {} } }]);
    const again = await apply(`${DEPLOYMENTS}/scaled`, deployment("scaled", 1));
    expect(problem(again)).toEqual([
      409,
      "Conflict",
      'Apply failed with 1 conflict: conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas',
    ]);
    expect((await apply(`${DEPLOYMENTS}/scaled`, deployment("scaled"))).object["spec"]).toMatchObject({ replicas: 3 });
    const scale = { apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "scaled" }, spec: { replicas: 5 } };
    const applied = await apply(`${DEPLOYMENTS}/scaled/scale`, scale, "fieldManager=applier&force=true");
    expect([applied.code, applied.object["spec"]]).toEqual([200, { replicas: 5 }]);
    expect(managers(await admin.get(`${DEPLOYMENTS}/scaled`))).toContainEqual([
      "applier",
      "Apply",
      "scale",
      { "f:spec": { "f:replicas": {} } },
    ]);
  });

  test("of a status is owned through the subresource", async () => {
    await apply(`${DEPLOYMENTS}/status`, deployment("status"));
    const status = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "status" }, status: { replicas: 2 } };
    const applied = await apply(`${DEPLOYMENTS}/status/status`, status, "fieldManager=observer");
    expect([applied.code, applied.object["status"]]).toEqual([200, { replicas: 2 }]);
    expect(managers(applied)).toContainEqual(["observer", "Apply", "status", { "f:status": { "f:replicas": {} } }]);
  });

  test("finds the port it means by its defaulted protocol", async () => {
    const service = (targetPort: number, protocol?: string): object => ({
      ...{ apiVersion: "v1", kind: "Service", metadata: { name: "ported" } },
      spec: { ports: [{ port: 80, targetPort, ...(protocol !== undefined && { protocol }) }] },
    });
    await apply(`${SERVICES}/ported`, service(8080));
    const { object } = await apply(`${SERVICES}/ported`, service(9090, "TCP"));
    expect((object["spec"] as Held)["ports"]).toEqual([{ port: 80, protocol: "TCP", targetPort: 9090 }]);
  });

  test("owns of a list each element by its key, of a set each value, of an atomic list the whole", async () => {
    const object = {
      ...{ apiVersion: "v1", kind: "Service" },
      metadata: { name: "owned", finalizers: ["example.com/a"], labels: { of: "owned" } },
      spec: { ports: [{ port: 80, name: "web" }], externalIPs: ["192.0.2.1"] },
    };
    const { object: made } = await apply(`${SERVICES}/owned`, object);
    expect(made.metadata?.managedFields).toEqual([
      {
        ...{ manager: "m", operation: "Apply", apiVersion: "v1", fieldsType: "FieldsV1" },
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
        fieldsV1: {
          "f:metadata": { "f:finalizers": { 'v:"example.com/a"': {} }, "f:labels": { "f:of": {} } },
          "f:spec": {
            "f:externalIPs": {},
            "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {} } },
          },
        },
      },
    ]);
    await admin.send("PATCH", `${SERVICES}/owned`, { metadata: { finalizers: null } });
  });

  test("may name the revision or the object that it means", async () => {
    const { object } = await apply(`${MAPS}/meant`, map("meant", { a: "1" }));
    const { resourceVersion } = object.metadata ?? {};
    await admin.send("PATCH", `${MAPS}/meant`, { data: { b: "1" } });
    const stale = await apply(`${MAPS}/meant`, map("meant", { a: "2" }, { resourceVersion }));
    expect(stale.object.reason).toBe("Conflict");
    const other = await apply(`${MAPS}/meant`, map("meant", { a: "2" }, { uid: "another" }));
    expect(problem(other)).toEqual([
      422,
      "Invalid",
      'ConfigMap "meant" is invalid: metadata.uid: Invalid value: "another": field is immutable',
    ]);
    const absent = await apply(`${MAPS}/nobody`, map("nobody", { a: "2" }, { uid: "another" }));
    expect(problem(absent)).toEqual([
      409,
      "Conflict",
      expect.stringContaining(
        "uid mismatch: the provided object specified uid another, and no existing object was found",
      ),
    ]);
    const gone = await apply(`${MAPS}/nobody`, map("nobody", { a: "2" }, { resourceVersion: "7" }));
    expect(problem(gone)).toEqual([201, undefined, undefined]);
  });

  test.each([
    ["kubectl/v1.37.2 (linux/amd64)", "kubectl"],
    ["curl (x)", "curl (x)"],
    ["x".repeat(200), "x".repeat(128)],
    [inBytes(`${"x".repeat(127)}éy`), "x".repeat(127)],
    [inBytes("a\tb\u00a0 é"), "ab é"],
    ["", "unknown"],
  ])(
    "conflicts with who else wrote, by the first word of a User-Agent that names no manager: %s",
    async (agent, name) => {
      const metadata = { generateName: "agent-" };
      const made = await admin.send("POST", MAPS, { metadata, data: { a: "1" } }, { "user-agent": agent });
      expect(managers(made)).toMatchObject([[name, "Update", undefined, { "f:data": { ".": {}, "f:a": {} } }]]);
      const own = made.object.metadata?.name ?? "";
      const { message } = (await apply(`${MAPS}/${own}`, map(own, { a: "2" }))).object;
      expect(message).toBe(`Apply failed with 1 conflict: conflict with ${JSON.stringify(name)} using v1: .data.a`);
    },
  );

  test.each([
    ["x".repeat(129), "Too long: may not be more than 128 bytes"],
    ["é".repeat(65), "Too long: may not be more than 128 bytes"],
    ["é\u00a0", 'Invalid value: "é\\u00a0": invalid character U+00A0 (at position 2)'],
  ])("refuses a manager's name, asked for or sent in an entry: %s", async (manager, why) => {
    const named = await admin.send("PATCH", `${MAPS}/any?fieldManager=${encodeURIComponent(manager)}`, {});
    expect(problem(named)).toMatchObject([422, "Invalid", expect.stringContaining(`fieldManager: ${why}`)]);
    const entry = { manager, operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1: { "f:a": {} } };
    const sent = await admin.send("POST", MAPS, { metadata: { name: "sent", managedFields: [entry] } });
    const message = `ConfigMap "sent" is invalid: metadata.managedFields[0].manager: ${why}`;
    expect(problem(sent)).toEqual([422, "Invalid", message]);
  });

  test.each([
    ["[]", 400, "metadata.managedFields must be nil"],
    ["[{}]", 400, "metadata.managedFields must be nil"],
    ['"x"', 500, expect.stringContaining(".metadata.managedFields: expected list, got &{x}")],
    ["null", 201, undefined],
    ["[null]", 200, undefined],
  ])("may not say who owns what: %s", async (entries, code, message) => {
    const metadata = `{"name":"unsaid","managedFields":${entries}}`;
    const body = `{"apiVersion":"v1","kind":"ConfigMap","metadata":${metadata},"data":{"a":"1"}}`;
    const answer = await admin.send("PATCH", `${MAPS}/unsaid?fieldManager=m`, body, {
      "content-type": "application/apply-patch+yaml",
    });
    expect([answer.code, answer.object["message"]]).toEqual([code, message]);
  });

  test("of null to managedFields forgets who owns what", async () => {
    await apply(`${MAPS}/forgotten`, map("forgotten", { a: "1" }));
    const reset = await admin.send("PATCH", `${MAPS}/forgotten`, { metadata: { managedFields: [{}] } });
    expect(reset.object.metadata?.managedFields).toBeUndefined();
    const again = await apply(`${MAPS}/forgotten`, map("forgotten", { a: "2" }));
    expect(problem(again)).toEqual([
      409,
      "Conflict",
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    ]);
  });
});

describe("a strategic merge patch", () => {
  const containers = async (name: string, patch: object): Promise<unknown> => {
    const { object } = await admin.send(
      "PATCH",
      `${DEPLOYMENTS}/${name}`,
      { spec: { template: { spec: patch } } },
      STRATEGIC,
    );
    const spec = ((object["spec"] as Held)["template"] as Held)["spec"] as {
      containers: readonly { name: string; image: string }[];
    };
    return spec.containers.map(({ name, image }) => `${name}=${image}`);
  };

  test("merges lists by their key, orders, deletes and replaces as its directives say", async () => {
    await admin.send("POST", DEPLOYMENTS, deployment("smp"));
    expect(await containers("smp", { containers: [{ name: "d", image: "j" }] })).toEqual(["d=j", "c=i"]);
    expect(
      await containers("smp", {
        "$setElementOrder/containers": [{ name: "c" }, { name: "d" }],
        containers: [{ name: "d", image: "k" }],
      }),
    ).toEqual(["c=i", "d=k"]);
    expect(await containers("smp", { containers: [{ name: "c", $patch: "delete" }] })).toEqual(["d=k"]);
    expect(await containers("smp", { containers: [{ $patch: "replace" }, { name: "e", image: "l" }] })).toEqual([
      "e=l",
    ]);
  });

  test("keeps of a union what it names", async () => {
    await admin.send("POST", DEPLOYMENTS, deployment("union"));
    const { object } = await admin.send(
      "PATCH",
      `${DEPLOYMENTS}/union`,
      { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } },
      STRATEGIC,
    );
    expect((object["spec"] as Held)["strategy"]).toEqual({ type: "Recreate" });
  });

  test("takes finalizers out of their list", async () => {
    await admin.send("POST", MAPS, { metadata: { name: "held", finalizers: ["a.example.com/x", "b.example.com/x"] } });
    const patch = { metadata: { "$deleteFromPrimitiveList/finalizers": ["a.example.com/x"] } };
    const { object } = await admin.send("PATCH", `${MAPS}/held`, patch, STRATEGIC);
    expect(object.metadata?.finalizers).toEqual(["b.example.com/x"]);
    await admin.send("PATCH", `${MAPS}/held`, { metadata: { finalizers: null } });
  });
});

describe("patches", () => {
  test("of many at once all come through, unless they name a revision", async () => {
    const made = await admin.send("POST", MAPS, map("crowded", {}));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => admin.send("PATCH", `${MAPS}/crowded`, { data: { [`k${i}`]: "v" } })),
    );
    expect(answers.map(({ code }) => code)).toEqual(Array.from({ length: 20 }, () => 200));
    const { object } = await admin.get(`${MAPS}/crowded`);
    expect(Object.keys(object["data"] as object)).toHaveLength(20);
    const stale = { metadata: { resourceVersion: made.object.metadata?.resourceVersion }, data: { late: "v" } };
    expect((await admin.send("PATCH", `${MAPS}/crowded`, stale)).object.reason).toBe("Conflict");
  });

  test("in JSON move, copy, test and remove, all or nothing", async () => {
    await admin.send("POST", MAPS, map("moved", { a: "1", b: "2" }));
    const operations = [
      { op: "test", path: "/data/a", value: "1" },
      { op: "move", from: "/data/a", path: "/data/c" },
      { op: "add", path: "/metadata/labels", value: { "example.com/x": "1" } },
      { op: "copy", from: "/metadata/labels/example.com~1x", path: "/data/d" },
      { op: "remove", path: "/data/b" },
    ];
    const { object } = await admin.send("PATCH", `${MAPS}/moved`, operations, JSON_PATCH);
    expect(object["data"]).toEqual({ c: "1", d: "1" });
    const failed = await admin.send(
      "PATCH",
      `${MAPS}/moved`,
      [{ op: "remove", path: "/data/c" }, ...operations],
      JSON_PATCH,
    );
    expect([failed.code, (await admin.get(`${MAPS}/moved`)).object["data"]]).toEqual([422, { c: "1", d: "1" }]);
    const many = Array.from({ length: 10_001 }, () => operations[0]);
    const long = await admin.send("PATCH", `${MAPS}/moved`, many, JSON_PATCH);
    expect([long.code, long.object.reason]).toEqual([413, "RequestEntityTooLarge"]);
  });
});

describe("a patched object", () => {
  const PATH = `${MAPS}/typed`;
  test.each([
    ["application/json-patch+json", [{ op: "remove", path: "/kind" }], 200],
    ["application/strategic-merge-patch+json", { apiVersion: "nope/v1", kind: "Nope" }, 200],
    ["application/merge-patch+json", { kind: "Nope" }, 422],
    ["application/merge-patch+json", { apiVersion: null }, 400],
  ])("keeps its type: %s %j", async (type, patch, code) => {
    await apply(PATH, map("typed", { a: "1" }));
    const answer = await admin.send("PATCH", PATH, patch, { "content-type": type });
    expect(answer.code).toBe(code);
    expect((await admin.get(PATH)).object).toMatchObject({ apiVersion: "v1", kind: "ConfigMap" });
  });

  test("by an apply of a number that its field has no bits for takes what Go's conversion leaves", async () => {
    const scaled = async (replicas: number): Promise<unknown> => {
      const answer = await apply(`${DEPLOYMENTS}/bits`, deployment("bits", replicas), "fieldManager=m");
      return [answer.code, answer.object.message ?? (answer.object["spec"] as { replicas: number }).replicas];
    };
    const why = expect.stringContaining("Kind=Deployment: cannot convert float64 to int32");
    expect(await scaled(1.5)).toEqual([500, why]);
    expect(await scaled(4294967297)).toEqual([201, 1]);
    expect(await scaled(1.5)).toEqual([500, why]);
    expect(await scaled(1e19)).toEqual([200, 0]);
  });

  test("of bytes is compared with what is stored of them", async () => {
    const bytes = (binaryData: object): object => ({ ...map("bytes", {}), data: undefined, binaryData });
    expect((await apply(`${MAPS}/bytes`, bytes({ a: "AB==", b: null }))).object["binaryData"]).toEqual({
      a: "AA==",
      b: "",
    });
    const again = await apply(`${MAPS}/bytes`, bytes({ a: "AB==", b: null }));
    expect([again.code, again.object["binaryData"]]).toEqual([200, { a: "AA==", b: "" }]);
    const { object } = await apply(`${MAPS}/bytes`, bytes({ a: "AB==" }), "fieldManager=n");
    expect(object["message"]).toBe('Apply failed with 1 conflict: conflict with "m": .binaryData.a');
  });

  test("by an apply whose text is no time, or no quantity, cannot be converted", async () => {
    const space = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "odd" } };
    const path = MAPS.replace("configmaps", "resourcequotas/odd");
    const why =
      /^failed to convert new object \(\/\w+; \/v1, Kind=\w+\) to proper version: .*(parsing time|quantities must)/;
    for (const answer of [
      await apply(`${MAPS}/odd`, map("odd", {}, { creationTimestamp: "nope" })),
      await apply(path, { ...space, spec: { hard: { pods: "nope" } } }),
    ])
      expect([answer.code, answer.object.message]).toEqual([500, expect.stringMatching(why)]);
  });

  test("is tracked anew once nobody is named as its manager", async () => {
    await apply(`${MAPS}/anew`, map("anew", { a: "1" }));
    const type = { "content-type": "application/merge-patch+json" };
    const { object } = await admin.send("PATCH", `${MAPS}/anew`, { metadata: { managedFields: [] } }, type);
    expect(object.metadata?.managedFields).toBeUndefined();
    await apply(`${MAPS}/put-anew`, map("put-anew", { a: "1" }));
    const emptied = { ...map("put-anew", { a: "1" }), metadata: { name: "put-anew", managedFields: [] } };
    expect((await admin.send("PUT", `${MAPS}/put-anew`, emptied)).object.metadata?.managedFields).toBeUndefined();
  });

  test("is of one generation more when a deployment's annotations change", async () => {
    const made = await apply(`${DEPLOYMENTS}/noted`, deployment("noted", 1));
    const noted = await admin.send("PATCH", `${DEPLOYMENTS}/noted`, { metadata: { annotations: { a: "b" } } });
    expect([made, noted].map(({ object }) => object.metadata?.generation)).toEqual([1, 2]);
  });

  test("need not be named by who applies to it, but must be of its type", async () => {
    await apply(`${MAPS}/unnamed`, map("unnamed", { a: "1" }));
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: {}, data: { b: "2" } };
    expect((await apply(`${MAPS}/unnamed`, object)).object).toMatchObject({ data: { b: "2" } });
    const { message } = (await apply(`${MAPS}/unnamed`, { ...object, apiVersion: "v2" })).object;
    expect(message).toBe("invalid object type: /v2, Kind=ConfigMap");
  });
});

test("an empty list of what is null then is owned by who sent it, however it came", async () => {
  const ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/patches/roles";
  const metadata = { name: "empty" };
  const MERGE = { "content-type": "application/merge-patch+json" };
  const steps = [
    ["POST", ROLES, "one", { metadata, rules: [] }, {}],
    ["PUT", `${ROLES}/empty`, "two", { metadata, rules: [] }, {}],
    ["PUT", `${ROLES}/empty`, "nobody", { metadata }, {}],
    ["PATCH", `${ROLES}/empty`, "three", { rules: [] }, MERGE],
    ["PATCH", `${ROLES}/empty`, "nobody", { rules: null }, MERGE],
    ["PATCH", `${ROLES}/empty`, "four", [{ op: "replace", path: "/rules", value: [] }], JSON_PATCH],
    ["PATCH", `${ROLES}/empty`, "five", { rules: [] }, STRATEGIC],
    ["PUT", `${ROLES}/empty`, "six", { metadata, rules: [] }, {}],
  ] as const;
  const owners: unknown[] = [];
  for (const [method, path, manager, body, headers] of steps) {
    const { object } = await admin.send(method, `${path}?fieldManager=${manager}`, body, headers);
    const { managedFields = [] } = object.metadata ?? {};
    owners.push([object["rules"], managedFields.map(({ manager, fieldsV1 }) => [manager, fieldsV1])]);
  }
  const of = (manager: string) => [null, [[manager, { "f:rules": {} }]]];
  expect(owners).toEqual([
    of("one"),
    of("two"),
    of("two"),
    of("three"),
    of("three"),
    of("four"),
    of("five"),
    of("six"),
  ]);
});
