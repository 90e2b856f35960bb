/** Lets so many things happen at once, and the next only as time passes. */
export class TokenBucket {
  readonly #most: number;
  #tokens: number;
  #at: number;

  /** @param now Monotonic ms. @param most Tokens that it holds, and has at first. */
  constructor(now: number, most = 1) {
    this.#most = most;
    this.#tokens = most;
    this.#at = now;
  }

  /** @param rate Tokens a second that came since the last call. @returns whether there was one to take. */
  take(rate: number, now: number): boolean {
    this.#tokens = Math.min(this.#most, this.#tokens + ((now - this.#at) / 1000) * rate);
    this.#at = now;
    if (this.#tokens < 1 || rate === 0) return false;
    this.#tokens -= 1;
    return true;
  }
}
