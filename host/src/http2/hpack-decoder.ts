import { CODE, ConnectionError } from "./frames.ts";
import { FIELD_BYTES, STATIC_FIELDS, TABLE_BYTES } from "./hpack-static.ts";
import { huffmanText } from "./huffman.ts";

/** Decodes the header blocks of one connection, in order (RFC 7541). */
export class HpackDecoder {
  /** Newest last. */
  #table: (readonly [name: string, value: string])[] = [];
  #size = 0;
  #capacity = TABLE_BYTES;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;

  /**
   * @param limit Bytes of all fields together, as RFC 9113 section 10.5.1 counts them.
   * @returns names and values in turn; undefined when they are more, which later blocks do not suffer from.
   * @throws {ConnectionError}
   */
  decode(bytes: Buffer, start: number, end: number, limit: number): readonly string[] | undefined {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    const fields: string[] = [];
    let size = 0;
    let isBegin = true;
    while (this.#at < end) {
      const first = bytes[this.#at]!;
      if ((first & 0xe0) === 0x20) {
        if (!isBegin) throw invalid("a table's size in the middle");
        this.#resize(this.#integer(0x1f));
        continue;
      }
      isBegin = false;
      const [name, value] = first >= 0x80 ? this.#field(this.#integer(0x7f)) : this.#literal(first);
      size += name.length + value.length + FIELD_BYTES;
      if (size <= limit) fields.push(name, value);
    }
    return size <= limit ? fields : undefined;
  }

  #literal(first: number): readonly [string, string] {
    const isKept = first >= 0x40;
    const index = this.#integer(isKept ? 0x3f : 0x0f);
    const name = index === 0 ? this.#text() : this.#field(index)[0];
    const field = [name, this.#text()] as const;
    if (isKept) this.#keep(field);
    return field;
  }

  #field(index: number): readonly [string, string] {
    const field =
      index <= STATIC_FIELDS.length
        ? STATIC_FIELDS[index - 1]
        : this.#table[this.#table.length + STATIC_FIELDS.length - index];
    if (field === undefined) throw invalid(`no field ${index}`);
    return field;
  }

  #keep(field: readonly [string, string]): void {
    this.#table.push(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  #resize(capacity: number): void {
    if (capacity > TABLE_BYTES) throw invalid(`a table of ${capacity} bytes`);
    this.#capacity = capacity;
    this.#evict();
  }

  #evict(): void {
    let gone = 0;
    while (this.#size > this.#capacity) this.#size -= sizeOf(this.#table[gone++]!);
    if (gone > 0) this.#table.splice(0, gone);
  }

  /** An integer whose first bits stand in a byte under `mask` (RFC 7541 section 5.1). */
  #integer(mask: number): number {
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte();
      if (shift > MOST_SHIFT) throw invalid("a number without end");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  #text(): string {
    const isHuffman = this.#at < this.#end && this.#bytes[this.#at]! >= 0x80;
    const length = this.#integer(0x7f);
    const start = this.#at;
    this.#at += length;
    if (this.#at > this.#end) throw invalid("a text without end");
    if (!isHuffman) return this.#bytes.toString("latin1", start, this.#at);
    const text = huffmanText(this.#bytes, start, this.#at);
    if (text === undefined) throw invalid("a text that is no Huffman code");
    return text;
  }

  #byte(): number {
    if (this.#at >= this.#end) throw invalid("a block without end");
    return this.#bytes[this.#at++]!;
  }
}

/** Numbers are below 2^32. */
const MOST_SHIFT = 28;

function sizeOf([name, value]: readonly [string, string]): number {
  return name.length + value.length + FIELD_BYTES;
}

function invalid(why: string): ConnectionError {
  return new ConnectionError(CODE.compression, `its headers have ${why}`);
}
