import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Http1Exchange } from "./http1-exchange.ts";
import type { Exchange, HttpsServer } from "./https-server.ts";

/** HTTP/1.1 without TLS, on any number of addresses. */
export type HttpServer = Pick<HttpsServer, "listen" | "close">;

export function createHttpServer(handle: (exchange: Exchange) => void): HttpServer {
  const servers: Server[] = [];
  return {
    async listen(address, port) {
      const server = createServer((request, response) => handle(new Http1Exchange(request, response, undefined)));
      server.listen(port, address);
      await once(server, "listening");
      servers.push(server);
      return (server.address() as AddressInfo).port;
    },
    async close() {
      const closed = servers.splice(0).map((server) => {
        const ended = new Promise((resolve) => server.close(resolve));
        server.closeAllConnections();
        return ended;
      });
      await Promise.all(closed);
    },
  };
}
