import type { Random } from "@tsukube/foundation";

/** Waiting times that double from `first` to `most` ms, each lengthened by up to half at random, so that many do not return at once. */
export class Backoff {
  readonly #first: number;
  readonly #most: number;
  readonly #random: Random;
  #next: number;

  constructor(first: number, most: number, random: Random) {
    this.#first = first;
    this.#most = most;
    this.#random = random;
    this.#next = first;
  }

  /** The next wait in ms. */
  next(): number {
    const wait = this.#next * (1 + this.#random.float() / 2);
    this.#next = Math.min(this.#next * 2, this.#most);
    return wait;
  }

  reset(): void {
    this.#next = this.#first;
  }
}
