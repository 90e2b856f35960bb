import { promisify } from "node:util";
import { constants, crc32, deflateRaw, deflateRawSync } from "node:zlib";
import type { ResponseSink } from "@tsukube/host";

// ends with an empty stored block, on which readers hand out what they have
const OPTIONS = { level: 1, finishFlush: constants.Z_SYNC_FLUSH };
/** So much is packed at once; for more, others have their turn. */
const AT_ONCE_BYTES = 16 * 1024;
const pack = promisify<Uint8Array, typeof OPTIONS, Uint8Array>(deflateRaw);

/** Of RFC 1952 section 2.3: deflated, no name, no time, by nobody in particular. */
const HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);
/** The last block of a deflated stream, with nothing in it. */
const LAST_BLOCK = Buffer.from([3, 0]);

/** What goes to many clients is packed once. */
const known = new WeakMap<Uint8Array, Uint8Array>();

/**
 * Packs every piece on its own into blocks of one gzip member (RFC 1952): the client can read it as soon as it comes, and between
 * pieces nothing is kept. Members of their own would be simpler, but Go hands out the end of one when it has seen the next.
 */
export class PackedSink implements ResponseSink {
  readonly #sink: ResponseSink;
  /** Settles when every piece so far is written; undefined: they are. */
  #packing: Promise<void> | undefined;
  #sum = 0;
  #bytes = 0;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  write(piece: Uint8Array, written?: (error?: Error | null) => void): boolean {
    if (this.#packing === undefined && piece.length <= AT_ONCE_BYTES) {
      const isTaken = this.#send(piece, packedOnce(piece));
      written?.();
      return isTaken;
    }
    this.#packing = this.#afterwards(this.#packing, piece, written);
    this.#packing.catch(() => {}); // told by drained()
    return false;
  }

  #send(piece: Uint8Array, packed: Uint8Array): boolean {
    if (this.#bytes === 0 && piece.length > 0) this.#sink.write(HEADER);
    this.#sum = crc32(piece, this.#sum);
    this.#bytes += piece.length;
    return this.#sink.write(packed);
  }

  async #afterwards(
    before: Promise<void> | undefined,
    piece: Uint8Array,
    written: ((error?: Error | null) => void) | undefined,
  ): Promise<void> {
    await before;
    const packed = await pack(piece, OPTIONS);
    written?.();
    this.#send(piece, packed);
  }

  async drained(): Promise<void> {
    await this.#packing;
    this.#packing = undefined;
    await this.#sink.drained();
  }

  end(): void {
    if (this.#packing === undefined) this.#finish();
    else
      this.#packing.then(
        () => this.#finish(),
        () => this.#sink.destroy(),
      );
  }

  #finish(): void {
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#sum, 0);
    trailer.writeUInt32LE(this.#bytes % 2 ** 32, 4);
    this.#sink.write(Buffer.concat([...(this.#bytes === 0 ? [HEADER] : []), LAST_BLOCK, trailer]));
    this.#sink.end();
  }

  destroy(): void {
    this.#sink.destroy();
  }
}

function packedOnce(piece: Uint8Array): Uint8Array {
  let packed = known.get(piece);
  if (packed === undefined) {
    packed = deflateRawSync(piece, OPTIONS);
    known.set(piece, packed);
  }
  return packed;
}
