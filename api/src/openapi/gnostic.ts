import { encodeUnstructuredText } from "../codec/json-encode.ts";
import { closeMessage } from "../codec/protobuf-encode.ts";
import { ProtobufWriter } from "../codec/protobuf-writer.ts";
import { factsText } from "../facts.ts";
import type { Node } from "./definitions.ts";

/** A field of a protobuf descriptor in facts/grpc. */
interface FieldDescriptor {
  readonly rule?: "repeated";
  readonly type: string;
  readonly id: number;
}

interface Descriptor {
  readonly fields?: Readonly<Record<string, FieldDescriptor>>;
  readonly nested?: Readonly<Record<string, Descriptor>>;
}

/**
 * A Swagger document in gnostic's protobuf form (media type application/com.github.proto-openapi.spec.v2@v1.0+protobuf), which
 * is what client-go's OpenAPISchema asks for.
 */
export function encodeOpenApiV2(document: Node): Uint8Array {
  const writer = new ProtobufWriter();
  new GnosticEncoder(writer).message("Document", document);
  return writer.finish();
}

let descriptors: Readonly<Record<string, Descriptor>> | undefined;

function descriptorOf(name: string): Readonly<Record<string, FieldDescriptor>> {
  if (descriptors === undefined) {
    const root = JSON.parse(factsText("grpc/openapi-v2.json")) as Descriptor;
    descriptors = root.nested?.["openapi"]?.nested?.["v2"]?.nested ?? {};
  }
  const fields = descriptors[name]?.fields;
  if (fields === undefined) throw new Error(`Cannot encode "${name}": not in facts/grpc/openapi-v2.json`);
  return fields;
}

/** A member with its value, ready to be written. */
type Member = readonly [field: FieldDescriptor, value: unknown];

/** Writes messages backwards, so members go from the last to the first. */
class GnosticEncoder {
  readonly #writer: ProtobufWriter;

  constructor(writer: ProtobufWriter) {
    this.#writer = writer;
  }

  message(name: string, value: unknown): void {
    const members = membersOf(name, descriptorOf(name), value).sort(([a], [b]) => a.id - b.id);
    for (const [field, member] of members.reverse()) this.#field(field, member);
  }

  #field(field: FieldDescriptor, value: unknown) {
    if (field.rule !== "repeated") return this.#value(field, value);
    const items = value as readonly unknown[];
    for (let i = items.length - 1; i >= 0; i--) this.#value(field, items[i]);
  }

  #value(field: FieldDescriptor, value: unknown) {
    const writer = this.#writer;
    const before = writer.length;
    switch (field.type) {
      case "string":
        writer.text(String(value));
        closeMessage(writer, field.id, before);
        break;
      case "bool":
        writer.byte(value === true ? 1 : 0);
        writer.varint(field.id * 8);
        break;
      case "int64":
        writer.int64(value as number);
        writer.varint(field.id * 8);
        break;
      case "double":
        writer.double(value as number);
        writer.varint(field.id * 8 + 1);
        break;
      default:
        this.message(field.type.slice(field.type.lastIndexOf(".") + 1), value);
        closeMessage(writer, field.id, before);
    }
  }
}

/** Messages that stand for one of several things, or for a JSON value that has no members. */
const FORMS: Readonly<Record<string, (value: unknown) => Node>> = {
  Any: (value) => ({ yaml: `${encodeUnstructuredText(value)}\n` }),
  TypeItem: (value) => ({ value: Array.isArray(value) ? value : [value] }),
  ItemsItem: (value) => ({ schema: Array.isArray(value) ? value : [value] }),
  AdditionalPropertiesItem: (value) => (typeof value === "boolean" ? { boolean: value } : { schema: value }),
  SchemaItem: (value) => ({ schema: value }),
  ResponseValue: (value) => (isReference(value) ? { jsonReference: value } : { response: value }),
  ParametersItem: (value) => (isReference(value) ? { jsonReference: value } : { parameter: value }),
  Parameter: (value) => ((value as Node)["in"] === "body" ? { bodyParameter: value } : { nonBodyParameter: value }),
  NonBodyParameter: (value) => ({ [`${String((value as Node)["in"])}ParameterSubSchema`]: value }),
  SecurityDefinitionsItem: (value) => ({ apiKeySecurity: value }),
  StringArray: (value) => ({ value }),
};

/** Members that collect the names which the message does not know. */
const COLLECTORS = ["additionalProperties", "path", "responseCode"] as const;

function membersOf(name: string, fields: Readonly<Record<string, FieldDescriptor>>, value: unknown): Member[] {
  const shaped = FORMS[name]?.(value) ?? (value as Node);
  const isNamed = name.startsWith("Named");
  const rest: { name: string; value: unknown }[] = [];
  const extensions: { name: string; value: unknown }[] = [];
  const members: Member[] = [];
  for (const [key, member] of Object.entries(shaped)) {
    const field = isMap(fields) ? undefined : fields[key === "$ref" ? "Ref" : key];
    if (field !== undefined && (isNamed || !isCollector(fields, key))) members.push([field, member]);
    else if (key.startsWith("x-") && fields["vendorExtension"] !== undefined)
      extensions.push({ name: key, value: member });
    else rest.push({ name: key, value: member });
  }
  if (extensions.length > 0) members.push([fields["vendorExtension"]!, extensions]);
  const collector = COLLECTORS.map((each) => fields[each]).find((field) => field?.rule === "repeated");
  if (rest.length > 0 && collector !== undefined) members.push([collector, rest]);
  return members;
}

/** Messages that are nothing but a map of names. */
function isMap(fields: Readonly<Record<string, FieldDescriptor>>): boolean {
  return fields["additionalProperties"]?.rule === "repeated";
}

function isCollector(fields: Readonly<Record<string, FieldDescriptor>>, key: string): boolean {
  return COLLECTORS.some((each) => each === key && fields[each]?.rule === "repeated");
}

function isReference(value: unknown): boolean {
  return typeof value === "object" && value !== null && "$ref" in value;
}
