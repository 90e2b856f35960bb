import { expect, test } from "vitest";
import { factsTypeNames } from "./facts.ts";
import { allKinds, allResources, kindOf, resourceOf } from "./kinds.ts";
import type { ObjectSchema } from "./schema.ts";
import { schemaOf, schemaOfType } from "./schema-of.ts";

test("every type compiles, down to its last field", () => {
  for (const name of factsTypeNames()) {
    const schema = schemaOfType(name);
    if (schema.kind === "object")
      for (const field of schema.fields.values()) expect(field.schema.kind).toBeTypeOf("string");
  }
  expect(factsTypeNames().length).toBeGreaterThan(1000);
});

test("a kind knows where and how it is stored", () => {
  const kind = kindOf({ group: "", version: "v1", kind: "Node" });
  expect(kind).toMatchObject({
    etcdKey: "/registry/minions/{name}",
    etcdEncoding: "proto",
    listKind: "NodeList",
    protobuf: true,
  });
  expect(kindOf({ group: "meta.k8s.io", version: "v1", kind: "Table" })?.protobuf).toBe(false);
  expect(kindOf({ group: "nope", version: "v1", kind: "Node" })).toBeUndefined();
});

test("every resource names a kind", () => {
  for (const { group, version, kind } of allResources()) expect(kindOf({ group, version, kind })).toBeDefined();
  expect(allKinds().length).toBe(837);
  const pods = resourceOf({ group: "", version: "v1", resource: "pods" });
  expect(pods?.subresources.find((each) => each.name === "exec")?.verbs).toEqual(["create", "get"]);
});

test("fields carry defaults, merge keys and nesting", () => {
  const container = schemaOfType("core/v1.Container") as ObjectSchema;
  const ports = container.fields.get("ports");
  expect(ports?.schema).toMatchObject({ kind: "list", listType: "map", mapKeys: ["containerPort", "protocol"] });
  expect(ports?.patchMergeKey).toBe("containerPort");
  const volume = schemaOfType("core/v1.Volume") as ObjectSchema;
  expect(volume.fields.get("emptyDir")?.protobufPath).toEqual([2]);
  const pod = schemaOf({ group: "", version: "v1", kind: "Pod" });
  expect(pod?.fields.get("spec")?.schema.default).toEqual({});
  expect(pod?.fields.get("kind")?.protobuf).toBeUndefined();
});
