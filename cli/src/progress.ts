import type { Clock } from "@tsukube/foundation";

/** Tells people what a long command does: one line a step, rewritten in place on a terminal, printed once otherwise. */
export class Progress {
  readonly #write: (text: string) => void;
  readonly #terminal: boolean;
  readonly #clock: Clock;
  readonly #began: number;
  readonly #timeline: { readonly what: string; readonly ms: number }[] = [];
  #open = false;

  constructor(clock: Clock, stream: { readonly isTTY?: boolean; write(text: string): unknown }) {
    this.#clock = clock;
    this.#write = (text) => stream.write(text);
    this.#terminal = stream.isTTY === true;
    this.#began = clock.monotonic();
  }

  /** Shows `what` while `work` runs, then ✓ with the time taken, or ✗ and rethrows. `work` may update the line. */
  async step<T>(what: string, work: (update: (detail: string) => void) => Promise<T>): Promise<T> {
    const began = this.#clock.monotonic();
    if (this.#terminal) this.#rewrite(`  … ${what}`);
    try {
      const result = await work((detail) => this.#update(what, detail));
      const ms = this.#clock.monotonic() - began;
      this.#finish(`  ✓ ${what} (${formatDuration(ms)})`);
      this.#timeline.push({ what, ms: this.#clock.monotonic() - this.#began });
      return result;
    } catch (error) {
      this.#finish(`  ✗ ${what}`);
      throw error;
    }
  }

  /** A line of its own. */
  say(text: string): void {
    this.#finish(text);
  }

  /** When each step was done, in ms from the start of the command. */
  get timeline(): readonly { readonly what: string; readonly ms: number }[] {
    return this.#timeline;
  }

  #lastDetail = "";
  #update(what: string, detail: string): void {
    if (this.#terminal) this.#rewrite(`  … ${what}: ${detail}`);
    else if (detail !== this.#lastDetail) this.#write(`    ${what}: ${detail}\n`);
    this.#lastDetail = detail;
  }

  #rewrite(text: string): void {
    this.#write(`\r\u001b[2K${text.slice(0, (process.stderr.columns ?? 100) - 1)}`);
    this.#open = true;
  }

  #finish(text: string): void {
    this.#write(`${this.#open ? "\r\u001b[2K" : ""}${text}\n`);
    this.#open = false;
  }
}

/** "34 ms", "1.2 s", "2 min 5 s". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
