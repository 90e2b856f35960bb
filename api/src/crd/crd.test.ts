import { describe, expect, test } from "vitest";
import type { JSONSchemaProps } from "../../generated/types/apiextensions-v1.ts";
import { fieldErrorMessage } from "../status/field-error.ts";
import {
  applySchemaDefaults,
  cleanCustomResource,
  compileStructural,
  decodeCustomResource,
  prune,
  structuralErrors,
  validateStatus,
  validateValue,
} from "./index.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const props = (properties: unknown, more: object = {}) =>
  ({ type: "object", properties: { spec: { type: "object", properties, ...more } } }) as unknown as JSONSchemaProps;
const errorsOf = (schema: JSONSchemaProps, spec: unknown) =>
  validateValue({ spec }, compileStructural(schema)).map(fieldErrorMessage);
const structural = (schema: unknown) => structuralErrors(schema as JSONSchemaProps, "s").map(fieldErrorMessage);

describe("value validation", () => {
  test("wrong types are reported as upstream reports them", () => {
    const schema = props({ a: { type: "string" }, l: { type: "array", items: { type: "integer" } } });
    expect(errorsOf(schema, { a: 5, l: ["x"] })).toEqual([
      'spec.a: Invalid value: "integer": spec.a in body must be of type string: "integer"',
      'spec.l[0]: Invalid value: "string": spec.l[0] in body must be of type integer: "string"',
    ]);
  });

  test.each([
    [
      { a: { type: "string", enum: ["x", "y"] } },
      { a: "z" },
      'spec.a: Unsupported value: "z": supported values: "x", "y"',
    ],
    [
      { a: { type: "string", pattern: "^a" } },
      { a: "b" },
      `spec.a: Invalid value: "b": spec.a in body should match '^a'`,
    ],
    [
      { a: { type: "string", minLength: 2 } },
      { a: "é" },
      'spec.a: Invalid value: "é": spec.a in body should be at least 2 chars long',
    ],
    [{ a: { type: "string", maxLength: 1 } }, { a: "ab" }, "spec.a: Too long: may not be more than 1 bytes"],
    [
      { a: { type: "integer", minimum: 1 } },
      { a: 0 },
      "spec.a: Invalid value: 0: spec.a in body should be greater than or equal to 1",
    ],
    [
      { a: { type: "integer", maximum: 1, exclusiveMaximum: true } },
      { a: 1 },
      "spec.a: Invalid value: 1: spec.a in body should be less than 1",
    ],
    [
      { a: { type: "number", multipleOf: 0.5 } },
      { a: 1.2 },
      "spec.a: Invalid value: 1.2: spec.a in body should be a multiple of 0.5",
    ],
    [
      { a: { type: "number", multipleOf: 0.5 } },
      { a: 1 },
      "spec.a: Invalid value: 0: factor MultipleOf declared for spec.a must be positive: 0",
    ],
    [
      { a: { type: "number", maximum: 1_000_000 } },
      { a: 1000000.5 },
      "spec.a: Invalid value: 1.0000005e+06: spec.a in body should be less than or equal to 1e+06",
    ],
    [
      { a: { type: "number", maximum: 1.5 } },
      { a: 2 },
      "spec.a: Invalid value: 2: spec.a in body should be less than or equal to 1",
    ],
    [
      { a: { type: "array", maxItems: 1, items: { type: "string" } } },
      { a: ["", ""] },
      "spec.a: Too many: 2: must have at most 1 item",
    ],
    [
      { a: { type: "string", format: "date-time" } },
      { a: "x" },
      'spec.a: Invalid value: "x": spec.a in body must be of type date-time: "x"',
    ],
    [
      { a: { "x-kubernetes-int-or-string": true } },
      { a: true },
      'spec.a: Invalid value: "boolean": spec.a in body must be of type integer,string: "boolean"',
    ],
    [
      { a: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" } },
      { a: ["q", "q"] },
      'spec.a[1]: Duplicate value: "q"',
    ],
  ])("%j", (properties, spec, message) => {
    expect(errorsOf(props(properties), spec)).toEqual([message]);
  });

  test.each([
    [0.01, 0.07],
    [1.4, 4.2],
    [1.1, 3.3],
  ])("of %d %d is a multiple, as nearly as numbers are", (multipleOf, a) => {
    expect(errorsOf(props({ a: { type: "number", multipleOf } }), { a })).toEqual([]);
  });

  test("a missing required field is named", () => {
    const free = { "x-kubernetes-preserve-unknown-fields": true, required: ["b"] };
    expect(errorsOf(props({ a: { type: "string" } }, free), { a: "" })).toEqual(["spec.b: Required value"]);
    expect(errorsOf(props({ a: { type: "string" } }, { required: ["a"] }), {})).toEqual(["spec.a: Required value"]);
  });

  test("null passes only where it is allowed", () => {
    const schema = props({ a: { type: "string", nullable: true }, b: { type: "string" } });
    expect(errorsOf(schema, { a: null, b: null })).toEqual([
      'spec.b: Invalid value: "null": spec.b in body must be of type string: "null"',
    ]);
  });

  test("maps may require keys, allOf tells how much failed", () => {
    const labels = { type: "object", additionalProperties: { type: "string" }, required: ["app"] };
    expect(errorsOf(props({ labels }), { labels: {} })).toEqual(["spec.labels.app: Required value"]);
    const size = { type: "integer", allOf: [{ minimum: 1 }, { maximum: 5 }] };
    expect(errorsOf(props({ size }), { size: 9 })).toEqual([
      "spec.size: Invalid value: 9: spec.size in body should be less than or equal to 5",
      '<nil>: Invalid value: "": "spec.size" must validate all the schemas (allOf)',
    ]);
  });

  test("oneOf wants exactly one", () => {
    const schema = props(
      { a: { type: "string" }, b: { type: "string" } },
      { oneOf: [{ required: ["a"] }, { required: ["b"] }] },
    );
    expect(errorsOf(schema, { a: "" })).toEqual([]);
    expect(errorsOf(schema, { a: "", b: "" })[0]).toBe(
      '<nil>: Invalid value: "": "spec" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    );
  });
});

describe("value validation of an update", () => {
  const named = { type: "string", enum: ["good"] };
  const item = { type: "object", properties: { key: { type: "string" }, name: named } };
  const keyed = { type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["key"], items: item };
  const schema = props({
    name: named,
    within: { type: "object", properties: { name: named } },
    byName: { type: "object", additionalProperties: named },
    keyed,
    plain: { type: "array", items: named },
    set: { type: "array", "x-kubernetes-list-type": "set", items: { type: "string" } },
  });
  const fields = (old: unknown, spec: unknown) =>
    validateValue({ spec }, compileStructural(schema), { spec: old }).map(({ field }) => field);

  test("what was wrong before and did not change is not held against it", () => {
    const old = { name: "bad", within: { name: "bad" }, byName: { a: "bad" }, keyed: [{ key: "1", name: "bad" }] };
    expect(fields(old, { ...old, set: ["x"] })).toEqual([]);
    expect(fields(old, { ...old, keyed: [{ key: "0", name: "good" }, ...old.keyed] })).toEqual([]);
  });

  test("what changed is", () => {
    const old = { name: "bad", within: { name: "bad" }, keyed: [{ key: "1", name: "bad" }] };
    const spec = { name: "worse", within: {}, byName: { a: "bad" }, keyed: [{ key: "2", name: "bad" }] };
    expect(fields(old, spec)).toEqual(["spec.name", "spec.byName.a", "spec.keyed[0].name"]);
  });

  test("items of a list without keys correspond to none, the whole list to the one before", () => {
    expect(fields({ plain: ["bad"] }, { plain: ["bad"], name: "good" })).toEqual([]);
    expect(fields({ plain: ["bad"] }, { plain: ["bad", "good"] })).toEqual(["spec.plain[0]"]);
  });

  test("items of a map by keys correspond in any order, and so does the list", () => {
    const [a, b] = [
      { key: "a", name: "good" },
      { key: "b", name: "good" },
    ];
    const few = { ...keyed, maxItems: 1 };
    const long = props({ keyed: few });
    const errors = (spec: unknown) =>
      validateValue({ spec }, compileStructural(long), { spec: { keyed: [a, b] } }).map(({ field }) => field);
    expect(errors({ keyed: [b, a] })).toEqual([]);
    expect(errors({ keyed: [b, { ...a, name: "bad" }] })).toEqual(["spec.keyed", "spec.keyed[1].name"]);
  });

  test("members that the schema does not name make an object another each time", () => {
    const free = { type: "object", "x-kubernetes-preserve-unknown-fields": true, maxProperties: 1 };
    const spec = { free: { a: 1, b: 2 } };
    const errors = validateValue({ spec }, compileStructural(props({ free })), { spec });
    expect(errors.map(({ field }) => field)).toEqual(["spec.free"]);
  });

  test("its own apiVersion and kind are held against it, as nobody sees whether they changed", () => {
    const apiVersion = { type: "string", pattern: "^a/v1$" };
    const typed = compileStructural({ type: "object", properties: { apiVersion } } as unknown as JSONSchemaProps);
    const object = { apiVersion: "a/v2", kind: "A" };
    expect(validateValue(object, typed, object).map(({ field }) => field)).toEqual(["apiVersion"]);
  });

  test("of a change of the status, the status alone is looked at, as an object of its own", () => {
    const ofStatus = { type: "object", properties: { num: { type: "integer", maximum: 10 } }, minProperties: 1 };
    const whole = compileStructural({
      type: "object",
      required: ["spec", "other"],
      properties: { spec: { type: "object", properties: { num: { type: "integer", maximum: 10 } } }, status: ofStatus },
    } as unknown as JSONSchemaProps);
    const changed = (status: unknown, old: unknown) =>
      validateStatus({ spec: { num: 15 }, status }, whole, { spec: {}, status: old }).map(fieldErrorMessage);
    expect(changed({ num: 15 }, { num: 10 })).toEqual([
      "status.num: Invalid value: 15: num in body should be less than or equal to 10",
    ]);
    expect(changed({ num: 15 }, { num: 15 })).toEqual([]);
    expect(changed({}, { num: 15 })).toEqual(["status: Invalid value: 0:  in body should have at least 1 properties"]);
  });

  test("the metadata of an object within it is, changed or not", () => {
    const embedded = { type: "object", "x-kubernetes-embedded-resource": true };
    const inner = { kind: "A", apiVersion: "a/v1", metadata: { labels: { a: "x y" } } };
    const spec = { inner, more: [inner] };
    const within = compileStructural(props({ inner: embedded, more: { type: "array", items: embedded } }));
    expect(validateValue({ spec }, within, { spec }).map(({ field }) => field)).toEqual([
      "spec.inner.metadata.labels",
      "spec.more[0].metadata.labels",
    ]);
  });

  test("items twice in a set are refused unless there were some twice before", () => {
    expect(fields({ set: ["a"] }, { set: ["a", "a"] })).toEqual(["spec.set[1]"]);
    expect(fields({ set: ["a", "a"] }, { set: ["a", "a", "b", "b"] })).toEqual([]);
  });
});

describe("pruning and defaulting", () => {
  test("unknown fields go, but not below preserve-unknown-fields", () => {
    const schema = compileStructural(
      props({ a: { type: "string" }, free: { type: "object", "x-kubernetes-preserve-unknown-fields": true } }),
    );
    const { object, unknown } = prune({ spec: { a: "x", z: 1, free: { any: { q: 1 } } } }, schema);
    expect(object).toEqual({ spec: { a: "x", free: { any: { q: 1 } } } });
    expect(unknown).toEqual(["spec.z"]);
  });

  test("__proto__ is a name like any other", () => {
    const schema = compileStructural(props({ m: { type: "object", additionalProperties: { type: "string" } } }));
    const raw = new TextEncoder().encode(
      '{"metadata":{"name":"a"},"spec":{"__proto__":{"x":1},"m":{"__proto__":"y"}}}',
    );
    const { object, problems } = decodeCustomResource(raw, schema);
    expect(problems).toEqual(['unknown field "spec.__proto__"']);
    const m = (object["spec"] as { m: object }).m;
    expect(Object.keys(m)).toEqual(["__proto__"]);
  });

  test("defaults fill in what is absent or refused null, never sharing", () => {
    const schema = compileStructural(
      props({
        a: { type: "object", default: {}, properties: { b: { type: "integer", default: 3 } } },
        n: { type: "string" },
      }),
    );
    const first = applySchemaDefaults({ spec: { n: null } }, schema);
    expect(first).toEqual({ spec: { a: { b: 3 } } });
    expect(applySchemaDefaults({ spec: { a: null } }, schema)).toEqual({ spec: { a: { b: 3 } } });
    expect((first.spec as unknown as { a: object }).a).not.toBe(
      (applySchemaDefaults({ spec: {} }, schema).spec as { a?: object }).a,
    );
  });

  test("metadata is decoded by its type", () => {
    const schema = compileStructural(props({}));
    const { object, problems } = decodeCustomResource(
      bytes({ apiVersion: "a/v1", kind: "A", metadata: { name: "x", foo: 1, labels: { a: "b" } }, status: {} }),
      schema,
    );
    expect(object).toEqual({ apiVersion: "a/v1", kind: "A", metadata: { name: "x", labels: { a: "b" } } });
    expect(problems).toEqual(['unknown field "metadata.foo"', 'unknown field "status"']);
    expect(() => cleanCustomResource([], schema)).toThrow("cannot unmarshal array");
  });
});

describe("what may be of any type", () => {
  const within = {
    labels: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set" },
    deep: { type: "object", properties: { a: { type: "integer", default: 5 } } },
  };
  const any = { "x-kubernetes-preserve-unknown-fields": true };
  const schema = props({
    fixed: { ...any, properties: within, required: ["deep"] },
    keyed: { ...any, additionalProperties: within.deep },
  });

  test("has the properties of its schema where it is an object", () => {
    expect(errorsOf(schema, { fixed: { labels: [{ key: "k" }], other: 1 } })).toEqual([
      "spec.fixed.deep: Required value",
      'spec.fixed.labels[0]: Invalid value: "object": spec.fixed.labels[0] in body must be of type string: "object"',
    ]);
    expect(errorsOf(schema, { keyed: { k: { a: "x" } } })).toEqual([
      'spec.keyed.k.a: Invalid value: "string": spec.keyed.k.a in body must be of type integer: "string"',
    ]);
    expect(errorsOf(schema, { fixed: { deep: {}, labels: ["a", "a"] } })).toEqual([
      'spec.fixed.labels[1]: Duplicate value: "a"',
    ]);
  });

  test("may be anything else", () => {
    for (const value of ["text", 1, true, [{ labels: 1 }]])
      expect(errorsOf(schema, { fixed: value, keyed: value })).toEqual([]);
  });

  test("is pruned and gets defaults below its properties", () => {
    const spec = { fixed: { deep: { b: 1 }, other: { c: 1 } }, keyed: { k: { b: 1 } } };
    const { object, unknown } = prune({ spec }, compileStructural(schema));
    expect(unknown).toEqual(["spec.fixed.deep.b", "spec.keyed.k.b"]);
    expect(applySchemaDefaults(object, compileStructural(schema))).toEqual({
      spec: { fixed: { deep: { a: 5 }, other: { c: 1 } }, keyed: { k: { a: 5 } } },
    });
  });
});

describe("structural schemas", () => {
  test("types must be given", () => {
    expect(structural({ properties: { a: {} } })).toEqual([
      "s.properties[a].type: Required value: must not be empty for specified object fields",
      "s.type: Required value: must not be empty at the root",
    ]);
  });

  test("defaults must be valid", () => {
    expect(structural({ type: "object", properties: { a: { type: "string", default: 5 } } })).toEqual([
      's.properties[a].default: Invalid value: "integer":  in body must be of type string: "integer"',
    ]);
  });

  test("value validations say nothing about structure", () => {
    const schema = {
      type: "object",
      properties: { a: { type: "string" } },
      anyOf: [{ properties: { a: { type: "string" } } }],
    };
    expect(structural(schema)).toEqual(["s.anyOf[0].properties[a].type: Forbidden: must be empty to be structural"]);
  });

  test("int-or-string may be spelled with anyOf", () => {
    const port = { "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] };
    expect(structural({ type: "object", properties: { port } })).toEqual([]);
  });
});
