import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import type { ResponseSink } from "@tsukube/host";

const OPTIONS = { level: 1 };
/** So much is packed at once; for more, others have their turn. */
const AT_ONCE_BYTES = 16 * 1024;
const pack = promisify<Uint8Array, typeof OPTIONS, Uint8Array>(gzip);

/** What goes to many clients is packed once. */
const known = new WeakMap<Uint8Array, Uint8Array>();

/**
 * Packs every piece into a gzip member of its own (RFC 1952 section 2.2): the client can read it as soon as it comes, and between
 * pieces nothing is kept.
 */
export class PackedSink implements ResponseSink {
  readonly #sink: ResponseSink;
  /** Settles when every piece so far is written; undefined: they are. */
  #packing: Promise<void> | undefined;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  write(piece: Uint8Array, written?: (error?: Error | null) => void): boolean {
    if (this.#packing === undefined && piece.length <= AT_ONCE_BYTES) {
      const isTaken = this.#sink.write(packedOnce(piece));
      written?.();
      return isTaken;
    }
    this.#packing = this.#afterwards(this.#packing, piece, written);
    this.#packing.catch(() => {}); // told by drained()
    return false;
  }

  async #afterwards(
    before: Promise<void> | undefined,
    piece: Uint8Array,
    written: ((error?: Error | null) => void) | undefined,
  ): Promise<void> {
    await before;
    const packed = await pack(piece, OPTIONS);
    written?.();
    this.#sink.write(packed);
  }

  async drained(): Promise<void> {
    await this.#packing;
    this.#packing = undefined;
    await this.#sink.drained();
  }

  end(): void {
    if (this.#packing === undefined) this.#sink.end();
    else
      this.#packing.then(
        () => this.#sink.end(),
        () => this.#sink.destroy(),
      );
  }

  destroy(): void {
    this.#sink.destroy();
  }
}

function packedOnce(piece: Uint8Array): Uint8Array {
  let packed = known.get(piece);
  if (packed === undefined) {
    packed = gzipSync(piece, OPTIONS);
    known.set(piece, packed);
  }
  return packed;
}
