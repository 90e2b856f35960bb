import type { Clock } from "@tsukube/foundation";

const PATIENCE_MS = 5 * 60_000;

interface Pending {
  creations: number;
  readonly deletions: Set<string>;
  readonly until: number;
}

/** Writes that the cache has not shown yet, by owner: until it has, the owner's counts are not to be acted on. */
export class Expectations {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Call before the writes: the cache may be faster than their answers. */
  expect(owner: string, creations: number, deletions: readonly string[]): void {
    const until = this.#clock.monotonic() + PATIENCE_MS;
    this.#pending.set(owner, { creations, deletions: new Set(deletions), until });
  }

  /** A creation was seen, or failed. */
  created(owner: string): void {
    const pending = this.#pending.get(owner);
    if (pending !== undefined) pending.creations -= 1;
  }

  /** A deletion was seen, or failed. */
  deleted(owner: string, uid: string): void {
    this.#pending.get(owner)?.deletions.delete(uid);
  }

  forget(owner: string): void {
    this.#pending.delete(owner);
  }

  /** All was seen, or has been waited for too long. */
  fulfilled(owner: string): boolean {
    const pending = this.#pending.get(owner);
    if (pending === undefined) return true;
    return (pending.creations <= 0 && pending.deletions.size === 0) || pending.until <= this.#clock.monotonic();
  }
}
