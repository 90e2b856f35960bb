import { describe, expect, test } from "vitest";
import defaults from "../../facts/defaults.json" with { type: "json" };
import type { Json, Unstructured } from "../object.ts";
import type { Schema } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { FieldManager, FieldSet } from "./index.ts";

const DEPLOYMENT = schemaOf({ group: "apps", version: "v1", kind: "Deployment" })!;
const CONFIG_MAP = schemaOf({ group: "", version: "v1", kind: "ConfigMap" })!;
const POD = schemaOf({ group: "", version: "v1", kind: "Pod" })!;
const SERVICE = schemaOf({ group: "", version: "v1", kind: "Service" })!;

function managerOf(
  apiVersion: string,
  kind: string,
  schema: Schema | undefined,
  options: { readonly reset?: FieldSet } = {},
) {
  const clock = { time: Date.UTC(2025, 0, 1), now: () => clock.time };
  const versions = {
    schema: () => schema,
    convert: () => undefined,
    resetFields: () => options.reset ?? FieldSet.empty,
  };
  const fields = new FieldManager({ apiVersion, kind, subresource: "", versions, clock });
  return { clock, fields };
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) Object.values(Object.freeze(value)).forEach(freeze);
  return value;
}

function configMap(data: Record<string, string> | undefined, meta: object = {}): Unstructured {
  return freeze({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "c", ...meta },
    ...(data === undefined ? {} : { data }),
  });
}

/** As storage would return it: with an identity. */
function stored(object: Unstructured): Unstructured {
  return freeze({ ...object, metadata: { ...object.metadata, uid: "u", resourceVersion: "1" } });
}

function owners(object: Unstructured): Record<string, unknown> {
  return Object.fromEntries(
    (object.metadata?.managedFields ?? []).map((entry) => [`${entry.manager}/${entry.operation}`, entry.fieldsV1]),
  );
}

describe("recorded answers", () => {
  const requests = defaults.requests as readonly {
    request: string;
    in?: unknown;
    out?: unknown;
    managedFields?: unknown[];
  }[];
  const applied = requests.find((one) => one.request === "PATCH apps/v1 deployments by apply (create)")!;
  const posted = requests.find((one) => one.request.endsWith("managedFields after a plain POST"))!;

  test("managedFields of a Deployment created by apply", () => {
    const { fields } = managerOf("apps/v1", "Deployment", DEPLOYMENT);
    const object = fields.apply(undefined, freeze(applied.in) as Unstructured, "m", false);
    expect(object.metadata?.managedFields).toEqual([
      { ...(applied.managedFields![0] as object), time: "2025-01-01T00:00:00Z" },
    ]);
  });

  test("managedFields of a Deployment created by POST", () => {
    const reset = FieldSet.of(["f:status"]);
    const { fields } = managerOf("apps/v1", "Deployment", DEPLOYMENT, { reset });
    const object = fields.update(undefined, freeze(applied.out) as Unstructured, "Python-urllib");
    expect(object.metadata?.managedFields).toEqual([
      { ...(posted.managedFields![0] as object), time: "2025-01-01T00:00:00Z" },
    ]);
  });
});

test("who creates what is always written, as null where it is absent, owns only what is in it", () => {
  const group = { apiVersion: "scheduling.k8s.io/v1alpha3", kind: "CompositePodGroup" };
  const reference = { workloadName: "w", templateName: "t" };
  const schema = schemaOf({ group: "scheduling.k8s.io", version: "v1alpha3", kind: group.kind });
  const { fields } = managerOf(group.apiVersion, group.kind, schema);
  const made = { ...group, metadata: { name: "x" }, spec: { workloadRef: reference } } as Unstructured;
  const owned = { "f:spec": { "f:workloadRef": { "f:templateName": {}, "f:workloadName": {} } } };
  expect(owners(fields.update(undefined, made, "m"))).toEqual({ "m/Update": owned });
});

test("who sends an empty list where there is null for it owns that, and takes it from whom had it", () => {
  const kind = { group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRole" };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const { fields } = managerOf(apiVersion, kind.kind, schemaOf(kind));
  const role = { apiVersion, kind: kind.kind, metadata: { name: "x" }, rules: null } as Unstructured;
  const made = fields.update(undefined, role, "one", [["rules"]]);
  expect([made["rules"], owners(made)]).toEqual([null, { "one/Update": { "f:rules": {} } }]);
  const live = stored(made);
  expect(owners(fields.update(live, live, "two", [["rules"]]))).toEqual({ "two/Update": { "f:rules": {} } });
  expect(owners(fields.update(live, live, "two"))).toEqual({ "one/Update": { "f:rules": {} } });
});

test("an empty struct that another manager owns stays, with what nobody owns in it", () => {
  const kind = { group: "flowcontrol.apiserver.k8s.io", version: "v1", kind: "PriorityLevelConfiguration" };
  const apiVersion = "flowcontrol.apiserver.k8s.io/v1";
  const { fields } = managerOf(apiVersion, kind.kind, schemaOf(kind));
  const level = (spec: object): Unstructured => ({ apiVersion, kind: kind.kind, metadata: { name: "x" }, spec });
  const limited = (limitResponse: object): object => ({ type: "Limited", limited: { limitResponse } });
  const made = stored(fields.apply(undefined, level(limited({ type: "Queue", queuing: {} })), "one", false));
  const defaulted = { ...made, spec: limited({ type: "Queue", queuing: { queues: 64 } }) } as Unstructured;
  const shared = stored(fields.apply(defaulted, level({ limited: { limitResponse: { queuing: {} } } }), "two", false));
  const left = fields.apply(shared, level({ type: "Limited" }), "one", false);
  expect(left["spec"]).toEqual(limited({ queuing: { queues: 64 } }));
});

test("bytes that are always written are null where they are absent, which nobody owns", () => {
  const kind = { group: "certificates.k8s.io", version: "v1", kind: "PodCertificateRequest" };
  const { fields } = managerOf("certificates.k8s.io/v1", kind.kind, schemaOf(kind));
  const spec = { podName: "p", stubPKCS10Request: null };
  const made = { apiVersion: "certificates.k8s.io/v1", kind: kind.kind, metadata: { name: "x" }, spec } as Unstructured;
  expect(owners(fields.update(undefined, made, "m"))).toEqual({ "m/Update": { "f:spec": { "f:podName": {} } } });
});

describe("apply", () => {
  test("a conflict names the field and its manager", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.apply(undefined, configMap({ k: "1" }), "m1", false));
    expect(() => fields.apply(live, configMap({ k: "2" }), "m2", false)).toThrow(
      expect.objectContaining({
        message: 'Apply failed with 1 conflict: conflict with "m1": .data.k',
        status: expect.objectContaining({
          reason: "Conflict",
          code: 409,
          details: { causes: [{ reason: "FieldManagerConflict", message: 'conflict with "m1"', field: ".data.k" }] },
        }),
      }),
    );
  });

  test("force takes the field away from its manager", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.apply(undefined, configMap({ k: "1", l: "1" }), "m1", false));
    const forced = fields.apply(live, configMap({ k: "2" }), "m2", true);
    expect(forced).toMatchObject({ data: { k: "2", l: "1" } });
    expect(owners(forced)).toEqual({
      "m1/Apply": { "f:data": { "f:l": {} } },
      "m2/Apply": { "f:data": { "f:k": {} } },
    });
  });

  test("what a manager leaves out goes, unless another one owns it too", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    let live = stored(fields.apply(undefined, configMap({ a: "1", b: "1" }), "m1", false));
    live = stored(fields.apply(live, configMap({ b: "1" }), "m2", false));
    const next = fields.apply(live, configMap(undefined), "m1", false);
    expect(next).toMatchObject({ data: { b: "1" } });
    expect((next as { data?: object }).data).toEqual({ b: "1" });
    expect(owners(next)).toEqual({ "m2/Apply": { "f:data": { "f:b": {} } } });
  });

  test("what nobody owns stays: defaults and untracked fields", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(configMap({ old: "1" }));
    const next = fields.apply(live, configMap({ a: "1" }), "m", false);
    expect((next as { data?: object }).data).toEqual({ old: "1", a: "1" });
    expect(owners(next)).toEqual({
      "before-first-apply/Update": { "f:data": { ".": {}, "f:old": {} } },
      "m/Apply": { "f:data": { "f:a": {} } },
    });
  });

  test("the same configuration again changes nothing, not even the time", () => {
    const { fields, clock } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.apply(undefined, configMap({ a: "1" }), "m", false));
    clock.time += 60_000;
    expect(fields.apply(live, configMap({ a: "1" }), "m", false)).toEqual(live);
  });

  test("ports are one list element per port and protocol, which defaults to TCP", () => {
    const { fields } = managerOf("v1", "Service", SERVICE);
    const service = (ports: Json): Unstructured =>
      freeze({ apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec: { ports } }) as Unstructured;
    const live = stored(fields.apply(undefined, service([{ port: 80, name: "a" }]), "m1", false));
    const next = fields.apply(live, service([{ port: 80, protocol: "UDP", name: "b" }]), "m2", false);
    expect((next as { spec?: object }).spec).toEqual({
      ports: [
        { port: 80, name: "a" },
        { port: 80, protocol: "UDP", name: "b" },
      ],
    });
    expect(owners(next)["m1/Apply"]).toEqual({
      "f:spec": { "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {} } } },
    });
    expect(() =>
      fields.apply(
        live,
        service([
          { port: 80, name: "a" },
          { port: 80, name: "b" },
        ]),
        "m",
        false,
      ),
    ).toThrow(
      'failed to create typed patch object (/s; /v1, Kind=Service): .spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
    );
  });

  test.each([
    [{ metadata: { name: "c" } }, 400, "invalid object type: /, Kind="],
    [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", managedFields: [{ manager: "z" }] } },
      400,
      "metadata.managedFields must be nil",
    ],
    [
      { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "ap" }, foo: 1 },
      500,
      "failed to create typed patch object (/ap; /v1, Kind=ConfigMap): .foo: field not declared in schema",
    ],
  ])("refuses %j", (patch, httpCode, message) => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    expect(() => fields.apply(undefined, patch as Unstructured, "m", false)).toThrow(
      expect.objectContaining({ httpCode, message }),
    );
  });

  test("kubectl takes over what its client-side apply set, without force", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const annotation = "kubectl.kubernetes.io/last-applied-configuration";
    const lastApplied = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1"}}';
    const created = fields.update(
      undefined,
      configMap({ a: "1" }, { annotations: { [annotation]: lastApplied } }),
      "kubectl-client-side-apply",
    );
    const next = fields.apply(stored(created), configMap({ a: "2" }), "kubectl", false);
    expect((next as { data?: object }).data).toEqual({ a: "2" });
    expect(next.metadata?.annotations?.[annotation]).toContain('"a":"2"');
    expect(() => fields.apply(stored(created), configMap({ a: "2" }), "flux", false)).toThrow(
      'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.a',
    );
  });

  test.each([
    ["somebody has changed since", "v1", "3"],
    ["another version has", "v0", "1"],
  ])("and not what %s", (_what, apiVersion, value) => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const annotation = "kubectl.kubernetes.io/last-applied-configuration";
    const lastApplied = `{"apiVersion":"${apiVersion}","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"1"}}`;
    const created = fields.update(
      undefined,
      configMap({ a: value }, { annotations: { [annotation]: lastApplied } }),
      "edit",
    );
    expect(() => fields.apply(stored(created), configMap({ a: "2" }), "kubectl", false)).toThrow(
      'Apply failed with 1 conflict: conflict with "edit" using v1: .data.a',
    );
  });
});

describe("update", () => {
  test("takes changed fields from appliers and leaves the rest", () => {
    const { fields, clock } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.apply(undefined, configMap({ a: "1", b: "1" }), "m", false));
    clock.time += 1000;
    const next = fields.update(live, freeze({ ...live, data: { a: "2", b: "1" } }) as Unstructured, "edit");
    expect(owners(next)).toEqual({
      "m/Apply": { "f:data": { "f:b": {} } },
      "edit/Update": { "f:data": { "f:a": {} } },
    });
    expect(next.metadata?.managedFields?.map((entry) => entry.time)).toEqual([
      "2025-01-01T00:00:00Z",
      "2025-01-01T00:00:01Z",
    ]);
  });

  test("items of one key are owned as a whole by who made them several, and stay unless who applies takes them", () => {
    const { fields } = managerOf("v1", "Pod", POD);
    const pod = (...env: Json[]): Unstructured =>
      freeze({
        apiVersion: "v1",
        kind: "Pod",
        metadata: { name: "p" },
        spec: { containers: [{ name: "c", env }] },
      }) as Unstructured;
    const [one, other, b] = [
      { name: "A", value: "1" },
      { name: "A", value: "3" },
      { name: "B", value: "1" },
    ];
    const applied = fields.apply(undefined, pod(one), "u", false);
    const put = fields.update(
      stored(applied),
      { ...stored(applied), ...{ spec: pod(one, other)["spec" as never] } } as Unstructured,
      "put",
    );
    const env = (entry: unknown) => ({
      "f:spec": { "f:containers": { 'k:{"name":"c"}': { ".": {}, "f:name": {}, ...(entry as object) } } },
    });
    expect(owners(put)).toEqual({
      "u/Apply": env({}),
      "put/Update": { "f:spec": { "f:containers": { 'k:{"name":"c"}': { "f:env": { 'k:{"name":"A"}': {} } } } } },
    });
    const next = { name: "A", value: "9" };
    expect(() => fields.apply(stored(put), pod(next), "u", false)).toThrow(/1 conflict: conflict with "put" using v1/);
    const forced = fields.apply(stored(put), pod(next), "u", true) as { spec?: unknown };
    expect(forced.spec).toEqual(pod(next)["spec" as never]);
    const more = fields.apply(stored(put), pod(b), "v", false) as { spec?: unknown };
    expect(more.spec).toEqual(pod(one, other, b)["spec" as never]);
    const back = fields.update(
      stored(put),
      { ...stored(put), ...{ spec: pod(other)["spec" as never] } } as Unstructured,
      "edit",
    );
    expect(Object.keys(owners(back))).toEqual(["u/Apply", "edit/Update"]);
  });

  test("removed fields are owned by nobody", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.apply(undefined, configMap({ a: "1" }), "m", false));
    const { data: _gone, ...rest } = live as Unstructured & { data?: unknown };
    expect(fields.update(live, rest, "edit").metadata?.managedFields).toBeUndefined();
  });

  test.each([[[]], [[{}]]])("%j clears, and what was cleared stays untracked", (managedFields) => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.update(undefined, configMap({ a: "1" }), "m"));
    const cleared = fields.update(live, { ...live, metadata: { ...live.metadata, managedFields } }, "m");
    expect(cleared.metadata?.managedFields).toBeUndefined();
    expect(
      fields.update(cleared, { ...cleared, data: { a: "2" } } as Unstructured, "m").metadata?.managedFields,
    ).toBeUndefined();
  });

  test.each([
    [{ "f:data": { "f:a": {} } }, true],
    [{ "y:": 1, "f:data": { ".": 1, 'k:{"a":1}': {}, "v:1": {}, "i:0": {} } }, true],
    [{ x: {} }, false],
    [{ "": {} }, false],
    [{ "f:data": { "f:a": null } }, true],
    [{ "k:null": {}, "i:-9223372036854775808": {} }, true],
    [{ "i:9223372036854775808": {} }, false],
    [{ "f:data": 1 }, false],
    [{ "f:data": { "f:a": [] } }, false],
    [{ "k:{": {} }, false],
    [{ "k:1": {} }, false],
    [{ "v:": {} }, false],
    [{ "i:x": {} }, false],
    ["x", false],
    [[], false],
  ])("managedFields that a client sends count if their fields can be read: %j", (fieldsV1, isRead) => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.update(undefined, configMap({ a: "1" }), "m"));
    const sent = { manager: "sent", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1 };
    const next = { ...live, metadata: { ...live.metadata, managedFields: [sent] } } as Unstructured;
    expect(Object.keys(owners(fields.update(live, next, "m")))).toEqual([isRead ? "sent/Update" : "m/Update"]);
  });

  test.each([
    [{ "f:data": null }, { "f:data": {} }],
    [{ "f:data": { ".": { "f:a": {} } } }, { "f:data": {} }],
    [{ "f:data": { ".": null, "f:a": {} } }, { "f:data": { ".": {}, "f:a": {} } }],
    [
      { "f:b": {}, "f:a": {} },
      { "f:a": {}, "f:b": {} },
    ],
    [{ 'k:{"b": 1.0,"a":2} ': {} }, { 'k:{"a":2,"b":1}': {} }],
    [
      { "v: 1e2": {}, "i:+01": {} },
      { "i:1": {}, "v:100": {} },
    ],
  ])("fields that a client sends are written in one form: %j", (fieldsV1, written) => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.update(undefined, configMap({ a: "1" }), "m"));
    const sent = { manager: "sent", operation: "Update", apiVersion: "v1", fieldsType: "FieldsV1", fieldsV1 };
    const next = { ...live, metadata: { ...live.metadata, managedFields: [sent] } } as Unstructured;
    expect(JSON.stringify(fields.update(live, next, "m").metadata?.managedFields?.[0]?.fieldsV1)).toBe(
      JSON.stringify(written),
    );
  });

  test("a client that names a version which cannot be one leaves who owns what as it is", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.update(undefined, configMap({ a: "1" }), "m"));
    const sent = { manager: "sent", operation: "Update", apiVersion: "a/b/c", fieldsType: "FieldsV1", fieldsV1: {} };
    const next = { ...live, data: { a: "2" }, metadata: { ...live.metadata, managedFields: [sent] } } as Unstructured;
    expect(fields.update(live, next, "n").metadata?.managedFields).toEqual(live.metadata?.managedFields);
  });

  test("a client that sends no managedFields does not lose them", () => {
    const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    const live = stored(fields.update(undefined, configMap({ a: "1" }), "m"));
    const { managedFields, ...metadata } = live.metadata!;
    expect(fields.update(live, { ...live, metadata }, "m").metadata?.managedFields).toEqual(managedFields);
  });

  test("more than ten updaters become ancient-changes, oldest first", () => {
    const { fields, clock } = managerOf("v1", "ConfigMap", CONFIG_MAP);
    let live = stored(fields.update(undefined, configMap({ k0: "1" }), "m0"));
    for (let index = 1; index < 13; index++) {
      clock.time += 1000;
      const data = { ...(live as { data?: object }).data, [`k${index}`]: "1" };
      live = stored(fields.update(live, { ...live, data } as Unstructured, `m${index}`));
    }
    expect(live.metadata?.managedFields?.map((entry) => entry.manager)).toEqual([
      "ancient-changes",
      ...Array.from({ length: 9 }, (_, index) => `m${index + 4}`),
    ]);
    expect(owners(live)["ancient-changes/Update"]).toEqual({
      "f:data": { ".": {}, "f:k0": {}, "f:k1": {}, "f:k2": {}, "f:k3": {} },
    });
  });

  test("fields that the endpoint resets are never owned", () => {
    const { fields } = managerOf("apps/v1", "Deployment", DEPLOYMENT, { reset: FieldSet.of(["f:status"]) });
    const next = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d" },
      spec: { replicas: 1 },
      status: { replicas: 1 },
    };
    expect(owners(fields.update(undefined, next as Unstructured, "m"))["m/Update"]).toEqual({
      "f:spec": { "f:replicas": {} },
    });
  });
});

test("an entry that a write does not touch keeps its very object", () => {
  const { fields } = managerOf("v1", "ConfigMap", CONFIG_MAP);
  const live = stored(fields.apply(undefined, configMap({ a: "1" }), "m", false));
  const next = fields.update(live, freeze({ ...live, data: { a: "1", b: "2" } }) as Unstructured, "edit");
  expect(next.metadata?.managedFields?.[0]?.fieldsV1).toBe(live.metadata?.managedFields?.[0]?.fieldsV1);
});

test("who replaces an untyped object by a value owns that value alone", () => {
  const { fields } = managerOf("example.com/v1", "Free", undefined);
  const free = (any: Json): Unstructured =>
    ({ apiVersion: "example.com/v1", kind: "Free", metadata: { name: "x" }, spec: { any } }) as unknown as Unstructured;
  const made = stored(fields.update(undefined, free({ thing: 1 }), "m"));
  for (const value of [null, "", 1, []]) {
    const next = fields.update(made, free(value), "m");
    expect(owners(next)).toEqual({ "m/Update": { "f:spec": { ".": {}, "f:any": {} } } });
  }
});
