import type { Exchange, OutgoingHeaders, Peer, RepeatedHeaders, ResponseSink } from "../https-server.ts";
import { Answer } from "./answer.ts";
import { CODE } from "./frames.ts";
import { RequestBody } from "./request-body.ts";
import type { RequestHead } from "./request-head.ts";

/** What an exchange needs of its connection. */
export interface ExchangeCarrier {
  readonly remoteAddress: string;
  readonly peer: Peer;
  /** Begins an answer. @param length Bytes of its body, where that is known; 0: it has none. */
  sendHead(exchange: Http2Exchange, status: number, headers: OutgoingHeaders, length: number | undefined): void;
  /** Sends what was added to an answer. @returns whether more may be added at once. */
  sendBody(answer: Answer): boolean;
  /** So many bytes of the request were taken: the client may send as many again. */
  consumed(exchange: Http2Exchange, bytes: number): void;
  /** The answer has been sent. */
  answered(exchange: Http2Exchange): void;
  reset(exchange: Http2Exchange, code: number): void;
}

/** An {@link Exchange} over one stream of HTTP/2. */
export class Http2Exchange implements Exchange {
  readonly id: number;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly repeated: RepeatedHeaders;
  readonly request: RequestBody;
  readonly answer: Answer;
  readonly #carrier: ExchangeCarrier;
  #abort: AbortController | undefined;
  #hasBegun = false;
  /** The answer is complete, whether or not the client takes it. */
  #isAnswered = false;
  #isGone = false;

  constructor(
    id: number,
    { method, path, headers, repeated }: RequestHead,
    windows: { readonly incoming: number; readonly outgoing: number },
    carrier: ExchangeCarrier,
  ) {
    this.id = id;
    this.method = method;
    this.path = path;
    this.headers = headers;
    this.repeated = repeated;
    const length = headers["content-length"];
    this.request = new RequestBody(windows.incoming, length === undefined ? undefined : Number(length));
    this.answer = new Answer(id, windows.outgoing, () => carrier.answered(this));
    this.#carrier = carrier;
  }

  get remoteAddress(): string {
    return this.#carrier.remoteAddress;
  }

  get peer(): Peer {
    return this.#carrier.peer;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#isGone && !this.#isAnswered) this.#abort.abort(closed());
    }
    return this.#abort.signal;
  }

  get isWhole(): boolean {
    return !this.request.isOpen;
  }

  async body(limit: number): Promise<Uint8Array> {
    const known = this.request.known(limit);
    if (known !== undefined) return known;
    const whole = this.request.whole(limit);
    this.#carrier.consumed(this, this.request.unread);
    return whole;
  }

  async *pieces(): AsyncGenerator<Uint8Array, void> {
    while (await this.request.hasMore()) {
      for (let piece = this.request.take(); piece !== undefined; piece = this.request.take()) {
        this.#carrier.consumed(this, piece.length);
        yield piece;
      }
    }
  }

  send(status: number, headers: OutgoingHeaders, body: Uint8Array): void {
    if (this.#isGone || this.#hasBegun) return;
    this.#isAnswered = true;
    const isHead = this.method === "HEAD";
    if (isHead) this.#begin(status, { ...headers, "content-length": String(body.length) }, undefined);
    else this.#begin(status, headers, body.length);
    if (body.length === 0 && !isHead) return;
    if (!isHead) this.answer.add(body, undefined);
    this.answer.end();
    this.#carrier.sendBody(this.answer);
  }

  begin(status: number, headers: OutgoingHeaders): ResponseSink {
    this.#begin(status, headers, undefined);
    return {
      write: (piece, written) => {
        this.answer.add(piece, written);
        return this.#isGone || this.#carrier.sendBody(this.answer);
      },
      drained: () => (this.#isGone || this.#carrier.sendBody(this.answer) ? Promise.resolve() : this.answer.ready()),
      end: () => {
        this.#isAnswered = true;
        this.answer.end();
        this.#carrier.sendBody(this.answer);
      },
      destroy: () => this.abandon(),
    };
  }

  #begin(status: number, headers: OutgoingHeaders, length: number | undefined): void {
    if (this.#isGone || this.#hasBegun) return;
    this.#hasBegun = true;
    this.#carrier.sendHead(this, status, headers, length);
  }

  abandon(): void {
    if (!this.#isGone) this.#carrier.reset(this, CODE.internal);
  }

  /** Called by the connection: nothing goes over this stream any more. */
  gone(): void {
    this.#isGone = true;
    this.request.break();
    this.answer.drop();
    if (!this.#isAnswered) this.#abort?.abort(closed());
  }
}

function closed(): Error {
  return new Error("client closed the stream");
}
