import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import { readAll } from "./body.ts";
import { drained } from "./http1-exchange.ts";
import {
  type Exchange,
  flatHeaders,
  type OutgoingHeaders,
  type PeerCertificate,
  plainAddress,
  type ResponseSink,
} from "./https-server.ts";

/** An {@link Exchange} over one HTTP/2 stream; the stream API, because the compatibility API costs a third on the hot path. */
export class Http2Exchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly peer: PeerCertificate | undefined;
  readonly #stream: ServerHttp2Stream;
  #abort: AbortController | undefined;
  /** The answer is complete, whether or not the client takes it. */
  #isAnswered = false;

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: PeerCertificate | undefined) {
    this.#stream = stream;
    this.method = headers[":method"] ?? "GET";
    this.path = headers[":path"] ?? "/";
    this.headers = flatHeaders(headers);
    this.remoteAddress = plainAddress(stream.session?.socket?.remoteAddress);
    this.peer = peer;
    stream.on("error", () => {}); // resets by the client surface as `signal`
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      if (this.#stream.destroyed && !this.#stream.writableFinished) abort.abort();
      const gone = (): void => {
        if (!this.#isAnswered && !this.#stream.writableFinished) abort.abort(new Error("client closed the stream"));
      };
      this.#stream.once("aborted", gone);
      this.#stream.once("close", gone);
    }
    return this.#abort.signal;
  }

  /**
   * Reads the request to its end, without which a stream never closes. Not before the answer is written: Node destroys a stream
   * that has been read when its last frame leaves, and makes an error for the write that it then finds unfinished.
   */
  readonly #discardRequest = (): void => {
    this.#stream.resume();
  };

  body(limit: number): Promise<Uint8Array> {
    const length = this.headers["content-length"];
    return readAll(this.#stream, limit, length === undefined ? undefined : Number(length));
  }

  stream(): AsyncIterable<Uint8Array> {
    return this.#stream;
  }

  send(status: number, headers: OutgoingHeaders, body: Uint8Array): void {
    if (this.#stream.destroyed) return;
    this.#stream.respond({ ":status": status, ...headers, "content-length": String(body.length) } as never);
    this.#stream.end(body, this.#discardRequest);
    this.#isAnswered = true;
  }

  begin(status: number, headers: OutgoingHeaders): ResponseSink {
    const stream = this.#stream;
    if (!stream.destroyed) stream.respond({ ":status": status, ...headers } as never);
    return {
      write: (piece, written) => stream.destroyed || stream.write(piece, written),
      drained: () => drained(stream),
      end: () => {
        if (!stream.destroyed) stream.end(this.#discardRequest);
        this.#isAnswered = true;
      },
      destroy: () => this.abandon(),
    };
  }

  abandon(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  }
}
