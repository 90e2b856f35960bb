import { parseDuration } from "../duration.ts";
import { parseTime, ZERO_TIME_SECONDS } from "../timestamps.ts";
import { bytesOfBase64 } from "./base64.ts";
import { rawJsonText, sortedKeys } from "./json-encode.ts";
import { jsonSchemaPlan } from "./json-schema-plans.ts";
import { type FieldPlan, type Plan, zeroValue } from "./plan.ts";
import { type Member, type MessagePlan, messagePlanOf } from "./protobuf-plan.ts";
import type { ProtobufWriter } from "./protobuf-writer.ts";

type Struct = Readonly<Record<string, unknown>>;
const NOTHING: Struct = Object.freeze({});

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;

/** Writes the content of an object's message, backwards. */
export function writeObject(writer: ProtobufWriter, value: Struct, plan: Plan): void {
  writeMembers(writer, value, messagePlanOf(plan));
}

function writeMembers(writer: ProtobufWriter, value: Struct, message: MessagePlan) {
  const { members } = message;
  for (let i = members.length - 1; i >= 0; i--) {
    const member = members[i] as Member;
    if (member.field !== undefined) writeField(writer, member.number, value[member.field.name], member.field);
    else if (member.inlined !== undefined) {
      const before = writer.length;
      writeMembers(writer, value, member.inlined);
      closeMessage(writer, member.number, before);
    }
  }
}

/** A field that has no value. */
export function writeAbsent(writer: ProtobufWriter, number: number, field: FieldPlan): void {
  writeField(writer, number, undefined, field);
}

/** Lists and maps element by element; pointers and bytes when set; everything else always. */
function writeField(writer: ProtobufWriter, number: number, value: unknown, field: FieldPlan) {
  const { plan } = field;
  const absent = value === undefined || value === null;
  if (absent && (field.field.pointer || plan.op === "list" || plan.op === "map" || plan.op === "bytes")) return;
  if (plan.op === "list" && !plan.wrapped) {
    const items = value as readonly unknown[];
    for (let i = items.length - 1; i >= 0; i--) writeTagged(writer, number, items[i], plan.element);
  } else if (plan.op === "map") {
    writeMap(writer, number, value as Struct, plan.element);
  } else {
    writeTagged(writer, number, value, plan);
  }
}

function writeMap(writer: ProtobufWriter, number: number, value: Struct, element: Plan) {
  const keys = sortedKeys(value);
  for (let i = keys.length - 1; i >= 0; i--) {
    const key = keys[i] as string;
    const before = writer.length;
    writeTagged(writer, 2, value[key], element);
    writeText(writer, 1, key);
    closeMessage(writer, number, before);
  }
}

/** A value with its tag. Absent ones are written as the zero value of their type. */
export function writeTagged(writer: ProtobufWriter, number: number, given: unknown, plan: Plan) {
  const value = given === undefined || given === null ? absent(plan) : given;
  switch (plan.op) {
    case "string":
      return writeText(writer, number, value as string);
    case "int32":
    case "int64":
      writer.int64(value as number | bigint);
      return writer.varint(number * 8 + VARINT);
    case "bool":
      writer.byte(value === true ? 1 : 0);
      return writer.varint(number * 8 + VARINT);
    case "double":
      writer.double(Number(value));
      return writer.varint(number * 8 + FIXED64);
    case "bytes": {
      const bytes = bytesOfBase64(value as string);
      writer.bytes(bytes);
      return closeBytes(writer, number, bytes.length);
    }
    default: {
      const before = writer.length;
      writeMessage(writer, value, plan);
      return closeMessage(writer, number, before);
    }
  }
}

/** The content of what protobuf holds as a message of its own. */
function writeMessage(writer: ProtobufWriter, value: unknown, plan: Plan) {
  switch (plan.op) {
    case "object":
      return writeObject(writer, value as Struct, plan);
    case "list":
      return writeItems(writer, 1, value as readonly unknown[], plan.element);
    case "quantity":
      return writeText(writer, 1, String(value));
    case "intOrString":
      return writeIntOrString(writer, value as number | string);
    case "time":
    case "microTime":
      return writeTime(writer, value as string | null, plan.op === "microTime");
    case "duration":
      return writeTagged(writer, 1, parseDuration(value as string), INT64);
    case "raw":
    case "any":
      return value === null ? undefined : writeText(writer, 1, rawJsonText(value));
    case "schemaOrBool":
      if (typeof value === "object") writeTagged(writer, 2, value, jsonSchemaPlan());
      return writeTagged(writer, 1, typeof value === "object" || value, BOOL);
    case "schemaOrArray":
      if (Array.isArray(value)) return writeItems(writer, 2, value, jsonSchemaPlan());
      return value === null ? undefined : writeTagged(writer, 1, value, jsonSchemaPlan());
    case "schemaOrStrings":
      if (Array.isArray(value)) return writeItems(writer, 2, value, STRING);
      return value === null ? undefined : writeTagged(writer, 1, value, jsonSchemaPlan());
    default:
      throw new Error(`Cannot encode "${plan.op}": it is no message`);
  }
}

function writeItems(writer: ProtobufWriter, number: number, items: readonly unknown[], element: Plan) {
  for (let i = items.length - 1; i >= 0; i--) writeTagged(writer, number, items[i], element);
}

function writeIntOrString(writer: ProtobufWriter, value: number | string) {
  const isText = typeof value === "string";
  writeText(writer, 3, isText ? value : "");
  writeTagged(writer, 2, isText ? 0 : value, INT64);
  writeTagged(writer, 1, isText ? 1 : 0, INT64);
}

function writeTime(writer: ProtobufWriter, value: string | null, micro: boolean) {
  if (value === null) return;
  const { seconds, nanos } = parseTime(value, micro);
  if (seconds === ZERO_TIME_SECONDS && nanos === 0) return;
  writeTagged(writer, 2, micro ? nanos : 0, INT64);
  writeTagged(writer, 1, seconds, INT64);
}

function writeText(writer: ProtobufWriter, number: number, value: string) {
  const before = writer.length;
  writer.text(value);
  closeMessage(writer, number, before);
}

/** Puts length and tag before what was written since `before`. */
export function closeMessage(writer: ProtobufWriter, number: number, before: number): void {
  closeBytes(writer, number, writer.length - before);
}

function closeBytes(writer: ProtobufWriter, number: number, length: number): void {
  writer.varint(length);
  writer.varint(number * 8 + DELIMITED);
}

function absent(plan: Plan): unknown {
  if (plan.op === "object") return NOTHING;
  if (plan.op === "list") return [];
  return plan.op === "bytes" ? "" : zeroValue(plan);
}

/** Plans of the scalars inside special types. */
const INT64 = { op: "int64" } as Plan;
const BOOL = { op: "bool" } as Plan;
const STRING = { op: "string" } as Plan;
