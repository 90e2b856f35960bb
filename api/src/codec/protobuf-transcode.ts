import type { ObjectSchema } from "../schema.ts";
import { QUOTE } from "./json-bytes.ts";
import { JsonReader } from "./json-reader.ts";
import { CELLS, JsonTape, UNFORESEEN } from "./json-tape.ts";
import { type Op, type Plan, planOf } from "./plan.ts";
import { closeMessage, writeAbsent, writeTagged } from "./protobuf-encode.ts";
import { type Member, type MessagePlan, messagePlanOf } from "./protobuf-plan.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import { asciiText, utf8Text } from "./text.ts";

const NOTHING = new Uint8Array(0);

/** One tape serves all: transcoding is synchronous. */
const tape = new JsonTape();

/**
 * Writes the protobuf message of an object from its JSON, without making the object: one pass notes where each value stands,
 * a second writes them backwards. The JSON is the encoder's: compact, in normal form, maps sorted.
 * @returns False, with nothing written that counts, for what takes decoding.
 */
export function writeJsonObject(writer: ProtobufWriter, json: Uint8Array, schema: ObjectSchema): boolean {
  try {
    const plan = planOf(schema);
    const root = tape.read(json, plan);
    new TapeWriter(writer, json, tape.cells).members(root, membersOf(plan));
    return true;
  } catch (error) {
    if (error === UNFORESEEN) return false;
    throw error;
  }
}

/** How a member is found on a tape, and written. */
interface WriteMember {
  readonly number: number;
  readonly plan: Plan | undefined;
  /** Of its value, from the object's first cell on. */
  readonly cell: number;
  readonly inlined: readonly WriteMember[] | undefined;
  /** What is written where the object has no value. */
  readonly absent: Uint8Array;
}

const compiled = new WeakMap<Plan, readonly WriteMember[]>();

function membersOf(plan: Plan): readonly WriteMember[] {
  let members = compiled.get(plan);
  if (members === undefined) {
    members = writeMembers(messagePlanOf(plan));
    compiled.set(plan, members);
  }
  return members;
}

function writeMembers({ members }: MessagePlan): readonly WriteMember[] {
  return members.map((member: Member) => {
    const { number, field, inlined } = member;
    if (field === undefined)
      return { number, plan: undefined, cell: 0, inlined: writeMembers(inlined!), absent: NOTHING };
    const writer = new ProtobufWriter();
    writeAbsent(writer, number, field);
    return { number, plan: field.plan, cell: field.index * CELLS, inlined: undefined, absent: writer.finish() };
  });
}

/** Writes what a tape found. */
class TapeWriter {
  readonly #writer: ProtobufWriter;
  readonly #bytes: Uint8Array;
  readonly #cells: Int32Array;

  constructor(writer: ProtobufWriter, bytes: Uint8Array, cells: Int32Array) {
    this.#writer = writer;
    this.#bytes = bytes;
    this.#cells = cells;
  }

  /** @param base The first cell of an object's fields. */
  members(base: number, members: readonly WriteMember[]): void {
    for (let i = members.length - 1; i >= 0; i -= 1) {
      const { number, plan, cell, inlined, absent } = members[i] as WriteMember;
      if (inlined !== undefined) {
        const before = this.#writer.length;
        this.members(base, inlined);
        closeMessage(this.#writer, number, before);
      } else if (this.#cells[base + cell] === 0) this.#writer.copy(absent, 0, absent.length);
      else this.#field(number, base + cell, plan as Plan);
    }
  }

  #field(number: number, cell: number, plan: Plan): void {
    const cells = this.#cells;
    if (plan.op === "list") {
      for (let entry = cells[cell] as number; entry !== 0; entry = cells[entry] as number)
        this.#tagged(number, entry + 1, plan.element);
    } else if (plan.op === "map") {
      for (let entry = cells[cell] as number; entry !== 0; entry = cells[entry] as number) {
        const before = this.#writer.length;
        this.#tagged(2, entry + 1, plan.element);
        this.#text(1, entry + 3);
        closeMessage(this.#writer, number, before);
      }
    } else this.#tagged(number, cell, plan);
  }

  #tagged(number: number, cell: number, plan: Plan): void {
    const base = this.#cells[cell] as number;
    const before = this.#writer.length;
    switch (base === 0 ? "absent" : plan.op) {
      case "object":
        this.members(base, membersOf(plan));
        break;
      case "string":
        this.#text(number, cell);
        return;
      case "quantity":
      case "raw":
      case "any":
        this.#text(1, cell);
        break;
      case "list":
      case "map":
        throw UNFORESEEN; // a list of lists has no protobuf form
      case "absent":
        writeTagged(this.#writer, number, undefined, plan);
        return;
      default:
        writeTagged(this.#writer, number, this.#scalar(plan.op, cell), plan);
        return;
    }
    closeMessage(this.#writer, number, before);
  }

  #scalar(op: Op, cell: number): unknown {
    switch (op) {
      case "bool":
        return this.#cells[cell] === 2;
      case "int32":
      case "int64":
        return this.#integer(cell);
      case "double":
        return Number(this.#plain(cell));
      case "intOrString":
        return this.#bytes[(this.#cells[cell] as number) - 1] === QUOTE ? this.#plain(cell) : this.#integer(cell);
      default:
        return this.#plain(cell);
    }
  }

  #integer(cell: number): number | bigint {
    const text = this.#plain(cell);
    const value = Number(text);
    if (Number.isSafeInteger(value)) return value;
    if (!/^-?\d+$/.test(text)) throw UNFORESEEN;
    return BigInt(text);
  }

  #plain(cell: number): string {
    const start = this.#cells[cell] as number;
    const end = this.#cells[cell + 1] as number;
    if (end < 0) return this.#unescaped(start);
    const bytes = this.#bytes;
    let hash = 0;
    for (let i = start; i < end; i += 1) {
      const byte = bytes[i] as number;
      if (byte >= 0x80) return utf8Text(bytes, start, end);
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    return asciiText(bytes, start, end, hash);
  }

  #unescaped(start: number): string {
    const reader = new JsonReader(this.#bytes);
    reader.position = start - 1;
    return reader.string();
  }

  #text(number: number, cell: number): void {
    const before = this.#writer.length;
    const start = this.#cells[cell] as number;
    const end = this.#cells[cell + 1] as number;
    if (end < 0) this.#writer.text(this.#unescaped(start));
    else this.#writer.copy(this.#bytes, start, end);
    closeMessage(this.#writer, number, before);
  }
}
