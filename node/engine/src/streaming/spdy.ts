import type { Transform } from "node:stream";
import { constants, createDeflate, createInflate } from "node:zlib";
import { TsukubeError } from "@tsukube/foundation";
import { spdyDictionary } from "./spdy-dictionary.ts";

/** Names in lower case. */
export type SpdyHeaders = Readonly<Record<string, string>>;

/** Frames of SPDY/3.1 (draft 3.1, section 2.6). */
export type SpdyFrame =
  | { readonly type: "SYN_STREAM"; readonly id: number; readonly fin: boolean; readonly headers: SpdyHeaders }
  | { readonly type: "SYN_REPLY"; readonly id: number; readonly fin: boolean; readonly headers: SpdyHeaders }
  | { readonly type: "HEADERS"; readonly id: number; readonly fin: boolean; readonly headers: SpdyHeaders }
  | { readonly type: "DATA"; readonly id: number; readonly fin: boolean; readonly data: Buffer }
  | { readonly type: "RST_STREAM"; readonly id: number; readonly status: number }
  | { readonly type: "SETTINGS"; readonly values: ReadonlyMap<number, number> }
  | { readonly type: "PING"; readonly id: number }
  | { readonly type: "GOAWAY"; readonly lastId: number; readonly status: number }
  | { readonly type: "WINDOW_UPDATE"; readonly id: number; readonly delta: number }
  /** Of a kind that is to be ignored. */
  | { readonly type: "UNKNOWN"; readonly kind: number };

const KINDS = {
  SYN_STREAM: 1,
  SYN_REPLY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  HEADERS: 8,
  WINDOW_UPDATE: 9,
} as const;

/** Reasons in RST_STREAM (section 2.6.3). */
export const RESET = { protocolError: 1, invalidStream: 2, refusedStream: 3, cancel: 5, internalError: 6 } as const;

const VERSION = 3;
const FIN = 1;
const MAX_CONTROL = 16 * 1024;
const MAX_INFLATED = 256 * 1024;
const MAX_DATA = 4 * 1024 * 1024;

const invalid = (state: string): TsukubeError => new TsukubeError("invalid-spdy", `Cannot read SPDY frame: ${state}`);

/** One direction's zlib state: header blocks of a connection form one stream, flushed after each. */
class HeaderCodec {
  readonly #zlib: Transform;
  #output: Buffer[] = [];
  #size = 0;
  #fail: (error: TsukubeError) => void = () => {};

  constructor(make: typeof createDeflate | typeof createInflate) {
    this.#zlib = make({ dictionary: spdyDictionary(), flush: constants.Z_SYNC_FLUSH });
    this.#zlib.on("readable", () => this.#drain());
    // a write that fails or ends the stream is never called back: these two tell
    this.#zlib.on("error", (error) => this.#fail(invalid(`its header block is damaged (${error.message})`)));
    this.#zlib.on("end", () => this.#fail(invalid("its header block ends the compression")));
  }

  /** Calls must not overlap. */
  run(block: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#zlib.write(block, (error) => {
        if (error != null) return;
        this.#drain();
        resolve(Buffer.concat(this.#output));
        this.#output = [];
        this.#size = 0;
      });
    });
  }

  close(): void {
    this.#zlib.destroy();
    this.#fail(invalid("the connection was closed"));
  }

  #drain(): void {
    for (let part = this.#zlib.read() as Buffer | null; part !== null; part = this.#zlib.read() as Buffer | null) {
      this.#output.push(part);
      this.#size += part.length;
    }
    if (this.#size > MAX_INFLATED) this.#zlib.destroy(new Error("too large"));
  }
}

/** Reads the frames of one connection. */
export class SpdyDecoder {
  readonly #headers = new HeaderCodec(createInflate);
  #pending: Buffer = Buffer.alloc(0);

  /** The frames completed by `chunk`, in order. Calls must not overlap. @throws {TsukubeError} `invalid-spdy`. */
  async *decode(chunk: Buffer): AsyncGenerator<SpdyFrame> {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 8) {
      const word = this.#pending.readUInt32BE(0);
      const length = this.#pending.readUIntBE(5, 3);
      const control = word >= 0x80000000;
      if (length > (control ? MAX_CONTROL : MAX_DATA)) throw invalid(`${length} bytes long`);
      if (this.#pending.length < 8 + length) return;
      const flags = this.#pending[4] as number;
      const payload = this.#pending.subarray(8, 8 + length);
      this.#pending = this.#pending.subarray(8 + length);
      if (control) yield await this.#control(word, flags, payload);
      else yield { type: "DATA", id: word, fin: (flags & FIN) !== 0, data: payload };
    }
  }

  close(): void {
    this.#headers.close();
  }

  async #control(word: number, flags: number, payload: Buffer): Promise<SpdyFrame> {
    const version = (word >>> 16) & 0x7fff;
    if (version !== VERSION) throw invalid(`version ${version}, expected ${VERSION}`);
    const kind = word & 0xffff;
    const at = (offset: number): number => {
      if (payload.length < offset + 4) throw invalid(`kind ${kind} with ${payload.length} bytes`);
      return payload.readUInt32BE(offset);
    };
    const id = (): number => at(0) & 0x7fffffff;
    const fin = (flags & FIN) !== 0;
    switch (kind) {
      case KINDS.SYN_STREAM:
        return { type: "SYN_STREAM", id: id(), fin, headers: await this.#block(payload, 10) };
      case KINDS.SYN_REPLY:
        return { type: "SYN_REPLY", id: id(), fin, headers: await this.#block(payload, 4) };
      case KINDS.HEADERS:
        return { type: "HEADERS", id: id(), fin, headers: await this.#block(payload, 4) };
      case KINDS.RST_STREAM:
        return { type: "RST_STREAM", id: id(), status: at(4) };
      case KINDS.SETTINGS: {
        const values = new Map<number, number>();
        for (let index = 0, count = at(0); index < count; index++)
          values.set(at(4 + index * 8) & 0xffffff, at(8 + index * 8));
        return { type: "SETTINGS", values };
      }
      case KINDS.PING:
        return { type: "PING", id: at(0) };
      case KINDS.GOAWAY:
        return { type: "GOAWAY", lastId: id(), status: at(4) };
      case KINDS.WINDOW_UPDATE:
        return { type: "WINDOW_UPDATE", id: id(), delta: at(4) & 0x7fffffff };
      default:
        return { type: "UNKNOWN", kind };
    }
  }

  async #block(payload: Buffer, offset: number): Promise<SpdyHeaders> {
    if (payload.length < offset) throw invalid(`its header block begins past its end`);
    return parseHeaders(await this.#headers.run(payload.subarray(offset)));
  }
}

/** Writes the frames of one connection. */
export class SpdyEncoder {
  readonly #headers = new HeaderCodec(createDeflate);

  /** Frames with headers must be sent in the order in which they were encoded. Calls must not overlap. */
  async encode(frame: SpdyFrame): Promise<Buffer> {
    switch (frame.type) {
      case "SYN_STREAM":
        return control(KINDS.SYN_STREAM, frame.fin, [
          words(frame.id, 0),
          Buffer.alloc(2),
          await this.#headers.run(formatHeaders(frame.headers)),
        ]);
      case "SYN_REPLY":
      case "HEADERS":
        return control(KINDS[frame.type], frame.fin, [
          words(frame.id),
          await this.#headers.run(formatHeaders(frame.headers)),
        ]);
      case "DATA":
        return Buffer.concat([words(frame.id, ((frame.fin ? FIN : 0) << 24) + frame.data.length), frame.data]);
      case "RST_STREAM":
        return control(KINDS.RST_STREAM, false, [words(frame.id, frame.status)]);
      case "SETTINGS":
        return control(KINDS.SETTINGS, false, [words(frame.values.size, ...[...frame.values].flat())]);
      case "PING":
        return control(KINDS.PING, false, [words(frame.id)]);
      case "GOAWAY":
        return control(KINDS.GOAWAY, false, [words(frame.lastId, frame.status)]);
      case "WINDOW_UPDATE":
        return control(KINDS.WINDOW_UPDATE, false, [words(frame.id, frame.delta)]);
      case "UNKNOWN":
        return control(frame.kind, false, []);
    }
  }

  close(): void {
    this.#headers.close();
  }
}

function words(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) out.writeUInt32BE(value, index * 4);
  return out;
}

function control(kind: number, fin: boolean, parts: readonly Buffer[]): Buffer {
  const payload = Buffer.concat(parts);
  return Buffer.concat([words(0x80000000 + (VERSION << 16) + kind, ((fin ? FIN : 0) << 24) + payload.length), payload]);
}

/** A name/value block (section 2.6.10): count, then name and value, each behind its length. */
function formatHeaders(headers: SpdyHeaders): Buffer {
  const entries = Object.entries(headers);
  const parts = [words(entries.length)];
  for (const text of entries.flat()) parts.push(words(Buffer.byteLength(text)), Buffer.from(text));
  return Buffer.concat(parts);
}

function parseHeaders(block: Buffer): SpdyHeaders {
  let offset = 0;
  const number = (): number => {
    if (offset + 4 > block.length) throw invalid("its header block ends early");
    offset += 4;
    return block.readUInt32BE(offset - 4);
  };
  const text = (): string => {
    const length = number();
    if (offset + length > block.length) throw invalid("its header block ends early");
    offset += length;
    return block.toString("utf8", offset - length, offset);
  };
  const entries: [string, string][] = [];
  for (let left = number(); left > 0; left--) entries.push([text().toLowerCase(), text()]);
  return Object.fromEntries(entries);
}
