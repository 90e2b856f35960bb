import type { Cancel, Clock } from "@tsukube/foundation";
import type { Key } from "./types.ts";

/** As client-go's ItemExponentialFailureRateLimiter: 5 ms, doubling, at most about 16 minutes. */
const FIRST_RETRY_MS = 5;
const MAX_RETRY_MS = 1_000_000;

/**
 * Keys to reconcile. A key waits at most once; one that is being worked on and added again is worked on once more after.
 * Retries back off per key.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #waiting: Key[] = [];
  readonly #dirty = new Set<Key>();
  readonly #processing = new Set<Key>();
  readonly #failures = new Map<Key, number>();
  readonly #later = new Map<Key, { readonly due: number; readonly cancel: Cancel }>();
  readonly #takers: ((key: Key | undefined) => void)[] = [];
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get length(): number {
    return this.#waiting.length;
  }

  add(key: Key): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (this.#processing.has(key)) return;
    const taker = this.#takers.shift();
    if (taker === undefined) this.#waiting.push(key);
    else taker(this.#begin(key));
  }

  /** Adds the key after `ms`; of several such wishes the earliest counts. */
  addAfter(key: Key, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const due = this.#clock.monotonic() + ms;
    const present = this.#later.get(key);
    if (present !== undefined && present.due <= due) return;
    present?.cancel();
    const cancel = this.#clock.after(
      ms,
      () => {
        this.#later.delete(key);
        this.add(key);
      },
      { background: true },
    );
    this.#later.set(key, { due, cancel });
  }

  /** Adds the key after a wait that grows with its failures. */
  retry(key: Key): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS));
  }

  /** Forgets the key's failures. */
  forget(key: Key): void {
    this.#failures.delete(key);
  }

  /** The next key, when there is one; undefined once the queue is closed. Call {@link done} after. */
  take(): Promise<Key | undefined> {
    const key = this.#waiting.shift();
    if (key !== undefined) return Promise.resolve(this.#begin(key));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: Key): void {
    this.#processing.delete(key);
    if (!this.#dirty.has(key)) return;
    this.#dirty.delete(key);
    this.add(key);
  }

  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    this.#waiting.length = 0;
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #begin(key: Key): Key {
    this.#dirty.delete(key);
    this.#processing.add(key);
    return key;
  }
}
