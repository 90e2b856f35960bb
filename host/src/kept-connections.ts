import { Agent, type ClientRequest, type IncomingMessage, type RequestOptions, request } from "node:http";
import type { Duplex } from "node:stream";
import { connectTrusting, type TrustingOptions } from "./trusting.ts";

/** As Go's client: how long one is kept that nobody uses. */
const IDLE_MS = 90_000;

export interface KeptRequest extends Pick<RequestOptions, "method" | "path" | "headers"> {
  readonly signal: AbortSignal;
  readonly body: Uint8Array | undefined;
}

/** Connections that are kept for the next request to the same server under the same trust and name. */
export class KeptConnections {
  readonly #agent = new TrustingAgent({ keepAlive: true, scheduling: "lifo", timeout: IDLE_MS });

  /**
   * Asks over HTTP/1.1, over TLS as {@link connectTrusting} has it. Resolves with the head of the answer.
   * @throws what keeps the server from answering. One that had ended a kept connection is asked again, as Go's client does.
   */
  async send(to: TrustingOptions, asked: KeptRequest): Promise<IncomingMessage> {
    for (;;) {
      const sent = request({ ...asked, agent: this.#agent, to, opening: asked.signal } as RequestOptions);
      try {
        return await answerTo(sent, asked.body);
      } catch (error) {
        const isEnded = sent.reusedSocket && (error as NodeJS.ErrnoException).code === "ECONNRESET";
        if (!isEnded || asked.signal.aborted) throw error;
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Sends a request with its body. Resolves with the head of the answer. @throws what keeps it away. */
export function answerTo(sent: ClientRequest, body: Uint8Array | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once("response", resolve);
    sent.on("error", reject);
    sent.end(body);
  });
}

interface Placed {
  readonly to: TrustingOptions;
  /** Of the request that the connection is opened for. */
  readonly opening: AbortSignal;
}

class TrustingAgent extends Agent {
  override getName(options: object): string {
    return JSON.stringify((options as Placed).to);
  }

  override createConnection(options: object, done: (error: Error | null, socket: Duplex) => void): undefined {
    const { to, opening } = options as Placed;
    connectTrusting(to, opening).then(
      (socket) => done(null, socket),
      (error: unknown) => done(error as Error, undefined as never),
    );
  }
}
