/** Which steps of a build ran, and why: read from what it tells. */
export class BuildReasons {
  readonly #steps = new Map<string, string>();
  readonly #reasons: string[] = [];
  #cached = 0;

  /** @param text One message of the build. */
  read(text: string): void {
    const [, number = "", total = "", step = ""] = /^Step (\d+)\/(\d+) : (.*)/.exec(text) ?? [];
    if (number !== "") this.#steps.set(number, `step ${number}/${total} ${step}`);
    const [, missed = "", why = ""] = /^ ---> Running \(step (\d+)\): (.*)/.exec(text) ?? [];
    if (missed !== "") this.#reasons.push(`${this.#steps.get(missed) ?? `step ${missed}`}: ${why}`);
    if (text.startsWith(" ---> Using cache")) this.#cached++;
  }

  /** A line for each step that ran, and one that counts the others. */
  get lines(): readonly string[] {
    const count = `${this.#reasons.length === 0 ? "nothing ran: " : ""}${this.#cached} steps were found in the cache`;
    return [...this.#reasons, count];
  }
}
