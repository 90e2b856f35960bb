import { type FileHandle, open } from "node:fs/promises";
import { Readable } from "node:stream";

const PIECE = 256 * 1024;

/** A blob that is still being fetched, in a file: read by any number at once, each at its own pace. */
export class GrowingBlob {
  readonly size: number;
  readonly #path: string;
  #have = 0;
  #outcome: { readonly error?: unknown } | undefined;
  #wake: (() => void)[] = [];

  /** @param size What it will have in the end. */
  constructor(path: string, size: number) {
    this.#path = path;
    this.size = size;
  }

  /** Notes what the file has by now. */
  grown(size: number): void {
    this.#have = size;
    this.#notify();
  }

  /** Why it failed, if it did. */
  get error(): unknown {
    return this.#outcome?.error;
  }

  /** It is whole and checked, or failed. */
  ended(outcome: { readonly error?: unknown }): void {
    this.#outcome = outcome;
    this.#notify();
  }

  /**
   * From `first` to `last`, both inclusive. The end of the blob comes only after its digest was checked: before, a reader
   * could take for whole what is not.
   */
  async stream(first: number, last: number): Promise<Readable> {
    const file = await open(this.#path, "r"); // at once: the file moves when it is whole
    return Readable.from(this.#read(file, first, last), { objectMode: false });
  }

  async *#read(file: FileHandle, first: number, last: number): AsyncGenerator<Buffer> {
    try {
      for (let at = first; at <= last; ) {
        const end = Math.min(last + 1, this.#outcome === undefined ? this.#safe : this.size);
        if (this.#outcome?.error !== undefined) throw this.#outcome.error;
        if (at >= end) await new Promise<void>((resolve) => this.#wake.push(resolve));
        else {
          const { bytesRead, buffer } = await file.read(
            Buffer.allocUnsafe(Math.min(PIECE, end - at)),
            0,
            undefined,
            at,
          );
          if (bytesRead === 0) throw new Error(`the file ended at ${at}`);
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      }
    } finally {
      await file.close();
    }
  }

  /** All but the last byte, until the digest is known. */
  get #safe(): number {
    return Math.min(this.#have, this.size - 1);
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
