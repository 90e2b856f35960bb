import type { Clock } from "@tsukube/foundation";

/**
 * Which blobs a push in progress may rely on: it was told that they are there, or has just sent them. Whoever looks for a blob
 * notes that first, without waiting in between; the collector asks and removes without waiting in between: so a blob that
 * was found is not removed.
 */
export class Reliance {
  readonly #clock: Clock;
  readonly #noted = new Map<string, { readonly at: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns takes it back, for a blob that is not there: what is asked for in vain must not fill the memory. */
  note(digest: string): () => void {
    const before = this.#noted.get(digest);
    const mine = { at: this.#clock.now() };
    this.#noted.delete(digest); // the order of the map is that of the times
    this.#noted.set(digest, mine);
    return () => {
      if (this.#noted.get(digest) !== mine) return; // someone else relies on it by now
      if (before === undefined) this.#noted.delete(digest);
      else this.#noted.set(digest, before);
    };
  }

  /** When that was last, in milliseconds since the epoch. */
  last(digest: string): number | undefined {
    return this.#noted.get(digest)?.at;
  }

  /** Forgets what is older: the collector goes by the time of the files then. */
  forgetBefore(time: number): void {
    for (const [digest, { at }] of this.#noted) {
      if (at >= time) return;
      this.#noted.delete(digest);
    }
  }
}
