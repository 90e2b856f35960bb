import type { Clock } from "@tsukube/foundation";

/** Who is inside leaves by calling it; again does nothing. */
export type Leave = () => void;

/** Lets a few in at a time; the others wait in the order in which they came. Nobody stays longer than `longestMs`. */
export class Gate {
  readonly #width: number;
  readonly #longestMs: number;
  readonly #clock: Clock;
  readonly #waiting: (() => void)[] = [];
  #inside = 0;

  constructor(width: number, longestMs: number, clock: Clock) {
    this.#width = width;
    this.#longestMs = longestMs;
    this.#clock = clock;
  }

  async enter(): Promise<Leave> {
    if (this.#inside < this.#width) this.#inside++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    let inside = true;
    const leave = (): void => {
      if (!inside) return;
      inside = false;
      cancel();
      const next = this.#waiting.shift();
      if (next === undefined) this.#inside--;
      else next(); // the place is handed on
    };
    const cancel = this.#clock.after(this.#longestMs, leave, { background: true });
    return leave;
  }
}
