import type { Clock } from "@tsukube/foundation";

/** So much of a turn of the event loop may go by before further requests wait for the next one. */
const TURN_MS = 5;
const MOST = 64;

/**
 * Lets requests that arrive together begin over several turns of the event loop, in the order in which they came: between two
 * turns, watches are served, connections accepted and timers run. How many begin in one turn follows from how long turns take.
 */
export class Turns {
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #waiting: (() => void)[] = [];
  /** When the present turn began; undefined until the first request of a turn. */
  #began: number | undefined;
  #batch = 1;

  constructor(clock: Pick<Clock, "monotonic">) {
    this.#clock = clock;
  }

  /** Undefined when the request may begin now. */
  wait(): Promise<void> | undefined {
    const now = this.#clock.monotonic();
    if (this.#began === undefined) this.#begin(now);
    else if (this.#waiting.length > 0 || now - this.#began > TURN_MS)
      return new Promise((resolve) => this.#waiting.push(resolve));
    return undefined;
  }

  #begin(now: number): void {
    this.#began = now;
    setImmediate(() => this.#end());
  }

  #end(): void {
    const now = this.#clock.monotonic();
    const took = now - (this.#began ?? now);
    this.#began = undefined;
    if (this.#waiting.length === 0) return;
    this.#batch = took > TURN_MS ? Math.max(1, this.#batch >> 1) : Math.min(MOST, this.#batch * 2);
    this.#begin(now);
    for (const resolve of this.#waiting.splice(0, this.#batch)) resolve();
  }
}
