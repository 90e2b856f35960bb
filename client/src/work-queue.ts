import type { Cancel, Clock } from "@tsukube/foundation";
import type { Key } from "./types.ts";

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** First delay after a failure; doubles with each. Default 5 ms. */
  readonly firstBackoffMs?: number;
  /** Default 1000 s. */
  readonly longestBackoffMs?: number;
}

/**
 * Keys to reconcile, each at most once at a time: a key that is added while it is worked on comes back when that is done.
 * Order is that of adding.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #first: number;
  readonly #longest: number;
  readonly #ready = new Set<Key>();
  readonly #active = new Set<Key>();
  readonly #dirty = new Set<Key>();
  readonly #failures = new Map<Key, number>();
  readonly #delayed = new Map<Key, { readonly due: number; readonly cancel: Cancel }>();
  #wake: (() => void)[] = [];
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#first = options.firstBackoffMs ?? 5;
    this.#longest = options.longestBackoffMs ?? 1_000_000;
  }

  /** Keys that are ready, for metrics. */
  get length(): number {
    return this.#ready.size;
  }

  add(key: Key): void {
    if (this.#closed) return;
    if (this.#active.has(key)) {
      this.#dirty.add(key);
      return;
    }
    this.#ready.add(key);
    this.#wake.shift()?.();
  }

  /** Adds after `ms`; of several delays for a key the earliest counts. */
  addAfter(key: Key, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) return this.add(key);
    const due = this.#clock.monotonic() + ms;
    const before = this.#delayed.get(key);
    if (before !== undefined && before.due <= due) return;
    before?.cancel();
    const fire = (): void => {
      this.#delayed.delete(key);
      this.add(key);
    };
    this.#delayed.set(key, { due, cancel: this.#clock.after(ms, fire, { background: true }) });
  }

  /** Adds after the key's backoff, which doubles until {@link forget}. Returns the number of failures so far. */
  addRateLimited(key: Key): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.addAfter(key, Math.min(this.#first * 2 ** failures, this.#longest));
    return failures + 1;
  }

  /** Clears the key's backoff. */
  forget(key: Key): void {
    this.#failures.delete(key);
  }

  /** The next key, when there is one; undefined once closed and drained. Call {@link done} with it afterwards. */
  async next(): Promise<Key | undefined> {
    while (true) {
      for (const key of this.#ready) {
        this.#ready.delete(key);
        this.#active.add(key);
        return key;
      }
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  done(key: Key): void {
    this.#active.delete(key);
    if (this.#dirty.delete(key)) this.add(key);
  }

  /** Takes nothing new; what is ready is still handed out. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#delayed.values()) cancel();
    this.#delayed.clear();
    for (const wake of this.#wake) wake();
    this.#wake = [];
  }
}
