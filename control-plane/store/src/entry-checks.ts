import { crc32 } from "node:zlib";
import type { EntryPlace } from "./lmdb-blocks.ts";
import { CHECKSUM, crcOfShort, differs, type Meta, showKey } from "./lmdb-format.ts";

/** Checks entries as they come from a file, in the order of their keys: each by its checksum, and all of them by what the meta entry says. */
export class EntryChecks {
  readonly #meta: Meta;
  #count = 0;
  #sum = 0;
  readonly #previous = Buffer.alloc(64 * 1024);
  #previousLength = 0;

  constructor(meta: Meta) {
    this.#meta = meta;
  }

  /** @returns how many bytes a key begins with that the one before it begins with too. @throws when it does not come after that. */
  follow(bytes: Buffer, key: number, end: number): number {
    const previous = this.#previous;
    const length = end - key;
    const most = Math.min(length, this.#previousLength);
    let shared = 0;
    while (shared < most && bytes[key + shared] === previous[shared]) shared += 1;
    const isNext = shared < most ? bytes[key + shared]! > previous[shared]! : length > this.#previousLength;
    if (!isNext) throw new Error(`"${showKey(bytes.subarray(key, end))}" is out of order`);
    bytes.copy(previous, shared, key + shared, end);
    this.#previousLength = length;
    return shared;
  }

  /** @param expected The checksum that its value begins with in the file. @throws {StoreError} `damaged`. */
  check({ block, key, value, end }: EntryPlace, expected: number): void {
    // without Buffer's constructor, which takes as long as the sum
    const found = crc32(new Uint8Array(block.buffer, block.byteOffset + key, end - key));
    if (found !== expected) throw differs(block.subarray(key, value));
    this.#add(found);
  }

  /** The same of an entry as it lies in the file. */
  checkShort(bytes: Buffer, key: number, value: number, end: number): void {
    const found = crcOfShort(bytes, value + CHECKSUM, end, crcOfShort(bytes, key, value));
    if (found !== bytes.readUInt32BE(value)) throw differs(bytes.subarray(key, value));
    this.#add(found);
  }

  #add(found: number): void {
    this.#count += 1;
    this.#sum = (this.#sum ^ found) >>> 0;
  }

  /** @throws when entries are missing, or were written at another time. */
  finish(): void {
    const { count, sum } = this.#meta;
    if (this.#count !== count) throw new Error(`${this.#count} entries, expected ${count}`);
    if (this.#sum !== sum) throw new Error("the sum of all checksums differs, expected that of the last commit");
  }
}
