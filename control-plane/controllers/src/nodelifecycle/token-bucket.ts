/** Lets one thing happen at a time, and the next only after 1/rate seconds. */
export class TokenBucket {
  #tokens = 1;
  #at: number;

  /** @param now Monotonic ms. */
  constructor(now: number) {
    this.#at = now;
  }

  /** @param rate Tokens a second that came since the last call. @returns whether there was one to take. */
  take(rate: number, now: number): boolean {
    this.#tokens = Math.min(1, this.#tokens + ((now - this.#at) / 1000) * rate);
    this.#at = now;
    if (this.#tokens < 1 || rate === 0) return false;
    this.#tokens -= 1;
    return true;
  }
}
