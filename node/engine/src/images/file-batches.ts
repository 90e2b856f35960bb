import type { FileHandle } from "node:fs/promises";

const BATCH = 1024 * 1024;

/** Writes small pieces into a file in large ones; one is filled while the one before is written. */
export class FileBatches {
  readonly #file: Pick<FileHandle, "writeFile">;
  #filling = Buffer.allocUnsafeSlow(BATCH);
  #spare = Buffer.allocUnsafeSlow(BATCH);
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  /** @param file Written from where it stands. */
  constructor(file: Pick<FileHandle, "writeFile">) {
    this.#file = file;
  }

  /** Copies the piece: it may be used again at once. @throws what writing threw, of this piece or one before. */
  async add(piece: Uint8Array): Promise<void> {
    for (let taken = 0; taken < piece.length; ) {
      const part = piece.subarray(taken, taken + BATCH - this.#filled);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      taken += part.length;
      if (this.#filled === BATCH) await this.#write();
    }
  }

  /** Everything is written. @throws as {@link add}. */
  async end(): Promise<void> {
    if (this.#filled > 0) await this.#write();
    await this.#writing;
  }

  async #write(): Promise<void> {
    await this.#writing;
    this.#writing = this.#file.writeFile(this.#filling.subarray(0, this.#filled));
    this.#writing.catch(() => {}); // told by whoever waits for it next
    [this.#filling, this.#spare] = [this.#spare, this.#filling];
    this.#filled = 0;
  }
}
