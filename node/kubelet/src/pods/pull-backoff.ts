import type { Clock } from "@tsukube/foundation";

const FIRST_MS = 10_000;
const MOST_MS = 300_000;

/** When an image that could not be pulled may be tried again: 10 s, doubling to 5 minutes. */
export class PullBackoff {
  readonly #clock: Clock;
  readonly #failures = new Map<string, { delay: number; until: number; message: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The wait that is left in ms, and why; undefined: try. */
  waiting(image: string): { readonly ms: number; readonly message: string } | undefined {
    const failure = this.#failures.get(image);
    const ms = (failure?.until ?? 0) - this.#clock.now();
    return failure !== undefined && ms > 0 ? { ms, message: failure.message } : undefined;
  }

  failed(image: string, message: string): void {
    const delay = Math.min((this.#failures.get(image)?.delay ?? FIRST_MS / 2) * 2, MOST_MS);
    this.#failures.set(image, { delay, until: this.#clock.now() + delay, message });
  }

  succeeded(image: string): void {
    this.#failures.delete(image);
  }
}
