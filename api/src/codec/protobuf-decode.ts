import { formatDuration } from "../duration.ts";
import { canonicalQuantity } from "../quantity.ts";
import { formatMicro, formatSeconds } from "../timestamps.ts";
import { base64OfBytes } from "./base64.ts";
import { DecodeError, type DecodeOptions, MOST_NESTED } from "./decode-error.ts";
import { decodeFields, decodeRawJson } from "./json-decode.ts";
import { jsonSchemaPlan } from "./json-schema-plans.ts";
import { type FieldPlan, fill, isZero, type Op, type Plan, setMember, zeroValue } from "./plan.ts";
import { type MessagePlan, messagePlanOf } from "./protobuf-plan.ts";
import { ProtobufReader } from "./protobuf-reader.ts";

type Struct = Record<string, unknown>;

const DELIMITED = 2;
/** Of timestamps: years 1 to 9999. */
const MAX_SECONDS = 253402300799;
const MIN_SECONDS = -62135596800;

/** Decodes one message. */
export class MessageDecoder {
  readonly #reader: ProtobufReader;
  readonly #maxDepth: number;
  #depth = 0;

  constructor(bytes: Uint8Array, options: DecodeOptions) {
    if (options.maxBytes !== undefined && bytes.length > options.maxBytes) {
      throw new DecodeError("limit", `Cannot decode body: ${bytes.length} bytes, expected at most ${options.maxBytes}`);
    }
    this.#reader = new ProtobufReader(bytes);
    this.#maxDepth = options.maxDepth ?? MOST_NESTED;
  }

  /** The whole buffer as an object in normal form. */
  whole(plan: Plan): Struct {
    return this.#object(plan, this.#reader.bytes.length);
  }

  #object(plan: Plan, end: number): Struct {
    const out: Struct = {};
    this.#members(out, messagePlanOf(plan), end);
    return fill(out, plan);
  }

  #members(out: Struct, message: MessagePlan, end: number): void {
    const reader = this.#reader;
    if (++this.#depth > this.#maxDepth) throw new DecodeError("limit", "exceeded max depth");
    while (reader.position < end) {
      const tag = reader.varint();
      const wire = tag & 7;
      if (tag < 8) throw new DecodeError("syntax", `proto: illegal tag 0 (wire type ${wire})`);
      const member = message.byNumber.get(Math.floor(tag / 8));
      if (member === undefined) reader.skip(wire, end);
      else if (member.field !== undefined) this.#field(out, member.field, wire, end);
      else if (member.inlined !== undefined) {
        expectWire(wire, DELIMITED);
        this.#members(out, member.inlined, reader.end(end));
      }
    }
    if (reader.position > end) throw new DecodeError("syntax", "unexpected EOF");
    this.#depth--;
  }

  #field(out: Struct, field: FieldPlan, wire: number, end: number): void {
    const { plan, name } = field;
    if (plan.op === "list" && !plan.wrapped) {
      const items = (out[name] ??= []) as unknown[];
      this.#item(items, plan.element, wire, end);
      return;
    }
    if (plan.op === "map") {
      expectWire(wire, DELIMITED);
      this.#entry((out[name] ??= {}) as Struct, plan.element, this.#reader.end(end));
      return;
    }
    const value = this.#value(plan, wire, end);
    if (value === null || (field.dropsZero && isZero(value, plan.op))) return;
    out[name] = value;
  }

  /** One element, or a packed run of scalars. */
  #item(items: unknown[], element: Plan, wire: number, end: number): void {
    const scalarWire = wireOf(element.op);
    if (scalarWire === DELIMITED || wire !== DELIMITED) {
      items.push(this.#value(element, wire, end));
      return;
    }
    const packedEnd = this.#reader.end(end);
    while (this.#reader.position < packedEnd) items.push(this.#value(element, scalarWire, packedEnd));
  }

  #entry(map: Struct, element: Plan, end: number): void {
    const reader = this.#reader;
    let key = "";
    let value: unknown;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag >> 3 === 1) {
        expectWire(tag & 7, DELIMITED);
        key = reader.text(end);
      } else if (tag >> 3 === 2) value = this.#value(element, tag & 7, end);
      else reader.skip(tag & 7, end);
    }
    setMember(map, key, value ?? (element.op === "bytes" ? "" : zeroValue(element)));
  }

  #value(plan: Plan, wire: number, end: number): unknown {
    const reader = this.#reader;
    expectWire(wire, wireOf(plan.op));
    switch (plan.op) {
      case "string":
        return reader.text(end);
      case "int32":
        return Number(BigInt.asIntN(32, BigInt(reader.int64())));
      case "int64":
        return reader.int64();
      case "bool":
        return reader.int64() !== 0;
      case "double":
        return reader.double();
      case "bytes":
        return base64OfBytes(reader.delimited(end));
      default: {
        const inner = reader.end(end);
        return this.#message(plan, inner);
      }
    }
  }

  #message(plan: Plan, end: number): unknown {
    switch (plan.op) {
      case "object":
        return this.#object(plan, end);
      case "list":
        return this.#wrapped(plan.element, end);
      case "quantity":
        return canonicalText(canonicalQuantity, this.#parts(end).text.get(1) ?? "0");
      case "duration":
        return formatDuration(BigInt(this.#parts(end).numbers.get(1) ?? 0));
      case "intOrString": {
        const { numbers, text } = this.#parts(end);
        return numbers.get(1) === 1 ? (text.get(3) ?? "") : Number(BigInt.asIntN(32, BigInt(numbers.get(2) ?? 0)));
      }
      case "time":
      case "microTime":
        return this.#time(plan.op === "microTime", end);
      case "raw":
      case "any":
        return this.#raw(plan, end);
      default:
        return this.#schemaOr(plan.op, end);
    }
  }

  /** The scalar members of a small special message. */
  #parts(end: number): { numbers: Map<number, number | bigint>; text: Map<number, string> } {
    const reader = this.#reader;
    const numbers = new Map<number, number | bigint>();
    const text = new Map<number, string>();
    while (reader.position < end) {
      const tag = reader.varint();
      if ((tag & 7) === 0) numbers.set(tag >> 3, reader.int64());
      else if ((tag & 7) === DELIMITED) text.set(tag >> 3, reader.text(end));
      else reader.skip(tag & 7, end);
    }
    return { numbers, text };
  }

  #wrapped(element: Plan, end: number): unknown[] {
    const items: unknown[] = [];
    while (this.#reader.position < end) {
      const tag = this.#reader.varint();
      if (tag >> 3 === 1) this.#item(items, element, tag & 7, end);
      else this.#reader.skip(tag & 7, end);
    }
    return items;
  }

  #time(micro: boolean, end: number): string | null {
    if (this.#reader.position === end) return null;
    const { numbers } = this.#parts(end);
    const seconds = Number(numbers.get(1) ?? 0);
    const nanos = Number(numbers.get(2) ?? 0);
    if (seconds < MIN_SECONDS || seconds > MAX_SECONDS || nanos < 0 || nanos > 999_999_999) {
      throw new DecodeError("type", "Time.MarshalJSON: year outside of range [0,9999]");
    }
    return micro ? formatMicro({ seconds, nanos }) : formatSeconds(seconds);
  }

  #raw(plan: Plan, end: number): unknown {
    const reader = this.#reader;
    let value: unknown = null;
    while (reader.position < end) {
      const tag = reader.varint();
      if (tag === 8 + DELIMITED) {
        const json = reader.delimited(end);
        value = json.length === 0 ? null : plan.shared ? fieldsIn(json) : decodeRawJson(json);
      } else reader.skip(tag & 7, end);
    }
    return value;
  }

  #schemaOr(op: Op, end: number): unknown {
    const reader = this.#reader;
    const items: unknown[] = [];
    let schema: unknown;
    let allows = false;
    while (reader.position < end) {
      const tag = reader.varint();
      const number = tag >> 3;
      if (op === "schemaOrBool" && number === 1 && (tag & 7) === 0) allows = reader.int64() !== 0;
      else if (number === (op === "schemaOrBool" ? 2 : 1)) schema = this.#value(jsonSchemaPlan(), tag & 7, end);
      else if (number === 2 && op === "schemaOrArray") items.push(this.#value(jsonSchemaPlan(), tag & 7, end));
      else if (number === 2 && op === "schemaOrStrings") {
        expectWire(tag & 7, DELIMITED);
        items.push(reader.text(end));
      } else reader.skip(tag & 7, end);
    }
    if (schema !== undefined) return schema;
    if (op === "schemaOrBool") return allows;
    return items.length === 0 ? null : items;
  }
}

/** Managed fields that cannot be read are "": no fields, which whoever keeps them drops. */
function fieldsIn(json: Uint8Array): unknown {
  try {
    return decodeFields(json);
  } catch (error) {
    if (error instanceof DecodeError) return "";
    throw error;
  }
}

function wireOf(op: Op): number {
  switch (op) {
    case "int32":
    case "int64":
    case "bool":
      return 0;
    case "double":
      return 1;
    default:
      return DELIMITED;
  }
}

function expectWire(wire: number, wanted: number): void {
  if (wire !== wanted) throw new DecodeError("syntax", `proto: wrong wireType = ${wire}`);
}

function canonicalText(canonical: (text: string) => string, text: string): string {
  try {
    return canonical(text);
  } catch (error) {
    throw new DecodeError("type", (error as Error).message, { cause: error });
  }
}
