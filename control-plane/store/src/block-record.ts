import type { StoredRecord } from "./store.ts";

/** Where the bytes of a record lie in a block: its index, and its value right after. */
export interface RecordPlace {
  readonly block: Buffer;
  readonly index: number;
  readonly body: number;
  readonly end: number;
}

/**
 * A record whose bytes lie in a block with those of many others. Views of them are made when somebody asks: those of a million records would take
 * as much memory as small values do.
 */
export class BlockRecord implements StoredRecord {
  readonly key: string;
  readonly revision: number;
  readonly createRevision: number;
  readonly #block: Buffer;
  readonly #index: number;
  readonly #body: number;
  readonly #end: number;

  constructor(key: string, revision: number, createRevision: number, { block, index, body, end }: RecordPlace) {
    this.key = key;
    this.revision = revision;
    this.createRevision = createRevision;
    this.#block = block;
    this.#index = index;
    this.#body = body;
    this.#end = end;
  }

  get value(): Uint8Array {
    return this.#block.subarray(this.#body, this.#end);
  }

  get index(): Uint8Array {
    return this.#block.subarray(this.#index, this.#body);
  }
}
