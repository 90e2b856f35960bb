import type { Clock } from "@tsukube/foundation";

const FIRST_MS = 1000;
const MOST_MS = 15 * 60_000;

/**
 * How often a failed pod is replaced on the same node: a kubelet that refuses a pod refuses the next one too. One second,
 * doubling up to 15 minutes; forgotten after twice that.
 */
export class FailedPodBackoff {
  readonly #clock: Clock;
  readonly #entries = new Map<string, { readonly delay: number; readonly since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long to wait yet, in ms. */
  left(key: string): number {
    const entry = this.#entries.get(key);
    return entry === undefined ? 0 : Math.max(0, entry.since + entry.delay - this.#clock.monotonic());
  }

  /** A pod is replaced now: the next one waits longer. */
  next(key: string): void {
    const now = this.#clock.monotonic();
    for (const [old, { since }] of this.#entries) if (now - since > 2 * MOST_MS) this.#entries.delete(old);
    const delay = this.#entries.get(key)?.delay;
    this.#entries.set(key, { delay: delay === undefined ? FIRST_MS : Math.min(delay * 2, MOST_MS), since: now });
  }
}
