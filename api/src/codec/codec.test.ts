import { describe, expect, test } from "vitest";
import type { Json } from "../object.ts";
import type { ObjectSchema } from "../schema.ts";
import { schemaOfType } from "../schema-of.ts";
import { strictDecodingMessage } from "./decode-error.ts";
import { decodeJson, decodeUnstructured } from "./json-decode.ts";
import { encodeJsonText, encodeUnstructuredText } from "./json-encode.ts";
import { decodeEnvelope, decodeProtobuf, encodeListOfMessages, encodeMessage, encodeProtobuf } from "./protobuf.ts";
import { decodeYaml, decodeYamlUnstructured, encodeYaml } from "./yaml.ts";

const configMap = schemaOfType("core/v1.ConfigMap") as ObjectSchema;
const pod = schemaOfType("core/v1.Pod") as ObjectSchema;
const signing = schemaOfType("certificates/v1.CertificateSigningRequest") as ObjectSchema;
const bytes = (text: string) => new TextEncoder().encode(text);
const hex = (data: Uint8Array) => data.toHex();
const text = (data: Uint8Array) => new TextDecoder().decode(data);

describe("decoding JSON", () => {
  test.each([
    [
      configMap,
      '{"metadata":{"name":true}}',
      "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.name of type string",
    ],
    [
      configMap,
      '{"metadata":{"labels":5}}',
      "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type map[string]string",
    ],
    [
      configMap,
      '{"data":5}',
      "json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string",
    ],
    [configMap, "[]", "json: cannot unmarshal array into Go value of type v1.ConfigMap"],
    [configMap, '{"binaryData":{"a":"%%%"}}', "illegal base64 data at input byte 0"],
    [configMap, '{"binaryData":{"a":"QUFBQQ"}}', "illegal base64 data at input byte 4"],
    [configMap, '{"binaryData":{"a":"QQ==="}}', "illegal base64 data at input byte 4"],
    [configMap, '{"binaryData":{"a":"QQ="}}', "illegal base64 data at input byte 3"],
    [configMap, '{"binaryData":{"a":"QQ=x"}}', "illegal base64 data at input byte 2"],
    [configMap, '{"binaryData":{"a":"QUE=QQ=="}}', "illegal base64 data at input byte 4"],
    [
      configMap,
      '{"binaryData":{"a":[1,"x"]}}',
      "json: cannot unmarshal string into Go struct field ConfigMap.binaryData of type uint8",
    ],
    [
      configMap,
      '{"binaryData":{"a":[256]}}',
      "json: cannot unmarshal number 256 into Go struct field ConfigMap.binaryData of type uint8",
    ],
    [
      signing,
      '{"spec":{"extra":{"a":[true]}}}',
      "json: cannot unmarshal bool into Go struct field CertificateSigningRequestSpec.spec.extra of type string",
    ],
    [configMap, "{}{}", "invalid character '{' after top-level value"],
    [configMap, '{"data":{"a":"b"', "unexpected end of JSON input"],
    [
      pod,
      '{"spec":{"containers":"x"}}',
      "json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container",
    ],
    [
      pod,
      '{"spec":{"activeDeadlineSeconds":9223372036854775808}}',
      "json: cannot unmarshal number 9223372036854775808 into Go struct field PodSpec.spec.activeDeadlineSeconds of type int64",
    ],
    [
      configMap,
      '{"metadata":{"creationTimestamp":"yesterday"}}',
      'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
    ],
    [
      pod,
      '{"spec":{"containers":[{"resources":{"requests":{"cpu":"2x"}}}]}}',
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
  ])("refuses with Go's message: %#", (schema, body, message) => {
    expect(() => decodeJson(bytes(body), schema)).toThrow(message);
  });

  test("duplicate and unknown fields are reported with their paths, case counts", () => {
    const body = '{"metadata":{"name":"y","name":"z","foo":1},"data":{"a":"b","a":"c"},"Data":{}}';
    const { object, problems } = decodeJson<{ metadata: { name: string } }>(bytes(body), configMap);
    expect(object.metadata.name).toBe("z");
    expect(strictDecodingMessage(problems)).toBe(
      'strict decoding error: duplicate field "metadata.name", unknown field "metadata.foo", duplicate field "data.a", unknown field "Data"',
    );
    const nested = decodeJson(bytes('{"spec":{"containers":[{},{"x":1}]}}'), pod);
    expect(nested.problems).toEqual(['unknown field "spec.containers[1].x"']);
  });

  test("integers are exact", () => {
    const { object } = decodeJson<{ spec: object }>(
      bytes('{"spec":{"activeDeadlineSeconds":9223372036854775807}}'),
      pod,
    );
    expect(object.spec).toEqual({ activeDeadlineSeconds: 9223372036854775807n, containers: null });
    expect(encodeUnstructuredText(decodeUnstructured(bytes("[9007199254740993,1e3,-0.5]")).object)).toBe(
      "[9007199254740993,1000,-0.5]",
    );
  });

  test("quantities, times and base64 become canonical", () => {
    const body =
      '{"metadata":{"creationTimestamp":"2025-01-01T01:00:00.5+01:00"},"spec":{"overhead":{"cpu":"1000m","memory":1024}}}';
    const { object } = decodeJson<{ metadata: object; spec: { overhead: object } }>(bytes(body), pod);
    expect(object.metadata).toEqual({ creationTimestamp: "2025-01-01T00:00:00Z" });
    expect(object.spec.overhead).toEqual({ cpu: "1", memory: "1024" });
  });
});

describe("encoding JSON", () => {
  test("prints what Go prints though nobody set it", () => {
    expect(encodeJsonText({ kind: "Pod" }, pod)).toBe(
      '{"kind":"Pod","metadata":{},"spec":{"containers":null},"status":{}}',
    );
    const list = schemaOfType("core/v1.PodList");
    expect(encodeJsonText({}, list)).toBe('{"metadata":{},"items":[]}');
  });

  test.each([
    ["[]", ""],
    ["[104,105]", "aGk="],
    ["[null]", "AA=="],
    ["null", ""],
    ['"AB=="', "AA=="],
    ['"AAH=\\n"', "AAE="],
  ])("takes bytes as Go does: %s is %j", (value, base64) => {
    const { object } = decodeJson<{ binaryData: object }>(bytes(`{"binaryData":{"a":${value}}}`), configMap);
    expect(object.binaryData).toEqual({ a: base64 });
  });

  test("floats keep their sign, as Go's do", () => {
    const text = '{"minimum":-0}';
    const schema = schemaOfType("apiextensions/v1.JSONSchemaProps");
    expect(encodeJsonText(decodeJson(bytes(text), schema).object, schema)).toBe(text);
  });

  test("map keys are sorted by bytes and strings escaped as in Go", () => {
    const data = { "\u{1f600}": "", "\uffff": "", b: "<&>\u2028\u0001", __proto__x: "" };
    expect(encodeJsonText({ data }, configMap)).toBe(
      '{"metadata":{},"data":{"__proto__x":"","b":"\\u003c\\u0026\\u003e\\u2028\\u0001","\uffff":"","\u{1f600}":""}}',
    );
  });

  test("pretty JSON is Go's", () => {
    expect(encodeUnstructuredText({ b: [1, { c: "{" }], a: {}, d: [] }, { pretty: true })).toBe(
      '{\n  "a": {},\n  "b": [\n    1,\n    {\n      "c": "{"\n    }\n  ],\n  "d": []\n}',
    );
  });
});

describe("protobuf", () => {
  test("an int-or-string is always carried, inlined structs nest", () => {
    const port = schemaOfType("core/v1.ServicePort") as ObjectSchema;
    expect(hex(encodeMessage({ targetPort: 8080 }, port))).toBe("0a00120018002207080010903f1a002800");
    const volume = schemaOfType("core/v1.Volume") as ObjectSchema;
    expect(hex(encodeMessage({ name: "v", emptyDir: {} }, volume))).toBe("0a01761204" + "12020a00");
  });

  test("kind and apiVersion travel in the envelope", () => {
    const data = encodeProtobuf({ kind: "ConfigMap", apiVersion: "v1", data: { a: "b" } }, configMap, {
      apiVersion: "v1",
      kind: "ConfigMap",
    });
    const envelope = decodeEnvelope(data);
    expect(envelope.kind).toBe("ConfigMap");
    expect(decodeProtobuf(envelope, configMap)).toEqual({
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: {},
      data: { a: "b" },
    });
  });

  test("no field has the number 0", () => {
    const envelope = { apiVersion: "v1", kind: "ConfigMap" };
    const { raw, ...rest } = decodeEnvelope(encodeProtobuf({ data: { a: "b" } }, configMap, envelope));
    const wrong = Buffer.concat([raw, Buffer.of(0, 1)]);
    expect(() => decodeProtobuf({ ...rest, raw: wrong }, configMap)).toThrow("illegal tag 0 (wire type 0)");
  });

  test("a list of encoded messages equals the encoded list", () => {
    const items = [{ metadata: { name: "a" } }, { metadata: { name: "b" } }];
    const kind = { apiVersion: "v1", kind: "ConfigMapList" };
    const meta = { resourceVersion: "7" };
    const whole = encodeProtobuf(
      { metadata: meta, items },
      schemaOfType("core/v1.ConfigMapList") as ObjectSchema,
      kind,
    );
    const parts = items.map((item) => encodeMessage(item, configMap));
    expect(encodeListOfMessages(kind, meta, parts)).toEqual(whole);
  });
});

describe("YAML", () => {
  test("is kubectl's dialect", () => {
    const { object } = decodeYaml<{ data: object }>(bytes("data:\n  a: 22:22\n  b: 2025-01-01\n  1: x\n"), configMap);
    expect(object.data).toEqual({ a: "22:22", b: "2025-01-01", "1": "x" });
    expect(() => decodeYaml(bytes("metadata:\n  name: y\n"), configMap)).toThrow("cannot unmarshal bool");
  });

  test("what begins like JSON may be YAML", () => {
    const body = '{\n\t"metadata": {"name": "cfg"},\n\t"data": {\n\t\t"a": "b", # as YAML has them\n\t},\n}';
    expect(decodeYaml(bytes(body), configMap).object).toEqual({ metadata: { name: "cfg" }, data: { a: "b" } });
    expect(decodeYamlUnstructured(bytes('{"a": [1, 2,],}')).object).toEqual({ a: [1, 2] });
    expect(decodeYaml(bytes('{"spec":{"priority":1.0,"activeDeadlineSeconds":-0.0}}'), pod).object).toMatchObject({
      spec: { priority: 1, activeDeadlineSeconds: 0 },
    });
    expect(decodeYamlUnstructured(bytes("a: 1e400\nb: 1")).object).toEqual({ a: "1e400", b: 1 });
    expect(() => decodeYaml(bytes('{"data": }'), configMap)).not.toThrow();
    expect(() => decodeYaml(bytes('{"data": {'), configMap)).toThrow("error converting YAML to JSON");
  });

  test.each([
    ["0o17", 15],
    ["-0O1_7", -15],
    ["0X1F", 31],
    ["0x1f", 31],
    ["0B11", 3],
    ["017", 15],
    ["0o9", "0o9"],
    ["0X_", "0X_"],
  ])("%s is the integer of Go's that it looks like", (written, expected) => {
    expect(decodeYamlUnstructured(bytes(`a: ${written}`)).object).toEqual({ a: expected });
  });

  test("duplicate keys are reported as Go's YAML library does", () => {
    const { problems } = decodeYaml(bytes("metadata:\n  name: cfg\ndata:\n  a: b\n  a: c\n"), configMap);
    expect(problems).toEqual(['yaml: unmarshal errors:\n  line 5: key "a" already set in map']);
  });

  test("what explodes or nests too deep is refused quickly", () => {
    const levels = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (let i = 1; i < 10; i++) {
      const alias = `*${"abcdefghij"[i - 1]}`;
      levels.push(`${"abcdefghij"[i]}: &${"abcdefghij"[i]} [${Array(9).fill(alias).join(",")}]`);
    }
    expect(() => decodeYaml(bytes(levels.join("\n")), configMap)).toThrow("excessive aliasing");
    expect(() => decodeYaml(bytes(`a: ${"[".repeat(100_000)}`), configMap)).toThrow("exceeded max depth");
    expect(() => decodeYaml(bytes("- ".repeat(9000)), configMap)).toThrow("exceeded max depth");
    expect(() => decodeYaml(bytes("a: *b"), configMap)).toThrow("unknown anchor 'b' referenced");
  });

  test("whatever may be nested is written, and read again", () => {
    for (const depth of [10, 190, 250, 950]) {
      const nested = `{"a":[`.repeat(depth / 2) + "]}".repeat(depth / 2);
      const { object } = decodeUnstructured<Json>(bytes(nested));
      expect(decodeYamlUnstructured(encodeYaml(object, undefined)).object).toEqual(object);
    }
  });

  test("what would read as another type is quoted", () => {
    const data = { t: "true", n: "1", y: "yes", o: "0o17", d: "2025-01-01", m: "a\nb\n" };
    const yaml = encodeYaml({ data }, configMap);
    expect(text(yaml)).toContain('t: "true"');
    expect(text(yaml)).toContain('o: "0o17"');
    expect(decodeYaml<{ data: object }>(yaml, configMap).object.data).toEqual(data);
  });
});
