import { BACKSLASH, CLOSE, CLOSE_LIST, COLON, COMMA, OPEN, OPEN_LIST, QUOTE } from "./json-bytes.ts";
import type { FieldPlan, Plan } from "./plan.ts";

const FIRST_TAPE = 1 << 14;
/** Strings longer than this are searched natively: a call costs as much as so many steps. */
const SHORT = 48;
const NOTHING = new Uint8Array(0);

/** Thrown for JSON in another form than the encoder's, and for kinds whose JSON is not that of their fields. */
export const UNFORESEEN = new Error("cannot note where values are without decoding them");

/** Cells of a value: two numbers that say where it is; both are 0 where there is none. */
export const CELLS = 2;

/**
 * Where the values of one JSON text are. A value has two cells: a string or number begin and end (negative: it has escapes); a
 * bool 1 or 2; an object the cells of its fields; a list or map its last entry, which names the one before it.
 */
export class JsonTape {
  cells = new Int32Array(FIRST_TAPE);
  #top = CELLS;
  #bytes: Uint8Array = NOTHING;
  #at = 0;

  /** @returns the first cell of the root's fields. */
  read(bytes: Uint8Array, plan: Plan): number {
    this.#top = CELLS;
    this.#bytes = bytes;
    this.#at = 0;
    this.cells.fill(0, 0, CELLS);
    this.#value(plan, 0);
    this.#bytes = NOTHING;
    return this.cells[0] as number;
  }

  #value(plan: Plan, cell: number): void {
    const bytes = this.#bytes;
    const first = bytes[this.#at];
    if (first === 0x6e) {
      this.#at += 4; // null is as if it were not there
      return;
    }
    switch (plan.op) {
      case "object":
        this.#object(plan, cell);
        return;
      case "map":
        this.#map(plan.element, cell);
        return;
      case "list":
        if (plan.wrapped) throw UNFORESEEN;
        this.#list(plan.element, cell);
        return;
      case "bool":
        this.cells[cell] = first === 0x74 ? 2 : 1;
        this.#at += first === 0x74 ? 4 : 5;
        return;
      case "raw":
      case "any":
        this.#raw(cell);
        return;
      case "schemaOrBool":
      case "schemaOrArray":
      case "schemaOrStrings":
        throw UNFORESEEN;
      default:
        if (first === QUOTE) this.#string(cell);
        else this.#number(cell);
    }
  }

  #object(plan: Plan, cell: number): void {
    const bytes = this.#bytes;
    const names = namesOf(plan);
    const base = this.#take(plan.fieldList.length * CELLS);
    this.cells[cell] = base;
    this.#expect(OPEN);
    if (this.#closes(CLOSE)) return;
    do {
      this.#expect(QUOTE);
      const start = this.#at;
      let hash = 0;
      let byte = bytes[this.#at] as number;
      while (byte !== QUOTE) {
        hash = (Math.imul(hash, 31) + byte) | 0;
        byte = bytes[++this.#at] as number;
        if (byte === undefined) throw UNFORESEEN;
      }
      const field = find(names, hash, bytes, start, this.#at);
      this.#at += 1;
      this.#expect(COLON);
      if (field === undefined) throw UNFORESEEN;
      this.#value(field.plan, base + field.index * CELLS);
    } while (this.#continues(CLOSE));
  }

  #map(element: Plan, cell: number): void {
    let last = 0;
    this.#expect(OPEN);
    if (this.#closes(CLOSE)) return;
    do {
      const entry = this.#take(5);
      if (this.#bytes[this.#at] !== QUOTE) throw UNFORESEEN;
      this.#string(entry + 3);
      this.#expect(COLON);
      this.#value(element, entry + 1);
      this.cells[entry] = last;
      last = entry;
    } while (this.#continues(CLOSE));
    this.cells[cell] = last;
  }

  #list(element: Plan, cell: number): void {
    let last = 0;
    this.#expect(OPEN_LIST);
    if (this.#closes(CLOSE_LIST)) return;
    do {
      const entry = this.#take(3);
      this.#value(element, entry + 1);
      this.cells[entry] = last;
      last = entry;
    } while (this.#continues(CLOSE_LIST));
    this.cells[cell] = last;
  }

  #string(cell: number): void {
    const bytes = this.#bytes;
    const start = this.#at + 1;
    let escaped = false;
    let i = start;
    let near = i + SHORT;
    for (;;) {
      const byte = bytes[i];
      if (byte === QUOTE) break;
      if (byte === undefined) throw UNFORESEEN;
      if (byte === BACKSLASH) {
        escaped = true;
        i += 2;
      } else i += 1;
      if (i < near) continue;
      const quote = bytes.indexOf(QUOTE, i);
      if (quote < 0) throw UNFORESEEN;
      i = firstOf(bytes, BACKSLASH, i, quote);
      near = i + SHORT;
    }
    this.cells[cell] = start;
    this.cells[cell + 1] = escaped ? -i : i;
    this.#at = i + 1;
  }

  #number(cell: number): void {
    const bytes = this.#bytes;
    this.cells[cell] = this.#at;
    let byte = bytes[this.#at];
    while (byte !== COMMA && byte !== CLOSE && byte !== CLOSE_LIST) {
      if (byte === undefined || byte === QUOTE || byte <= 0x20) throw UNFORESEEN;
      byte = bytes[++this.#at];
    }
    this.cells[cell + 1] = this.#at;
  }

  /** Any value, to its end. */
  #raw(cell: number): void {
    const bytes = this.#bytes;
    const start = this.#at;
    const first = bytes[start];
    if (first === QUOTE) {
      this.#string(cell);
      this.cells[cell] = start;
      this.cells[cell + 1] = this.#at;
      return;
    }
    if (first !== OPEN && first !== OPEN_LIST) {
      this.#number(cell);
      return;
    }
    let depth = 0;
    let i = start;
    do {
      const byte = bytes[i];
      if (byte === undefined) throw UNFORESEEN;
      if (byte === QUOTE) i = endOfString(bytes, i);
      else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
      else if (byte === CLOSE || byte === CLOSE_LIST) depth -= 1;
      i += 1;
    } while (depth > 0);
    this.cells[cell] = start;
    this.cells[cell + 1] = i;
    this.#at = i;
  }

  #expect(byte: number): void {
    if (this.#bytes[this.#at] !== byte) throw UNFORESEEN;
    this.#at += 1;
  }

  #closes(close: number): boolean {
    if (this.#bytes[this.#at] !== close) return false;
    this.#at += 1;
    return true;
  }

  #continues(close: number): boolean {
    const byte = this.#bytes[this.#at++];
    if (byte === COMMA) return true;
    if (byte !== close) throw UNFORESEEN;
    return false;
  }

  /** Fresh cells, all 0. */
  #take(size: number): number {
    const base = this.#top;
    this.#top += size;
    if (this.#top > this.cells.length) {
      const more = new Int32Array(Math.max(this.#top, this.cells.length * 2));
      more.set(this.cells);
      this.cells = more;
    }
    for (let i = base; i < this.#top; i += 1) this.cells[i] = 0;
    return base;
  }
}

/** The closing quote of the string whose opening one is at `at`. */
function endOfString(bytes: Uint8Array, at: number): number {
  let i = at + 1;
  for (let byte = bytes[i]; byte !== QUOTE; byte = bytes[++i]) {
    if (byte === undefined) throw UNFORESEEN;
    if (byte === BACKSLASH) i += 1;
  }
  return i;
}

/** Where `wanted` first is in [start, end); `end` where it is not. */
function firstOf(bytes: Uint8Array, wanted: number, start: number, end: number): number {
  const at = bytes.subarray(start, end).indexOf(wanted);
  return at < 0 ? end : start + at;
}

function find(names: Names, hash: number, bytes: Uint8Array, start: number, end: number): FieldPlan | undefined {
  const mask = names.length - 1;
  for (let at = hash & mask; ; at = (at + 1) & mask) {
    const field = names[at];
    if (field === undefined || isName(field.name, bytes, start, end)) return field;
  }
}

function isName(name: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i += 1) if (bytes[start + i] !== name.charCodeAt(i)) return false;
  return true;
}

/** Field plans by the hash of their names; open addressing. */
type Names = readonly (FieldPlan | undefined)[];

const known = new WeakMap<Plan, Names>();

function namesOf(plan: Plan): Names {
  let names = known.get(plan);
  if (names === undefined) {
    names = nameTable(plan.fieldList);
    known.set(plan, names);
  }
  return names;
}

function nameTable(fields: readonly FieldPlan[]): Names {
  let size = 4;
  while (size < fields.length * 3) size *= 2;
  const table = new Array<FieldPlan | undefined>(size).fill(undefined);
  for (const field of fields) {
    let at = hashOf(field.name) & (size - 1);
    while (table[at] !== undefined) at = (at + 1) & (size - 1);
    table[at] = field;
  }
  return table;
}

function hashOf(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i += 1) hash = (Math.imul(hash, 31) + name.charCodeAt(i)) | 0;
  return hash;
}
