import type { Random } from "@tsukube/foundation";

export interface BackoffOptions {
  readonly firstMs: number;
  readonly limitMs: number;
}

/** Doubling delays with jitter: each is between one and two times the base, so that clients do not return together. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: Random;
  #failures = 0;

  constructor(options: BackoffOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** The delay before the next attempt, in ms. */
  next(): number {
    const base = Math.min(this.#options.firstMs * 2 ** this.#failures, this.#options.limitMs);
    this.#failures += 1;
    return base * (1 + this.#random.float());
  }

  reset(): void {
    this.#failures = 0;
  }
}
