import {
  decodeEnvelope,
  encodeJson,
  factsText,
  isProtobuf,
  kindOf,
  normalize,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import { expect, test } from "vitest";
import { indexOf } from "./cached-object.ts";
import { upstreamForm } from "./upstream-form.ts";

const UID = "8c3f4a52-0b1d-4c8e-9f00-2f6f0f6b6a01";
const text = factsText("defaults.json").replaceAll("<time>", "2025-01-01T00:00:00Z").replaceAll("<PEM>", "cGVt");
const recorded = (JSON.parse(text) as { objects: Record<string, { out?: Unstructured }> }).objects;

const objects = Object.entries(recorded).flatMap(([name, { out }]) => {
  const [apiVersion = "", resource = ""] = name.split(" ");
  const [group = "", version = ""] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  const kind = kindOf({ group, version, kind: out?.kind ?? "" });
  const schema = schemaOf({ group, version, kind: out?.kind ?? "" });
  if (out === undefined || schema === undefined || kind?.etcdKey === undefined) return [];
  if (kind.storageVersion !== apiVersion && kind.kind !== "CustomResourceDefinition") return [];
  const whole = { ...out, metadata: { ...out.metadata, uid: UID } };
  return [[name, resource, kind, encodeJson(normalize(whole, schema).object, schema)] as const];
});

test("there are recorded objects of most kinds", () => {
  expect(objects.length).toBeGreaterThan(60);
});

test.each(objects)(
  "%s is stored in upstream's encoding and read back as it was",
  async (_name, _resource, kind, json) => {
    const stored = await upstreamForm.write("/registry/x", json);
    expect(isProtobuf(stored)).toBe(kind.etcdEncoding === "proto");
    if (isProtobuf(stored)) expect(decodeEnvelope(stored).apiVersion).toBe(kind.storageVersion);
    const read = await upstreamForm.read("/registry/x", { value: stored, index: new Uint8Array(0) });
    expect(Buffer.from(read!.value).toString()).toBe(Buffer.from(json).toString());
    expect(read!.index).toEqual(indexOf(json, UID));
  },
);

const definition = (versions: readonly object[], rest: object = {}): Uint8Array => {
  const gvk = { group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition" };
  const schema = schemaOf(gvk)!;
  const object = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: gvk.kind,
    metadata: { name: "widgets.example.com", uid: UID },
    spec: {
      group: "example.com",
      names: { plural: "widgets", singular: "widget", kind: "Widget", listKind: "WidgetList" },
      scope: "Namespaced",
      versions,
      ...rest,
    },
    status: { conditions: null, acceptedNames: { plural: "", kind: "" }, storedVersions: ["v1"] },
  };
  return encodeJson(normalize(object, schema).object, schema);
};
const column = { name: "Size", type: "integer", jsonPath: ".spec.size" };
const schema = {
  openAPIV3Schema: { type: "object", properties: { spec: { type: "object", default: { size: 1.5 } } } },
};
const version = (name: string, more: object): object => ({ name, served: true, storage: name === "v1", ...more });
const webhook = { clientConfig: { url: "https://example.com/convert" }, conversionReviewVersions: ["v1"] };

test("what all versions of a definition share lies above them, as v1beta1 has it", async () => {
  const shared = { schema, additionalPrinterColumns: [column], subresources: { status: {} } };
  const json = definition([version("v1", shared), version("v1alpha1", shared)], {
    conversion: { strategy: "Webhook", webhook },
  });
  const stored = await upstreamForm.write("/registry/x", json);
  expect(JSON.parse(Buffer.from(stored).toString())).toMatchObject({
    apiVersion: "apiextensions.k8s.io/v1beta1",
    spec: {
      version: "v1",
      validation: schema,
      additionalPrinterColumns: [{ JSONPath: ".spec.size" }],
      subresources: { status: {} },
      versions: [
        { name: "v1", served: true, storage: true },
        { name: "v1alpha1", served: true, storage: false },
      ],
      conversion: { strategy: "Webhook", webhookClientConfig: { url: "https://example.com/convert" } },
      preserveUnknownFields: false,
    },
  });
  const read = await upstreamForm.read("/registry/x", { value: stored, index: new Uint8Array(0) });
  expect(Buffer.from(read!.value).toString()).toBe(Buffer.from(json).toString());
});

test("versions of a definition that differ keep their own", async () => {
  const other = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const json = definition([version("v1", { schema }), version("v1alpha1", { schema: other })], {
    conversion: { strategy: "None" },
  });
  const stored = await upstreamForm.write("/registry/x", json);
  expect(JSON.parse(Buffer.from(stored).toString()).spec.versions[1].schema).toEqual(other);
  const read = await upstreamForm.read("/registry/x", { value: stored, index: new Uint8Array(0) });
  expect(Buffer.from(read!.value).toString()).toBe(Buffer.from(json).toString());
});

test("a custom resource stays JSON; what is no object of the API is left alone", async () => {
  const custom = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a","uid":"${UID}"},"spec":{"big":9007199254740993}}`;
  const stored = await upstreamForm.write("/registry/example.com/widgets/a", Buffer.from(custom));
  expect(Buffer.from(stored).toString()).toBe(`${custom}\n`);
  const read = (value: Uint8Array) => upstreamForm.read("/registry/x", { value, index: new Uint8Array(0) });
  expect(Buffer.from((await read(stored))!.value).toString()).toBe(custom);
  expect(await read(Buffer.from("4711"))).toBeUndefined();
  const lease = `{"kind":"Endpoints","apiVersion":"v1","metadata":{"generation":1},"subsets":null}\n`;
  expect(await read(Buffer.from(lease))).toBeUndefined();
  expect(() => read(Buffer.from("{nonsense"))).toThrow(/Cannot read "\/registry\/x"/);
});

test("what was written without a uid, by a tool that knows etcd alone, has one by its key", async () => {
  const json = `{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a"}}`;
  const crd = (await upstreamForm.write("/registry/x", definition([version("v1", { schema })]))) as Uint8Array;
  const bare = Buffer.from(crd).toString().replace(`"uid":"${UID}",`, "").replace(`,"uid":"${UID}"`, "");
  for (const lies of [json, bare]) {
    const uidAt = async (key: string): Promise<string> => {
      const read = await upstreamForm.read(key, { value: Buffer.from(lies), index: new Uint8Array(0) });
      return (JSON.parse(Buffer.from(read!.value).toString()) as Unstructured).metadata!.uid!;
    };
    expect(await uidAt("/registry/a")).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(await uidAt("/registry/a")).toBe(await uidAt("/registry/a"));
    expect(await uidAt("/registry/a")).not.toBe(await uidAt("/registry/b"));
  }
  expect(
    await upstreamForm.read("/registry/a", { value: Buffer.from('{"a":1}'), index: new Uint8Array(0) }),
  ).toBeUndefined();
});

test("what lies in another version than it would be written in now is read in today's, and marked", async () => {
  const written = async (version: string) => {
    const json = `{"kind":"ClusterTrustBundle","apiVersion":"certificates.k8s.io/${version}","metadata":{"name":"a","uid":"${UID}"},"spec":{"trustBundle":"x"}}`;
    return upstreamForm.write("/registry/x", Buffer.from(json));
  };
  const read = async (version: string) =>
    upstreamForm.read("/registry/x", { value: await written(version), index: new Uint8Array(0) });
  const [today, another] = [await read("v1beta1"), await read("v1")];
  expect(Buffer.from(another!.value).equals(Buffer.from(today!.value))).toBe(true);
  expect([today?.isOutdated, another?.isOutdated]).toEqual([undefined, true]);
});
