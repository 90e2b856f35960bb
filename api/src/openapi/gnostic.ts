import { encodeUnstructuredText } from "../codec/json-encode.ts";
import { closeMessage } from "../codec/protobuf-encode.ts";
import { ProtobufWriter } from "../codec/protobuf-writer.ts";
import { encodeYaml } from "../codec/yaml.ts";
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
  return encoded(document, V2);
}

/**
 * An OpenAPI 3.0 document in gnostic's protobuf form (media type application/com.github.proto-openapi.spec.v3@v1.0+protobuf), which
 * is what client-go's openapi3 asks for: kubectl looks there for what a dry run takes.
 */
export function encodeOpenApiV3(document: Node): Uint8Array {
  return encoded(document, V3);
}

function encoded(document: Node, dialect: Dialect): Uint8Array {
  const writer = new ProtobufWriter();
  new GnosticEncoder(writer, dialect).message("Document", document);
  return writer.finish();
}

type Fields = Readonly<Record<string, FieldDescriptor>>;
/** What stands for a value in a message; undefined: nothing does. */
type Form = (value: unknown) => Node | undefined;

/** How one version of gnostic's messages is made of documents. */
interface Dialect {
  readonly version: "v2" | "v3";
  /** Takes what begins with "x-". */
  readonly extension: string;
  /** Members that collect the names which the message does not know. */
  readonly collectors: readonly string[];
  /** Of messages that stand for one of several things, or for a JSON value that has no members. */
  formOf(message: string): Form | undefined;
}

const descriptors = new Map<string, Readonly<Record<string, Descriptor>>>();

function descriptorOf({ version }: Dialect, name: string): Fields {
  const file = `grpc/openapi-${version}.json`;
  let messages = descriptors.get(version);
  if (messages === undefined) {
    const root = JSON.parse(factsText(file)) as Descriptor;
    messages = root.nested?.["openapi"]?.nested?.[version]?.nested ?? {};
    descriptors.set(version, messages);
  }
  const fields = messages[name]?.fields;
  if (fields === undefined) throw new Error(`Cannot encode "${name}": not in facts/${file}`);
  return fields;
}

/** A member with its value, ready to be written. */
type Member = readonly [field: FieldDescriptor, value: unknown];

/** Writes messages backwards, so members go from the last to the first. */
class GnosticEncoder {
  readonly #writer: ProtobufWriter;
  readonly #dialect: Dialect;

  constructor(writer: ProtobufWriter, dialect: Dialect) {
    this.#writer = writer;
    this.#dialect = dialect;
  }

  message(name: string, value: unknown): void {
    const members = membersOf(this.#dialect, name, value).sort(([a], [b]) => a.id - b.id);
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
        this.message(nameOf(field), value);
        closeMessage(writer, field.id, before);
    }
  }
}

const MOST_YAML = 1000;
const yamls = new Map<string, string>();

/** Extensions are few and said often. */
function yamlOf(value: unknown): string {
  const json = encodeUnstructuredText(value);
  let text = yamls.get(json);
  if (text === undefined) {
    if (yamls.size >= MOST_YAML) yamls.clear();
    text = new TextDecoder().decode(encodeYaml(value, undefined));
    yamls.set(json, text);
  }
  return text;
}

const V2_FORMS: Readonly<Record<string, Form>> = {
  Any: (value) => ({ yaml: yamlOf(value) }),
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

const V2: Dialect = {
  version: "v2",
  extension: "vendorExtension",
  collectors: ["additionalProperties", "path", "responseCode"],
  formOf: (message) => V2_FORMS[message],
};

const V3_FORMS: Readonly<Record<string, Form>> = {
  Any: V2_FORMS["Any"]!,
  StringArray: V2_FORMS["StringArray"]!,
  ItemsItem: (value) => ({ schemaOrReference: [value] }),
  AdditionalPropertiesItem: (value) => (typeof value === "boolean" ? { boolean: value } : { schemaOrReference: value }),
  // of objects and lists the messages have no defaults
  DefaultType: (value) =>
    ["number", "boolean", "string"].includes(typeof value) ? { [typeof value]: value } : undefined,
};

const V3: Dialect = {
  version: "v3",
  extension: "specificationExtension",
  collectors: ["additionalProperties", "path", "responseOrReference"],
  formOf(message) {
    const [, first, rest] = /^(?!Named)(.)(.*)OrReference$/.exec(message) ?? [];
    if (first === undefined) return V3_FORMS[message];
    return (value) => ({ [isReference(value) ? "reference" : first.toLowerCase() + rest]: value });
  },
};

function membersOf(dialect: Dialect, name: string, value: unknown): Member[] {
  const fields = descriptorOf(dialect, name);
  const form = dialect.formOf(name);
  const shaped = form === undefined ? (value as Node) : (form(value) ?? {});
  const isNamed = name.startsWith("Named");
  const rest: { name: string; value: unknown }[] = [];
  const extensions: { name: string; value: unknown }[] = [];
  const members: Member[] = [];
  for (const [key, member] of Object.entries(shaped)) {
    const field = isMap(fields) ? undefined : fields[key === "$ref" ? "Ref" : key];
    if (field !== undefined && (isNamed || !isCollector(dialect, fields, key))) {
      if (isExpressible(dialect, field, member)) members.push([field, member]);
    } else if (key.startsWith("x-") && fields[dialect.extension] !== undefined)
      extensions.push({ name: key, value: member });
    else rest.push({ name: key, value: member });
  }
  if (extensions.length > 0) members.push([fields[dialect.extension]!, extensions]);
  const collector = dialect.collectors.map((each) => fields[each]).find((field) => field?.rule === "repeated");
  if (rest.length > 0 && collector !== undefined) members.push([collector, rest]);
  return members;
}

function isExpressible({ formOf }: Dialect, field: FieldDescriptor, value: unknown): boolean {
  const form = formOf(nameOf(field));
  return form === undefined || form(value) !== undefined;
}

/** Of the field's type, without its package. */
function nameOf({ type }: FieldDescriptor): string {
  return type.slice(type.lastIndexOf(".") + 1);
}

/** Messages that are nothing but a map of names. */
function isMap(fields: Fields): boolean {
  return fields["additionalProperties"]?.rule === "repeated";
}

function isCollector({ collectors }: Dialect, fields: Fields, key: string): boolean {
  return collectors.includes(key) && fields[key]?.rule === "repeated";
}

function isReference(value: unknown): boolean {
  return typeof value === "object" && value !== null && "$ref" in value;
}
