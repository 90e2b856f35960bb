const MAX_LINES = 10;
const MAX_CHARACTERS = 16_000;

/** The end of what a command wrote. */
export class LastLines {
  #text = "";

  add(text: string): void {
    this.#text = (this.#text + text).slice(-MAX_CHARACTERS);
  }

  /** At most ten, without empty ones at the end; of a progress bar what it showed last. */
  get lines(): readonly string[] {
    const lines = this.#text
      .trimEnd()
      .split(/\r?\n/)
      .map((line) => line.slice(line.lastIndexOf("\r") + 1));
    return this.#text.trim() === "" ? [] : lines.slice(-MAX_LINES);
  }
}
