import type { Cancel, Clock } from "@tsukube/foundation";

interface Timer {
  readonly id: number;
  due: number;
  readonly callback: () => void;
  readonly every: number | undefined;
}

/**
 * Time that moves only when told. Timers fire in the order of their due time, then of their creation; between two timers
 * everything runnable runs. Work that neither timers nor promises show (another process, a thread) must be tracked.
 */
export class VirtualClock implements Clock {
  readonly #origin: number;
  readonly #timers = new Map<number, Timer>();
  #now: number;
  #next = 0;
  #inFlight = 0;

  /** @param start Milliseconds since the epoch; 2025-01-01T00:00:00Z by default. */
  constructor(start = Date.UTC(2025, 0, 1)) {
    this.#origin = start;
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  monotonic(): number {
    return this.#now - this.#origin;
  }

  after(ms: number, callback: () => void): Cancel {
    return this.#add(ms, callback, undefined);
  }

  every(ms: number, callback: () => void): Cancel {
    return this.#add(ms, callback, Math.max(ms, 1));
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(signal.reason);
      const abort = (): void => {
        cancel();
        reject(signal?.reason);
      };
      const cancel = this.after(ms, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  deadline(ms: number, parent?: AbortSignal): AbortSignal {
    const controller = new AbortController();
    this.after(ms, () => controller.abort(new DOMException("The operation timed out", "TimeoutError")));
    return parent === undefined ? controller.signal : AbortSignal.any([parent, controller.signal]);
  }

  async track<T>(work: Promise<T>): Promise<T> {
    this.#inFlight += 1;
    try {
      return await work;
    } finally {
      this.#inFlight -= 1;
    }
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Resolves when nothing is runnable at the present instant: every promise has run on and no tracked work is in flight. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3; ) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      quiet = this.#inFlight === 0 && this.#fireDue() === 0 ? quiet + 1 : 0;
    }
  }

  /** Moves time forward by `ms`, stopping at each timer on the way to fire it and to settle. */
  async advance(ms: number): Promise<void> {
    const target = this.#now + ms;
    await this.settle();
    for (let next = this.#earliest(); next !== undefined && next.due <= target; next = this.#earliest()) {
      this.#now = Math.max(this.#now, next.due);
      this.#fireDue();
      await this.settle();
    }
    this.#now = target;
  }

  #add(ms: number, callback: () => void, every: number | undefined): Cancel {
    const id = ++this.#next;
    this.#timers.set(id, { id, due: this.#now + Math.max(ms, 0), callback, every });
    return () => this.#timers.delete(id);
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers.values()) {
      if (first === undefined || timer.due < first.due || (timer.due === first.due && timer.id < first.id))
        first = timer;
    }
    return first;
  }

  /** Fires what is due now; what these callbacks add for now fires in the next round. */
  #fireDue(): number {
    const due = [...this.#timers.values()].filter((timer) => timer.due <= this.#now);
    due.sort((a, b) => a.due - b.due || a.id - b.id);
    for (const timer of due) {
      if (!this.#timers.has(timer.id)) continue; // cancelled by one before it
      if (timer.every === undefined) this.#timers.delete(timer.id);
      else timer.due += timer.every;
      timer.callback();
    }
    return due.length;
  }
}
