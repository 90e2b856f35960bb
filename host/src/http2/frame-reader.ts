import { CODE, ConnectionError, FRAME_BYTES, FRAME_HEAD_BYTES } from "./frames.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** A frame whose payload lies in `bytes` between `start` and `end`; they are not written again. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Cuts what a client sends into frames, after the preface with which a connection begins (RFC 9113 section 3.4). */
export class FrameReader {
  readonly #visit: (frame: Frame) => void;
  #rest: Buffer | undefined;
  #hasPreface = false;

  constructor(visit: (frame: Frame) => void) {
    this.#visit = visit;
  }

  /** @throws {ConnectionError} also those of `visit`. */
  read(piece: Buffer): void {
    const bytes = this.#rest === undefined ? piece : Buffer.concat([this.#rest, piece]);
    this.#rest = undefined;
    let at = this.#hasPreface ? 0 : this.#skipPreface(bytes);
    while (this.#hasPreface && bytes.length - at >= FRAME_HEAD_BYTES) {
      const length = bytes.readUIntBE(at, 3);
      if (length > FRAME_BYTES) throw new ConnectionError(CODE.frameSize, `a frame of ${length} bytes`);
      const start = at + FRAME_HEAD_BYTES;
      if (bytes.length < start + length) break;
      const id = bytes.readUInt32BE(at + 5) & 0x7fffffff;
      at = start + length;
      this.#visit({ type: bytes[start - 6]!, flags: bytes[start - 5]!, id, bytes, start, end: at });
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }

  #skipPreface(bytes: Buffer): number {
    const size = Math.min(bytes.length, PREFACE.length);
    if (bytes.compare(PREFACE, 0, size, 0, size) !== 0) throw new ConnectionError(CODE.protocol, "no preface");
    this.#hasPreface = bytes.length >= PREFACE.length;
    return this.#hasPreface ? PREFACE.length : 0;
  }
}
