import type { digestSources } from "./copy-sources.ts";

type Digests = Awaited<ReturnType<typeof digestSources>>;

const MAX_FILES = 20_000;

/** Digests of files that never change, read once; those that were used last, for a number of files in all. */
export class KnownDigests {
  readonly #maxFiles: number;
  /** The longest unused first. */
  readonly #known = new Map<string, Digests>();
  #files = 0;

  constructor(maxFiles = MAX_FILES) {
    this.#maxFiles = maxFiles;
  }

  /** @param key All that the digests follow from. */
  async of(key: string, read: () => Promise<Digests>): Promise<Digests> {
    const digests = this.#known.get(key) ?? (await read());
    if (digests.size > this.#maxFiles) return digests; // all others would go for it
    this.#forget(key);
    this.#known.set(key, digests);
    this.#files += digests.size;
    for (const oldest of this.#known.keys()) {
      if (this.#files <= this.#maxFiles) break;
      this.#forget(oldest);
    }
    return digests;
  }

  #forget(key: string): void {
    this.#files -= this.#known.get(key)?.size ?? 0;
    this.#known.delete(key);
  }
}
