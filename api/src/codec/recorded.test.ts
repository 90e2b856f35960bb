import { describe, expect, test } from "vitest";
import { factsText } from "../facts.ts";
import { allKinds, resourceOf } from "../kinds.ts";
import type { ObjectSchema, Schema } from "../schema.ts";
import { parseApiVersion } from "../schema.ts";
import { schemaOf, schemaOfType } from "../schema-of.ts";
import { strictDecodingMessage } from "./decode-error.ts";
import { decodeJson } from "./json-decode.ts";
import { encodeUnstructured } from "./json-encode.ts";
import { encodeProtobuf } from "./protobuf.ts";
import { decodeYaml } from "./yaml.ts";

/** What a real API server answered. */
interface Answer {
  readonly case?: string;
  readonly body?: string;
  readonly contentType?: string;
  readonly code?: number;
  readonly message?: string;
  readonly raw?: string;
}
type Json = Record<string, unknown>;
interface Recorded {
  readonly generic: readonly Answer[];
  readonly common: Readonly<Record<string, Answer>>;
  readonly resources: Readonly<Record<string, { create?: Readonly<Record<string, Answer>> }>>;
}
const recorded = JSON.parse(factsText("validation.json")) as Recorded;
const minimal = (JSON.parse(factsText("defaults.json")) as { objects: Record<string, { in: Json }> }).objects;

/** The part of a message that decoding gives. */
function decodingMessage(message: string | undefined): string | undefined {
  return /cannot be handled as an? \S+: (.*)$/s.exec(message ?? "")?.[1];
}

function messageFor(bytes: Uint8Array, schema: Schema, contentType?: string): string {
  try {
    const decode = contentType?.includes("yaml") === true ? decodeYaml : decodeJson;
    return strictDecodingMessage(decode(bytes, schema).problems);
  } catch (error) {
    return (error as Error).message;
  }
}

const generic = recorded.generic.filter((answer) => {
  const message = decodingMessage(answer.message);
  const isAboutKinds = /unknown conversion|no kind/.test(message ?? "");
  return message !== undefined && answer.body !== undefined && !isAboutKinds && !answer.message?.includes("a Bar:");
});

test.each(generic.map((answer) => [answer.case, answer] as const))("%s: says what a server says", (_name, answer) => {
  const name = /cannot be handled as an? (\w+)/.exec(answer.message ?? "")?.[1];
  const kind = allKinds().find((each) => each.kind === name && each.served === "default");
  if (kind === undefined) throw new Error(`no kind ${name}`);
  const bytes = new TextEncoder().encode(answer.body);
  expect(messageFor(bytes, schemaOfType(kind.typeName), answer.contentType)).toBe(decodingMessage(answer.message));
});

const CHANGES: Readonly<Record<string, (object: Json) => Json>> = {
  "labels: 5": (object) => ({ ...object, metadata: { ...(object["metadata"] as Json), labels: 5 } }),
  'spec: "x"': (object) => ({ ...object, spec: "x" }),
  "unknown field Strict": (object) => ({ ...object, tsukubeUnknown: 1 }),
  "spec unknown Strict": (object) => ({ ...object, spec: { ...(object["spec"] as Json), tsukubeUnknown: 1 } }),
};

function kindSchema(key: string): { readonly kind: string; readonly version: string; readonly schema: ObjectSchema } {
  const [apiVersion = "", resource = ""] = key.split(" ");
  const gv = parseApiVersion(apiVersion);
  const kind = resourceOf({ ...gv, resource })?.kind ?? "";
  const schema = schemaOf({ ...gv, kind });
  if (schema === undefined) throw new Error(`no schema of ${key}`);
  return { kind, version: gv.version, schema };
}

const perResource = Object.entries(recorded.resources).flatMap(([key, { create }]) =>
  Object.entries(CHANGES).flatMap(([name, change]) => {
    const answer = create?.[name] ?? recorded.common[name];
    const object = minimal[key]?.in;
    const { kind, version, schema } = kindSchema(key);
    if (answer?.code !== 400 || object === undefined || (name.startsWith("spec") && !schema.fields.has("spec")))
      return [];
    const expected = decodingMessage(answer.message)?.replaceAll("{kind}", kind).replaceAll("{version}", version);
    return [[key, name, change(object), schema, expected] as const];
  }),
);

describe("every resource refuses what a server refuses", () => {
  test.each(perResource)("%s, %s", (_key, _name, object, schema, expected) => {
    expect(messageFor(encodeUnstructured(object), schema)).toBe(expected);
  });
});

test("a Status in protobuf is byte for byte a server's", () => {
  const raw = recorded.generic.find((answer) => answer.case === "cr protobuf only")?.raw;
  const message =
    "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf";
  const status = { metadata: {}, status: "Failure", message, reason: "NotAcceptable", code: 406 };
  const bytes = encodeProtobuf(status, schemaOfType("meta/v1.Status") as ObjectSchema, {
    apiVersion: "v1",
    kind: "Status",
  });
  expect(new TextDecoder().decode(bytes)).toBe(raw);
});
