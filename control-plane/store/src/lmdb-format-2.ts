/**
 * Formats 1 and 2: versions lie in the order of their keys, `r` + key + NUL + revision, beside logs, `l` + revision, of what was written when. What
 * is newest of each key is handed on as entries of the present format.
 */
import { EntryChecks } from "./entry-checks.ts";
import { BlockWriter } from "./lmdb-blocks.ts";
import { CHECKSUM, differs, isVersionKey, type Meta } from "./lmdb-format.ts";

const REVISION = 8;
/** Of a version's value: the length of its index stands at its end. */
const HEADER = 33;
const LENGTH_AT = 29;
/** Time and place of a version, which were not told. */
const UNKNOWN = Buffer.alloc(12);

export class EntriesOfFormat2 {
  readonly #checks: EntryChecks;
  readonly #blocks: BlockWriter;
  #previousLength = 0;
  /** Whether the last entry in the block is of the key that versions are coming of. */
  #isKept = false;
  /** How many keys were kept before it. */
  #number = 0;

  constructor(meta: Meta, sink: (block: Buffer) => void) {
    this.#checks = new EntryChecks(meta);
    this.#blocks = new BlockWriter(sink);
  }

  take(bytes: Buffer, key: number, value: number, end: number): void {
    const length = value - key;
    const shared = this.#checks.follow(bytes, key, value);
    const isSameKey = length === this.#previousLength && shared >= length - REVISION;
    this.#previousLength = length;
    const isVersion = isVersionKey(bytes[key]);
    if (isVersion && isSameKey && this.#isKept) this.#blocks.takeBack();
    else if (this.#isKept) this.#number += 1;
    this.#isKept = false;
    if (length === 1) return; // the meta entry
    if (end - value < (isVersion ? HEADER : CHECKSUM)) throw differs(bytes.subarray(key, value));
    this.#checks.check(this.#blocks.add(bytes, key, value, end), bytes.readUInt32BE(value));
    this.#blocks.takeBack();
    if (isVersion && bytes[value + CHECKSUM] === 0) this.#keep(bytes.subarray(key, value), bytes.subarray(value, end));
  }

  finish(): void {
    this.#checks.finish();
    this.#blocks.flush();
  }

  #keep(key: Buffer, value: Buffer): void {
    const name = key.subarray(1, -REVISION - 1);
    const now = [
      ...[key.subarray(0, 1), key.subarray(-REVISION), name],
      ...[value.subarray(0, LENGTH_AT), UNKNOWN, value.subarray(LENGTH_AT)],
    ];
    const all = Buffer.concat(now);
    this.#blocks.add(all, 0, key.length - 1, all.length);
    this.#blocks.setNumber(this.#number);
    this.#isKept = true;
  }
}
