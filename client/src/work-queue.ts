import type { Cancel, Clock } from "@tsukube/foundation";
import type { MeasuredQueue } from "./queue-metrics.ts";
import type { Key } from "./types.ts";

/** How long a key waits that failed: doubling from the first to the longest. */
export interface RetryWaits {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** As client-go's ItemExponentialFailureRateLimiter by default: at most about 16 minutes. */
const RETRY_WAITS: RetryWaits = { firstMs: 5, longestMs: 1_000_000 };

/**
 * Keys to reconcile. A key waits at most once; one that is being worked on and added again is worked on once more after.
 * Retries back off per key.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #rank: (key: Key) => number;
  /** By rank: there are few. */
  readonly #waiting = new Map<number, Key[]>();
  readonly #dirty = new Set<Key>();
  readonly #processing = new Set<Key>();
  readonly #failures = new Map<Key, number>();
  readonly #later = new Map<Key, { readonly due: number; readonly cancel: Cancel }>();
  readonly #takers: ((key: Key | undefined) => void)[] = [];
  readonly #measured: MeasuredQueue | undefined;
  readonly #waits: RetryWaits;
  #closed = false;

  /** @param rank Keys of the highest rank are taken first, as it is when they are added. */
  constructor(clock: Clock, rank: (key: Key) => number = () => 0, measured?: MeasuredQueue, waits = RETRY_WAITS) {
    this.#clock = clock;
    this.#rank = rank;
    this.#measured = measured;
    this.#waits = waits;
  }

  get length(): number {
    return [...this.#waiting.values()].reduce((sum, keys) => sum + keys.length, 0);
  }

  /** Keys that wait to be tried again after failures. */
  get retries(): ReadonlySet<Key> {
    const isIdle = (key: Key): boolean => !this.#dirty.has(key) && !this.#processing.has(key);
    return new Set([...this.#later.keys()].filter((key) => this.#failures.has(key) && isIdle(key)));
  }

  add(key: Key): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    this.#measured?.added(key);
    if (!this.#processing.has(key)) this.#offer(key);
  }

  #offer(key: Key): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#wait(key);
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
    this.#measured?.retried();
    this.addAfter(key, Math.min(this.#waits.firstMs * 2 ** failures, this.#waits.longestMs));
  }

  /** Forgets the key's failures. */
  forget(key: Key): void {
    this.#failures.delete(key);
  }

  /** The next key, when there is one; undefined once the queue is closed. Call {@link done} after. */
  take(): Promise<Key | undefined> {
    const key = this.#first();
    if (key !== undefined) return Promise.resolve(this.#begin(key));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  done(key: Key): void {
    this.#processing.delete(key);
    this.#measured?.done(key);
    if (this.#dirty.has(key) && !this.#closed) this.#offer(key);
  }

  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    this.#waiting.clear();
    this.#measured?.closed();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #wait(key: Key): void {
    const rank = this.#rank(key);
    const keys = this.#waiting.get(rank);
    if (keys === undefined) this.#waiting.set(rank, [key]);
    else keys.push(key);
  }

  #first(): Key | undefined {
    if (this.#waiting.size === 0) return undefined;
    const rank = Math.max(...this.#waiting.keys());
    const keys = this.#waiting.get(rank) ?? [];
    const key = keys.shift();
    if (keys.length === 0) this.#waiting.delete(rank);
    return key;
  }

  #begin(key: Key): Key {
    this.#dirty.delete(key);
    this.#processing.add(key);
    this.#measured?.taken(key);
    return key;
  }
}
