import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  allKinds,
  DecodeError,
  decodeEnvelope,
  decodeJson,
  decodeMessage,
  decodeProtobuf,
  decodeUnstructured,
  decodeWatchFrame,
  decodeYamlUnstructured,
  encodeJson,
  encodeMessage,
  encodeMessageOfJson,
  encodeProtobuf,
  encodeUnstructured,
  encodeWatchFrame,
  type Json,
  jsonMemberAt,
  jsonMemberTexts,
  jsonScalarAt,
  jsonStringsAt,
  mergePatch,
  normalize,
  normalizeChanged,
  type ObjectSchema,
  schemaOfType,
} from "../src/index.ts";
import { objectOf } from "./arbitrary.ts";

const typeNames = [...new Set(allKinds().map((kind) => kind.typeName))].sort();
/** Kinds without a protobuf form, or whose form is not that of a message of their own. */
const JSON_ONLY = new Set(["meta/v1.Table", "runtime.Unknown", "meta/v1.WatchEvent", "meta/v1.InternalEvent"]);
/** Kinds with fields whose JSON is not that of their message. */
const TAKES_DECODING = /TokenRe|AccessReview|CertificateSigningRequest|APIResourceList|CustomResourceDefinition/;
/** Kinds that tell an empty list from none until they are validated, which refuses the empty one. */
const REFUSES_EMPTY = /v2.HorizontalPodAutoscaler$|v1.CustomResourceDefinition$/;
const RUNS = { numRuns: 20, seed: 20251124 };

describe("every kind survives its encodings", () => {
  test.each(typeNames)("%s", (typeName) => {
    const schema = schemaOfType(typeName) as ObjectSchema;
    fc.assert(
      fc.property(objectOf(schema), (sparse) => {
        const normal = decodeJson<Record<string, unknown>>(encodeJson(sparse, schema), schema);
        expect(normal.problems).toEqual([]);
        const again = decodeJson(encodeJson(normal.object, schema), schema).object;
        expect(again).toEqual(normal.object);
        const bytes = encodeJson(normal.object, schema);
        const known = jsonMemberTexts(bytes, 0, new Set(Object.keys(normal.object)));
        if (known !== undefined) expect(encodeJson(normal.object, schema, { known })).toEqual(bytes);
        if (JSON_ONLY.has(typeName)) return;
        const { kind, apiVersion, ...rest } = normal.object;
        const message = encodeMessage(rest, schema);
        expect(encodeMessage(sparse, schema)).toEqual(message);
        const written = encodeMessageOfJson(encodeJson(rest, schema), schema);
        if (written !== undefined || !TAKES_DECODING.test(typeName)) expect(written).toEqual(message);
        const decoded = decodeMessage<Record<string, unknown>>(message, schema);
        expect(encodeMessage(decoded, schema)).toEqual(message);
        if (!REFUSES_EMPTY.test(typeName)) expect(withoutTypeMeta(decoded)).toEqual(withoutTypeMeta(rest));
      }),
      RUNS,
    );
  });
});

describe("a change brought into form", () => {
  test.each(["core/v1.Pod", "apps/v1.Deployment", "core/v1.Service"])("is that of the whole: %s", (typeName) => {
    const schema = schemaOfType(typeName) as ObjectSchema;
    fc.assert(
      fc.property(objectOf(schema), objectOf(schema), (sparse, patch) => {
        const { object } = decodeJson<Json>(encodeJson(sparse, schema), schema);
        const value = mergePatch(object, patch as Json);
        expect(normalizeChanged(value, schema, object)).toEqual(normalize(value, schema));
      }),
      { numRuns: 200, seed: 20251128 },
    );
  });

  test("is told of as that of the whole", () => {
    const schema = schemaOfType("core/v1.Pod") as ObjectSchema;
    const { object } = decodeJson<Json>(new TextEncoder().encode('{"spec":{"containers":[{"name":"a"}]}}'), schema);
    const unknown = mergePatch(object, { spec: { nope: 1 } });
    expect(normalizeChanged(unknown, schema, object).problems).toEqual(['unknown field "spec.nope"']);
    const wrong = mergePatch(object, { spec: { nodeName: 1 } });
    expect(() => normalizeChanged(wrong, schema, object)).toThrow("PodSpec.spec.nodeName of type string");
  });
});

describe("members are found without decoding", () => {
  const schema = schemaOfType("core/v1.Pod") as ObjectSchema;
  const PATHS = ["spec.nodeName", "spec.hostNetwork", "status.phase", "spec.priority", "metadata.name", "metadata.uid"];
  test("they are what decoding finds", () => {
    fc.assert(
      fc.property(objectOf(schema), (sparse) => {
        const json = encodeJson(sparse, schema);
        const { object } = decodeJson<Tree>(json, schema);
        for (const path of PATHS) {
          const at = jsonMemberAt(json, 0, path.split("."));
          const decoded = path.split(".").reduce<unknown>((value, part) => (value as Tree | undefined)?.[part], object);
          if (at === -1) expect(decoded).toBeUndefined();
          else expect([undefined, String(decoded)]).toContain(jsonScalarAt(json, at!));
        }
        const labels = jsonMemberAt(json, 0, ["metadata", "labels"]);
        const decoded = (object["metadata"] as Tree)["labels"];
        if (labels === -1) expect(decoded).toBeUndefined();
        else expect([JSON.stringify(decoded), undefined]).toContain(JSON.stringify(jsonStringsAt(json, labels!)));
      }),
      { numRuns: 300, seed: 20251128 },
    );
  });

  test.each([
    ['{"a":"x\\"y","b":"z"}', "z"],
    [`{"a":"${"x".repeat(100)}\\\\","b":"z"}`, "z"],
    [`{"a":"${'\\"'.repeat(100)}","b":-1.5}`, "-1.5"],
    ['{"a":[{"b":"no"},"]"],"b":null}', ""],
    ['{"a":{"b":"no"},"b":"\u00fc"}', undefined],
    ['{"a":1}', -1],
  ])("of %s", (text, wanted) => {
    const json = new TextEncoder().encode(text);
    const at = jsonMemberAt(json, 0, ["b"]);
    expect(at === -1 ? at : jsonScalarAt(json, at!)).toBe(wanted);
  });

  test("other JSON than the encoder's is left to decoding", () => {
    const json = new TextEncoder().encode('{ "a": 1 }');
    expect(jsonMemberAt(json, 0, ["a"])).toBeUndefined();
  });
});

type Tree = Readonly<Record<string, unknown>>;

describe("no bytes crash a decoder", () => {
  const pod = schemaOfType("core/v1.Pod") as ObjectSchema;
  const valid = encodeProtobuf(
    {
      metadata: { name: "a", labels: { a: "b" } },
      spec: { containers: [{ name: "c", ports: [{ containerPort: 1 }] }] },
    },
    pod,
    { apiVersion: "v1", kind: "Pod" },
  );
  const text = new TextEncoder().encode(
    '{"metadata":{"name":"a","labels":{"a":"\\u00e9"}},"spec":{"containers":[{"name":"c"}]}}',
  );
  const attempts: readonly [string, (bytes: Uint8Array) => void][] = [
    ["JSON", (bytes) => void decodeJson(bytes, pod)],
    ["any JSON", (bytes) => void decodeUnstructured(bytes)],
    ["YAML", (bytes) => void decodeYamlUnstructured(bytes)],
    ["protobuf", (bytes) => void decodeProtobuf(decodeEnvelope(bytes), pod)],
    ["message", (bytes) => void decodeMessage(bytes, pod)],
    ["watch frame", (bytes) => void decodeWatchFrame(bytes)],
  ];

  test.each(attempts)("%s", (_name, decode) => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      damaged(valid),
      damaged(text),
      damaged(decodeEnvelope(valid).raw),
    );
    fc.assert(
      fc.property(bytes, (input) => {
        try {
          decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }),
      { numRuns: 400, seed: 7 },
    );
  });

  test("nesting is bounded", () => {
    const deep = new TextEncoder().encode("[".repeat(100_000));
    expect(() => decodeUnstructured(deep)).toThrow("exceeded max depth");
    expect(() => decodeYamlUnstructured(new TextEncoder().encode(`{"a":${"[".repeat(100_000)}`))).toThrow(DecodeError);
  });
});

test("any JSON survives", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = encodeUnstructured(value);
      expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual(JSON.parse(JSON.stringify(value)));
      expect(encodeUnstructured(decodeUnstructured(bytes).object)).toEqual(bytes);
    }),
    { numRuns: 300, seed: 3 },
  );
});

test("a watch frame carries the object's own envelope", () => {
  const object = encodeProtobuf({}, schemaOfType("core/v1.Pod") as ObjectSchema, { apiVersion: "v1", kind: "Pod" });
  const frame = encodeWatchFrame("ADDED", object);
  expect(new DataView(frame.buffer).getUint32(0)).toBe(frame.length - 4);
  expect(frame.subarray(4, 11).toHex()).toBe("0a054144444544"); // no envelope around the event itself
  const event = decodeWatchFrame(frame.subarray(4));
  expect(event.type).toBe("ADDED");
  expect(event.object).toEqual(object);
});

/** Valid bytes with a few of them changed, or cut. */
function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat(bytes.length - 1), fc.nat(255));
  return fc.tuple(fc.array(change, { maxLength: 4 }), fc.nat(bytes.length)).map(([changes, length]) => {
    const copy = bytes.slice(0, length);
    for (const [at, value] of changes) if (at < copy.length) copy[at] = value;
    return copy;
  });
}

/** Nested objects lose their kind in protobuf, and kinds of their own never had it in the message. */
function withoutTypeMeta(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutTypeMeta);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== "kind" && key !== "apiVersion")
      .map(([key, each]) => [key, withoutTypeMeta(each)]),
  );
}
