import type { IncomingMessage, ServerResponse } from "node:http";
import { readAll } from "./body.ts";
import {
  type Exchange,
  flatHeaders,
  type OutgoingHeaders,
  type Peer,
  plainAddress,
  type RepeatedHeaders,
  type ResponseSink,
  repeatedOf,
} from "./https-server.ts";
import { drained } from "./pour.ts";

/** An {@link Exchange} over HTTP/1.1. */
export class Http1Exchange implements Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly peer: Peer;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #abort: AbortController | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, peer: Peer) {
    this.#request = request;
    this.#response = response;
    this.method = request.method ?? "GET";
    this.path = request.url ?? "/";
    this.headers = flatHeaders(request.headers);
    this.remoteAddress = plainAddress(request.socket.remoteAddress);
    this.peer = peer;
    request.on("error", () => {});
    response.on("error", () => {});
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController();
      this.#abort = abort;
      if (this.#response.destroyed && !this.#response.writableFinished) abort.abort();
      this.#response.once("close", () => {
        if (!this.#response.writableFinished) abort.abort(new Error("client closed the connection"));
      });
    }
    return this.#abort.signal;
  }

  get repeated(): RepeatedHeaders {
    return repeatedOf(this.#request);
  }

  get isWhole(): boolean {
    return this.#request.complete;
  }

  body(limit: number): Promise<Uint8Array> {
    return readAll(this.#request, limit);
  }

  async *pieces(): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const piece of this.#request.iterator({ destroyOnReturn: false })) yield piece as Uint8Array;
    } finally {
      this.#request.resume(); // the client must be able to finish sending before it reads the answer
    }
  }

  send(status: number, headers: OutgoingHeaders, body: Uint8Array): void {
    if (this.#response.destroyed) return;
    this.#response.writeHead(status, {
      ...inBytes(headers),
      "content-length": String(body.length),
    });
    this.#response.end(body);
  }

  begin(status: number, headers: OutgoingHeaders): ResponseSink {
    const response = this.#response;
    if (!response.destroyed) {
      response.writeHead(status, inBytes(headers));
      response.flushHeaders();
    }
    return {
      write: (piece, written) => response.destroyed || response.write(piece, written),
      drained: () => drained(response),
      end: () => response.end(),
      destroy: () => this.abandon(),
    };
  }

  abandon(): void {
    this.#response.destroy();
  }
}

/** Node takes one character for each byte: text is UTF-8, and what has been bytes, such as of a proxied answer, stays so. */
function inBytes(headers: OutgoingHeaders): Record<string, string | string[]> {
  const bytes = (value: string): string => (/[^\0-\xff]/.test(value) ? Buffer.from(value).toString("latin1") : value);
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? bytes(value) : value.map(bytes)]),
  );
}
