import type { OutgoingHeaders } from "../https-server.ts";
import { FIELD_BYTES, STATIC_FIELDS, TABLE_BYTES } from "./hpack-static.ts";

/** A field in the table that the client keeps too. */
interface Kept {
  readonly name: string;
  readonly value: string;
  /** How many came before it. */
  readonly number: number;
  readonly size: number;
}

/** Different in almost every answer: in the table they would only take the place of others. */
const VOLATILE = new Set(["audit-id", "content-length", "etag", "last-modified", "location", "retry-after", "warning"]);
/** Never in a table, where their length could tell (RFC 7541 section 7.1.3). */
const SECRET = new Set(["authorization", "proxy-authorization", "set-cookie"]);
const WORTH_KEEPING_BYTES = 256;

const STATIC_NAMES = new Map(STATIC_FIELDS.map(([name], index) => [name, index + 1] as const).reverse());
const STATUSES = new Map(
  STATIC_FIELDS.flatMap(([name, value], index) => (name === ":status" ? [[Number(value), index + 1]] : [])),
);
const STATUS_NAME = STATIC_NAMES.get(":status")!;
const LENGTH_NAME = STATIC_NAMES.get("content-length")!;
const STARTING_BYTES = 1024;

/** Encodes the heads of answers on one connection, in the order in which they are sent (RFC 7541). Texts are sent as they are. */
export class HpackEncoder {
  #bytes = Buffer.allocUnsafe(STARTING_BYTES);
  #at = 0;
  /** The newest of each name. */
  readonly #kept = new Map<string, Kept>();
  /** Oldest first; those before `#oldest` are gone. */
  #table: Kept[] = [];
  #oldest = 0;
  #number = 0;
  #size = 0;
  #capacity = TABLE_BYTES;
  #isResized = false;

  /** What the client allows (SETTINGS_HEADER_TABLE_SIZE); more than the usual is not used. */
  resize(capacity: number): void {
    const next = Math.min(capacity, TABLE_BYTES);
    if (next === this.#capacity) return;
    this.#capacity = next;
    this.#isResized = true;
    this.#evict();
  }

  /**
   * @param date Of the answer, where `headers` do not tell.
   * @param length Of its body, where that is known.
   * @returns bytes that are written again for the next head: copy them.
   */
  encode(status: number, headers: OutgoingHeaders, date: string, length: number | undefined): Buffer {
    this.#at = 0;
    if (this.#isResized) this.#integer(0x20, 0x1f, this.#capacity);
    this.#isResized = false;
    this.#status(status);
    let isDated = false;
    for (const name in headers) {
      const value = headers[name]!;
      isDated ||= name === "date";
      if (length !== undefined && name === "content-length") continue;
      if (typeof value === "string") this.#field(name, value);
      else for (const one of value) this.#field(name, one);
    }
    if (!isDated) this.#field("date", date);
    if (length !== undefined) this.#literal(0, 0x0f, LENGTH_NAME, "content-length", String(length));
    return this.#bytes.subarray(0, this.#at);
  }

  #status(status: number): void {
    const index = STATUSES.get(status);
    if (index !== undefined) this.#integer(0x80, 0x7f, index);
    else this.#literal(0, 0x0f, STATUS_NAME, ":status", String(status));
  }

  #field(given: string, value: string): void {
    const found = this.#kept.get(given); // nearly always in lower case, and as before
    if (found !== undefined && found.value === value) {
      this.#integer(0x80, 0x7f, this.#indexOf(found));
      return;
    }
    const name = given.toLowerCase();
    const kept = found ?? this.#kept.get(name);
    if (kept !== undefined && kept.value === value) {
      this.#integer(0x80, 0x7f, this.#indexOf(kept));
      return;
    }
    const index = kept === undefined ? (STATIC_NAMES.get(name) ?? 0) : this.#indexOf(kept);
    const text = UNSENDABLE.test(value) ? value.replaceAll(UNSENDABLE_ALL, " ") : value;
    if (SECRET.has(name)) this.#literal(0x10, 0x0f, index, name, text);
    else if (value.length > WORTH_KEEPING_BYTES || (index > 0 && VOLATILE.has(name)))
      this.#literal(0, 0x0f, index, name, text);
    else {
      const size = this.#literal(0x40, 0x3f, index, name, text);
      this.#keep(name, value, size + FIELD_BYTES);
    }
  }

  #indexOf({ number }: Kept): number {
    return STATIC_FIELDS.length + this.#number - number;
  }

  /** @returns bytes of name and value. */
  #literal(pattern: number, mask: number, index: number, name: string, value: string): number {
    this.#integer(pattern, mask, index);
    if (index === 0) this.#text(name);
    return name.length + this.#text(value);
  }

  #keep(name: string, value: string, size: number): void {
    const kept = { name, value, number: this.#number, size };
    this.#number += 1;
    this.#size += size;
    this.#table.push(kept);
    this.#kept.set(name, kept);
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#capacity) {
      const gone = this.#table[this.#oldest++]!;
      this.#size -= gone.size;
      if (this.#kept.get(gone.name) === gone) this.#kept.delete(gone.name);
    }
    if (this.#oldest < WORTH_KEEPING_BYTES) return;
    this.#table = this.#table.slice(this.#oldest);
    this.#oldest = 0;
  }

  #integer(pattern: number, mask: number, value: number): void {
    this.#reserve(6);
    if (value < mask) {
      this.#bytes[this.#at++] = pattern | value;
      return;
    }
    this.#bytes[this.#at++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }

  /** @returns its bytes. */
  #text(text: string): number {
    const size = Buffer.byteLength(text);
    this.#integer(0, 0x7f, size);
    this.#reserve(size);
    this.#bytes.write(text, this.#at, size, size === text.length ? "latin1" : "utf8");
    this.#at += size;
    return size;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + size));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** What would end a field, or is none. */
const UNSENDABLE = /[\0\r\n]/;
const UNSENDABLE_ALL = /[\0\r\n]/g;
