import type { Clock } from "@tsukube/foundation";
import type { Exchange, Peer, RepeatedHeaders } from "@tsukube/host";
import type { IncomingRequest } from "../contracts.ts";
import type { PassedBody } from "../proxying/passed-body.ts";
import { receive } from "./receive.ts";

const EMPTY = new Uint8Array(0);

/** The request of an exchange; what few ask for is found when they do. A class, because getters of a literal are defined anew for each. */
class BareRequest implements IncomingRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly remoteAddress: string;
  readonly peer: Peer;
  protected readonly exchange: Exchange;

  constructor(exchange: Exchange) {
    this.method = exchange.method;
    this.path = exchange.path;
    this.headers = exchange.headers;
    this.remoteAddress = exchange.remoteAddress;
    this.peer = exchange.peer;
    this.exchange = exchange;
  }

  get body(): Uint8Array {
    return EMPTY;
  }

  get repeated(): RepeatedHeaders {
    return this.exchange.repeated;
  }

  get signal(): AbortSignal {
    return this.exchange.signal;
  }
}

class RequestWithBody extends BareRequest {
  readonly #clock: Clock;
  #body: Uint8Array = EMPTY;

  constructor(exchange: Exchange, clock: Clock) {
    super(exchange);
    this.#clock = clock;
  }

  override get body(): Uint8Array {
    return this.#body;
  }

  async arrive(): Promise<void> {
    this.#body = await receive(this.exchange, this.#clock);
  }

  async passOn(): Promise<PassedBody> {
    const { exchange } = this;
    return exchange.isWhole ? exchange.body(Number.POSITIVE_INFINITY) : exchange.pieces();
  }
}

/** What the chain handles of an exchange over HTTP. */
export function requestOf(exchange: Exchange, clock: Clock): IncomingRequest {
  const { method } = exchange;
  return method === "GET" || method === "HEAD" ? new BareRequest(exchange) : new RequestWithBody(exchange, clock);
}
