import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** PEM. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** A connection on which nothing moves for so long is closed; a request may take as long as it moves. */
const IDLE_MS = 5 * 60_000;

/** HTTP/1.1, with TLS where there is a certificate. */
export class Listener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(serve: RequestListener, certificate: ServerCertificate | undefined) {
    const options = { requestTimeout: 0, keepAliveTimeout: 60_000 };
    this.#server =
      certificate === undefined
        ? createServer(options, serve)
        : createSecureServer({ ...options, ...certificate, minVersion: "TLSv1.2" }, serve);
    this.#server.setTimeout(IDLE_MS);
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** @returns the port, also when 0 was asked for. @throws EADDRINUSE and the like, as Node. */
  async listen(host: string, port: number): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection: uploads can be gone on with later. */
  async close(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server, "close") : Promise.resolve();
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
