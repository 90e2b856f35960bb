import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Visitor } from "../access/access.ts";
import { RegistryError } from "../registry-error.ts";

/** A request that was let in, and its answer. */
export class Call {
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly visitor: Visitor;
  readonly #response: ServerResponse;

  constructor(request: IncomingMessage, response: ServerResponse, url: URL, visitor: Visitor) {
    this.request = request;
    this.#response = response;
    this.url = url;
    this.visitor = visitor;
  }

  get method(): string {
    return this.request.method ?? "GET";
  }

  header(name: string): string | undefined {
    const value = this.request.headers[name];
    return typeof value === "string" ? value : undefined;
  }

  parameter(name: string): string | undefined {
    return this.url.searchParams.get(name) ?? undefined;
  }

  /** Aborts when the client goes away before it has its answer. */
  get signal(): AbortSignal {
    const gone = new AbortController();
    this.#response.once("close", () => gone.abort());
    return gone.signal;
  }

  answer(status: number, headers: OutgoingHttpHeaders = {}, body: Uint8Array | string = ""): void {
    this.#response.writeHead(status, {
      ...(status === 204 ? {} : { "content-length": Buffer.byteLength(body) }),
      ...headers,
    });
    this.#response.end(body);
  }

  json(document: object, headers: OutgoingHttpHeaders = {}): void {
    this.answer(200, { "content-type": "application/json", ...headers }, JSON.stringify(document));
  }

  /** Answers with a stream; a HEAD request gets the headers alone. */
  async stream(status: number, headers: OutgoingHttpHeaders, open: () => Readable | Promise<Readable>): Promise<void> {
    const content = this.method === "HEAD" ? undefined : await open(); // first: a failure is an error document
    this.#response.writeHead(status, headers);
    if (content === undefined) this.#response.end();
    else await pipeline(content, this.#response);
  }

  /** A small body. @throws {RegistryError} `SIZE_INVALID` with status 413 past `limit` bytes. */
  async body(limit: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let size = 0;
    for await (const piece of this.request as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size <= limit) pieces.push(piece);
    }
    if (size > limit)
      throw new RegistryError("SIZE_INVALID", `Cannot take ${size} bytes: expected at most ${limit}`, { status: 413 });
    return Buffer.concat(pieces);
  }

  /** @throws {RegistryError} `UNSUPPORTED`. */
  refuseMethod(...allowed: readonly string[]): never {
    throw new RegistryError(
      "UNSUPPORTED",
      `Cannot ${this.method} "${this.url.pathname}": expected ${allowed.join(", ")}`,
      {
        headers: { allow: allowed.join(", ") },
      },
    );
  }
}
