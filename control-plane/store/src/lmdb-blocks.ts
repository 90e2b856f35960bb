/**
 * Entries as the reader hands them on, one after the other: the length of the key (16 bits), that of the value (32 bits), a number that tells
 * where it belongs among all (32 bits), key, value. The checksum that a value begins with in the file is left out.
 */
import { CHECKSUM } from "./lmdb-format.ts";

const HEAD = 10;
const NUMBER_AT = 6;
const SIZE = 1024 * 1024;
const NONE = Buffer.alloc(0);

/** Where an entry lies in a block. */
export interface EntryPlace {
  readonly block: Buffer;
  readonly key: number;
  readonly value: number;
  readonly end: number;
}

/**
 * Gathers entries into blocks of about a megabyte, each in memory of its own. The last entry can be taken back until the next one is there.
 */
export class BlockWriter {
  readonly #sink: (block: Buffer) => void;
  #block = NONE;
  #end = 0;
  /** Where the last entry begins. */
  #last = 0;

  constructor(sink: (block: Buffer) => void) {
    this.#sink = sink;
  }

  /** @param value Where the value begins, with its checksum. */
  add(bytes: Buffer, key: number, value: number, end: number): EntryPlace {
    const length = HEAD + (end - key) - CHECKSUM;
    if (this.#end + length > this.#block.length) this.#makeRoom(length);
    const block = this.#block;
    const at = this.#end;
    const valueAt = at + HEAD + value - key;
    block.writeUInt16LE(value - key, at);
    block.writeUInt32LE(end - value - CHECKSUM, at + 2);
    block.writeUInt32LE(0, at + NUMBER_AT);
    bytes.copy(block, at + HEAD, key, value);
    bytes.copy(block, valueAt, value + CHECKSUM, end);
    this.#last = at;
    this.#end = at + length;
    return { block, key: at + HEAD, value: valueAt, end: this.#end };
  }

  /** Says where the last entry belongs: 0 otherwise. */
  setNumber(number: number): void {
    this.#block.writeUInt32LE(number, this.#last + NUMBER_AT);
  }

  /** Once for each entry. */
  takeBack(): void {
    this.#end = this.#last;
  }

  flush(): void {
    if (this.#end > 0) this.#sink(this.#block.subarray(0, this.#end));
    this.#block = NONE;
    this.#end = 0;
    this.#last = 0;
  }

  /** The last entry stays: it may still be taken back. */
  #makeRoom(length: number): void {
    const last = Buffer.from(this.#block.subarray(this.#last, this.#end));
    this.#end = this.#last;
    this.flush();
    this.#block = Buffer.allocUnsafeSlow(Math.max(SIZE, last.length + length));
    last.copy(this.#block);
    this.#end = last.length;
  }
}

export function* entriesIn(block: Buffer): IterableIterator<EntryPlace & { readonly number: number }> {
  for (let at = 0; at < block.length; ) {
    const key = at + HEAD;
    const value = key + block.readUInt16LE(at);
    const end = value + block.readUInt32LE(at + 2);
    yield { block, key, value, end, number: block.readUInt32LE(at + NUMBER_AT) };
    at = end;
  }
}
