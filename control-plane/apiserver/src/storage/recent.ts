/** Estimated bytes of kept objects at least, and half of those at most. */
const KEPT_BYTES = 32 * 1024 * 1024;
/** A decoded object takes about so many times the bytes of its JSON. */
const PER_BYTE = 4;

/** Keeps what was decoded or written last from being collected: when the young have filled their bytes, the old are let go. */
export class Recent {
  readonly #limit: number;
  /** The young, then the old. */
  #generations: readonly object[][] = [[], []];
  #bytes = 0;

  constructor(limit = KEPT_BYTES) {
    this.#limit = limit;
  }

  /** @param bytes Of its JSON. */
  keep(object: object, bytes: number): void {
    const [young = []] = this.#generations;
    young.push(object);
    this.#bytes += bytes * PER_BYTE;
    if (this.#bytes < this.#limit) return;
    this.#generations = [[], young];
    this.#bytes = 0;
  }
}
