import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObjectSchema } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { decodeJson, decodeRawJson } from "./json-decode.ts";
import { encodeJson } from "./json-encode.ts";
import { decodeMessage, encodeMessage } from "./protobuf.ts";

const CONFIG_MAP = schemaOf({ group: "", version: "v1", kind: "ConfigMap" }) as ObjectSchema;
const FIELDS = { "f:data": { ".": {}, 'k:{"a\\"}":1}': {}, "f:}": {} } };

interface Decoded {
  readonly metadata: { readonly managedFields: readonly [{ readonly fieldsV1: unknown }] };
}

const fieldsOf = (object: unknown): unknown => (object as Decoded).metadata.managedFields[0].fieldsV1;
const bodyOf = (fields: string): Uint8Array =>
  Buffer.from(`{"metadata":{"managedFields":[{"fieldsType":"FieldsV1","fieldsV1":${fields}}]},"data":{"a":"b"}}`);

test("the same FieldsV1 is one value, which nobody can change, in whatever it comes", () => {
  const first = decodeJson(bodyOf(JSON.stringify(FIELDS)), CONFIG_MAP).object;
  const again = decodeJson(encodeJson(first, CONFIG_MAP), CONFIG_MAP).object;
  const other = decodeMessage(encodeMessage(first, CONFIG_MAP), CONFIG_MAP);
  expect(fieldsOf(first)).toEqual(FIELDS);
  expect(fieldsOf(again)).toBe(fieldsOf(first));
  expect(fieldsOf(other)).toBe(fieldsOf(first));
  expect(Object.isFrozen((fieldsOf(first) as typeof FIELDS)["f:data"])).toBe(true);
});

test("outlives the bytes that it came in", () => {
  const text = JSON.stringify({ "f:data": { "f:outlives": {} } });
  const body = bodyOf(text);
  const first = fieldsOf(decodeJson(body, CONFIG_MAP).object);
  body.fill(0x20);
  expect(fieldsOf(decodeJson(bodyOf(text), CONFIG_MAP).object)).toBe(first);
});

test("is what its own bytes say, however often they came before, whole or cut off", () => {
  const text = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.tuple(fc.json({ maxDepth: 4 }), fc.nat()).map(([json, at]) => json.slice(0, at % (json.length + 1))),
    fc.stringMatching(/^[{}[\]",:\\ a1]{0,12}$/),
  );
  const outcome = (decode: () => unknown): unknown => {
    try {
      return decode();
    } catch {
      return "refused";
    }
  };
  fc.assert(
    fc.property(text, (fields) => {
      const wanted = outcome(() => JSON.parse(fields) as unknown);
      const isWhole = outcome(() => JSON.parse(Buffer.from(bodyOf(fields)).toString()) as unknown) !== "refused";
      fc.pre(isWhole === (wanted !== "refused")); // some make another body of what is around them
      for (const _time of ["first", "again"]) {
        const found = outcome(() => fieldsOf(decodeJson(bodyOf(fields), CONFIG_MAP).object) ?? null);
        if (wanted === "refused") expect(found).toBe("refused");
        else expect(found).toEqual(decodeRawJson(Buffer.from(fields)));
      }
    }),
    { numRuns: 2000 },
  );
});
