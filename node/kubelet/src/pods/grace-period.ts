import type { Cancel, Clock } from "@tsukube/foundation";

/** The time that a pod has to end. It can be made shorter while it runs, never longer. */
export class GracePeriod {
  readonly #clock: Clock;
  readonly #over = new AbortController();
  readonly #listeners = new Set<() => void>();
  #until: number;
  #timer: Cancel;

  constructor(clock: Clock, seconds: number) {
    this.#clock = clock;
    this.#until = clock.now() + seconds * 1000;
    this.#timer = clock.after(seconds * 1000, () => this.#over.abort());
  }

  /** Whole seconds that are left, rounded up. */
  get seconds(): number {
    return Math.max(0, Math.ceil((this.#until - this.#clock.now()) / 1000));
  }

  /** Aborts when the time is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  shorten(seconds: number): void {
    const until = this.#clock.now() + seconds * 1000;
    if (until >= this.#until) return;
    this.#until = until;
    this.#timer();
    this.#timer = this.#clock.after(seconds * 1000, () => this.#over.abort());
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls back each time that less is left than was said. */
  onShortened(listener: () => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when `work` is done or the time is over, whatever comes first; the failure of `work` is nobody's. */
  async within(work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const over = (): void => resolve();
    this.signal.addEventListener("abort", over, { once: true });
    if (this.signal.aborted) resolve();
    work.then(over, over);
    await promise;
    this.signal.removeEventListener("abort", over);
  }

  close(): void {
    this.#timer();
  }
}
