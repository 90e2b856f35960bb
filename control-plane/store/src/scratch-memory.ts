const LEAST = 256 * 1024;
/** More is not kept from one use to the next. */
const MOST = 16 * 1024 * 1024;

/** Memory for what is needed until the next {@link clear}: it is used again then, so that nobody has to collect it. */
export class ScratchMemory {
  #block = Buffer.allocUnsafeSlow(0);
  #used = 0;
  /** Since the last clear, whether it had room or not. */
  #wanted = 0;

  /** Of any content. */
  allocate(length: number): Buffer {
    this.#wanted += length;
    if (this.#used + length > this.#block.length) return Buffer.allocUnsafe(length);
    const start = this.#used;
    this.#used += length;
    return this.#block.subarray(start, this.#used);
  }

  /** Whatever was allocated may be used for something else from now on. */
  clear(): void {
    // room for twice as much as last time
    const size = Math.min(MOST, Math.max(LEAST, 2 ** Math.ceil(Math.log2(this.#wanted * 2 + 1))));
    if (this.#wanted > this.#block.length || this.#block.length > 4 * size) this.#block = Buffer.allocUnsafeSlow(size);
    this.#used = 0;
    this.#wanted = 0;
  }
}
