import { expect, test } from "vitest";
import type { Json, Unstructured } from "../object.ts";
import { FieldManager, FieldSet } from "./index.ts";

/** Two versions of a kind: `spec.a` of v1 is `spec.b` of v2. */
const versions = {
  schema: () => undefined,
  resetFields: () => FieldSet.empty,
  convert: (object: Json, apiVersion: string): Json | undefined => {
    if (!apiVersion.startsWith("example.com/")) return undefined;
    const [from, to] = apiVersion === "example.com/v2" ? ["a", "b"] : ["b", "a"];
    const { spec, ...rest } = object as Record<string, Record<string, Json>>;
    const renamed = Object.entries(spec ?? {}).map(([key, value]) => [key === from ? to : key, value] as const);
    return { ...rest, apiVersion, spec: Object.fromEntries(renamed) } as unknown as Json;
  },
};

function speaking(version: string): FieldManager {
  const apiVersion = `example.com/${version}`;
  return new FieldManager({ apiVersion, kind: "Thing", subresource: "", versions, clock: { now: () => 0 } });
}

function thing(version: string, spec: object): Unstructured {
  return {
    apiVersion: `example.com/${version}`,
    kind: "Thing",
    metadata: { name: "t", uid: "u" },
    spec,
  } as Unstructured;
}

function converted(object: Unstructured, version: string): Unstructured {
  return versions.convert(object as Json, `example.com/${version}`) as Unstructured;
}

test("a manager that moves to another version keeps one entry and drops what it left out", () => {
  const first = speaking("v1").apply(undefined, thing("v1", { a: 1, c: 1 }), "m", false);
  const next = speaking("v2").apply(converted(first, "v2"), thing("v2", { b: 1 }), "m", false);
  expect(next["spec"]).toEqual({ b: 1 });
  expect(next.metadata?.managedFields).toHaveLength(1);
  expect(next.metadata?.managedFields?.[0]?.apiVersion).toBe("example.com/v2");
});

test("conflicts are found in the version that the owner spoke", () => {
  const first = speaking("v1").apply(undefined, thing("v1", { a: 1 }), "one", false);
  expect(() => speaking("v2").apply(converted(first, "v2"), thing("v2", { b: 2 }), "two", false)).toThrow(
    'Apply failed with 1 conflict: conflict with "one": .spec.a',
  );
});

test("what a manager of another version owns survives", () => {
  const first = speaking("v1").apply(undefined, thing("v1", { a: 1 }), "one", false);
  const shared = speaking("v2").apply(converted(first, "v2"), thing("v2", { b: 1, c: 1 }), "two", false);
  const left = speaking("v2").apply(shared, thing("v2", { c: 1 }), "two", false);
  expect(left["spec"]).toEqual({ b: 1, c: 1 });
});

test("entries of a version that is gone are dropped", () => {
  const entry = {
    manager: "old",
    operation: "Update",
    apiVersion: "gone.example.com/v0",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:spec": {} },
  };
  const live = thing("v1", { a: 1 });
  const tracked = { ...live, metadata: { ...live.metadata, managedFields: [entry] } };
  const next = speaking("v1").update(tracked, thing("v1", { a: 2 }), "m");
  expect(next.metadata?.managedFields?.map((one) => one.manager)).toEqual(["m"]);
});
