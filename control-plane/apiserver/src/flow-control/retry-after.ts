const MOST_SECONDS = 32;

/**
 * When clients that were refused may come back: after a second, or later where many are refused, as TCP backs off: twice the
 * time when more than three a second are refused, a second less when fewer than one a second are.
 */
export class RetryAfter {
  seconds = 1;
  #raisedAt = 0;
  #second = 0;
  #refused = 0;
  #past: { readonly second: number; readonly refused: number }[] = [];

  /** @param now In ms. */
  refuse(now: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.#second) {
      this.#refused += 1;
      return;
    }
    this.#past.push({ second: this.#second, refused: this.#refused });
    this.#past = this.#past.filter((each) => second - each.second <= MOST_SECONDS);
    this.#second = second;
    this.#refused = 1;
    this.#adjust(second);
  }

  #adjust(second: number): void {
    const refused = this.#past
      .filter((each) => second - each.second <= this.seconds)
      .reduce((sum, each) => sum + each.refused, 0);
    if (second - this.#raisedAt >= this.seconds && refused >= 3 * this.seconds) {
      this.seconds = Math.min(MOST_SECONDS, 2 * this.seconds);
      this.#raisedAt = second;
    } else if (refused < this.seconds && this.seconds > 1) {
      this.seconds -= 1;
    }
  }
}
