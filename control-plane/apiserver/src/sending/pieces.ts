import type { ResponseSink } from "@tsukube/host";
import { writeJoined } from "./chunks.ts";
import { FlowingBody } from "./flowing-body.ts";

/** Up to here a body is joined at once. */
const SMALL_BYTES = 64 * 1024;

/** A body of known length whose pieces lie elsewhere: they are copied when it is sent, a chunk at a time. */
export class Pieces extends FlowingBody {
  readonly byteLength: number;
  readonly #pieces: readonly Uint8Array[];

  private constructor(pieces: readonly Uint8Array[], byteLength: number) {
    super();
    this.#pieces = pieces;
    this.byteLength = byteLength;
  }

  /** Small ones as they are sent. */
  static of(pieces: readonly Uint8Array[]): Uint8Array | Pieces {
    let size = 0;
    for (const piece of pieces) size += piece.length;
    return size <= SMALL_BYTES ? Buffer.concat(pieces, size) : new Pieces(pieces, size);
  }

  joined(): Uint8Array {
    return Buffer.concat(this.#pieces, this.byteLength);
  }

  flow(sink: ResponseSink, signal: AbortSignal): Promise<void> {
    return writeJoined(sink, this.#pieces, signal);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    yield this.joined();
  }
}
