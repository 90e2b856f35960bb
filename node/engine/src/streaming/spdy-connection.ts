import { once } from "node:events";
import { Duplex } from "node:stream";
import { TsukubeError } from "@tsukube/foundation";
import { RESET, SpdyDecoder, SpdyEncoder, type SpdyFrame, type SpdyHeaders } from "./spdy.ts";

/** What a stream may hold unread before the whole connection waits for its reader. */
const MAX_UNREAD = 1024 * 1024;
const MAX_FRAME = 64 * 1024;

/** A stream that the client opened. Ending it half-closes; destroying it resets what is left of it. */
export class SpdyStream extends Duplex {
  readonly id: number;
  readonly headers: SpdyHeaders;
  readonly #send: (frame: SpdyFrame) => Promise<void>;
  #resume: (() => void)[] = [];

  constructor(id: number, headers: SpdyHeaders, send: (frame: SpdyFrame) => Promise<void>) {
    super({ highWaterMark: MAX_FRAME });
    this.id = id;
    this.headers = headers;
    this.#send = send;
    this.on("error", () => {}); // a reset ends the stream, not the process
  }

  /** Takes what the client sent; waits while too much of it is unread. */
  async deliver(data: Buffer, fin: boolean): Promise<void> {
    if (this.destroyed || this.readableEnded) return;
    if (data.length > 0) this.push(data);
    if (fin) this.push(null);
    else if (data.length > 0) void this.#send({ type: "WINDOW_UPDATE", id: this.id, delta: data.length });
    if (this.readableLength > MAX_UNREAD) await new Promise<void>((resolve) => this.#resume.push(resolve));
  }

  override _read(): void {
    for (const resume of this.#resume.splice(0)) resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writeAll(chunk).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#send({ type: "DATA", id: this.id, fin: true, data: Buffer.alloc(0) }).then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this._read();
    if (!this.writableFinished) void this.#send({ type: "RST_STREAM", id: this.id, status: RESET.cancel });
    done(error);
  }

  async #writeAll(chunk: Buffer): Promise<void> {
    for (let at = 0; at < chunk.length; at += MAX_FRAME)
      await this.#send({ type: "DATA", id: this.id, fin: false, data: chunk.subarray(at, at + MAX_FRAME) });
  }
}

/**
 * The server's side of SPDY/3.1 over any byte stream. Send windows are not kept: Kubernetes clients never open them again, so
 * the transport's own flow control is all there is.
 */
export class SpdyConnection {
  readonly #transport: Duplex;
  readonly #accept: (stream: SpdyStream) => void;
  readonly #encoder = new SpdyEncoder();
  readonly #decoder = new SpdyDecoder();
  readonly #streams = new Map<number, SpdyStream>();
  #lastId = 0;
  #sending: Promise<void> = Promise.resolve();
  /** Resolves when the connection is over, whatever ended it. */
  readonly closed: Promise<void>;

  /** @param accept Is given every new stream; throwing refuses it. */
  constructor(transport: Duplex, accept: (stream: SpdyStream) => void) {
    this.#transport = transport;
    this.#accept = accept;
    transport.on("error", () => transport.destroy());
    this.closed = this.#receive();
  }

  /** Sends what was written, says goodbye and closes. */
  async close(): Promise<void> {
    await this.#send({ type: "GOAWAY", lastId: this.#lastId, status: 0 });
    this.#transport.end();
  }

  destroy(): void {
    this.#transport.destroy();
  }

  async #receive(): Promise<void> {
    try {
      for await (const chunk of this.#transport)
        for await (const frame of this.#decoder.decode(chunk as Buffer)) await this.#handle(frame);
    } catch {
      void this.#send({ type: "GOAWAY", lastId: this.#lastId, status: RESET.protocolError });
    } finally {
      for (const stream of this.#streams.values())
        stream.destroy(new TsukubeError("closed", "Cannot go on with the stream: its connection ended"));
      await this.#sending;
      this.#transport.destroy();
      this.#encoder.close();
      this.#decoder.close();
    }
  }

  async #handle(frame: SpdyFrame): Promise<void> {
    switch (frame.type) {
      case "SYN_STREAM":
        return this.#open(frame.id, frame.fin, frame.headers);
      case "DATA": {
        const stream = this.#streams.get(frame.id);
        if (stream !== undefined) await stream.deliver(frame.data, frame.fin);
        else if (!frame.fin) void this.#send({ type: "RST_STREAM", id: frame.id, status: RESET.invalidStream });
        return;
      }
      case "RST_STREAM":
        this.#streams.get(frame.id)?.destroy();
        return;
      case "PING":
        if (frame.id % 2 === 1) void this.#send(frame); // the client's own have odd numbers
        return;
      default: // settings and windows change nothing here; a client that goes away also closes
        return;
    }
  }

  async #open(id: number, fin: boolean, headers: SpdyHeaders): Promise<void> {
    if (id % 2 === 0 || id <= this.#lastId) {
      void this.#send({ type: "RST_STREAM", id, status: RESET.protocolError });
      return;
    }
    this.#lastId = id;
    const stream = new SpdyStream(id, headers, (frame) => this.#send(frame));
    this.#streams.set(id, stream);
    stream.once("close", () => this.#streams.delete(id));
    try {
      void this.#send({ type: "SYN_REPLY", id, fin: false, headers: {} });
      this.#accept(stream);
      if (fin) await stream.deliver(Buffer.alloc(0), true);
    } catch {
      stream.destroy();
    }
  }

  /** Frames leave in the order of the calls. Never rejects: the end of the transport is reported by {@link closed}. */
  #send(frame: SpdyFrame): Promise<void> {
    const sent = this.#sending.then(async () => {
      if (this.#transport.destroyed || this.#transport.writableEnded) return;
      const bytes = await this.#encoder.encode(frame);
      if (!this.#transport.write(bytes)) await drained(this.#transport);
    });
    this.#sending = sent.catch(() => {});
    return this.#sending;
  }
}

async function drained(transport: Duplex): Promise<void> {
  const stop = new AbortController();
  try {
    await Promise.race([
      once(transport, "drain", { signal: stop.signal }),
      once(transport, "close", { signal: stop.signal }),
    ]);
  } finally {
    stop.abort();
  }
}
