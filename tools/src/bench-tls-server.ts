import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";

export const ANSWER_BYTES = 3_000;
export const EVENT_BYTES = 10_300;

/** Answers each record over TLS with 3 KB, and tells all connections 10 KB when its parent says so. */
function serve(key: string, cert: string): void {
  const sockets = new Set<TLSSocket>();
  const server = createServer({ key, cert }, (socket) => {
    sockets.add(socket);
    socket.on("data", () => socket.write(Buffer.alloc(ANSWER_BYTES)));
    socket.on("error", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
  process.on("message", () => {
    const event = Buffer.alloc(EVENT_BYTES);
    for (const socket of sockets) socket.write(event);
  });
}

if (process.send !== undefined && import.meta.main)
  process.once("message", ({ key, cert }: { readonly key: string; readonly cert: string }) => serve(key, cert));
