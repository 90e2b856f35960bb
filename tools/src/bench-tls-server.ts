import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer, type TLSSocket } from "node:tls";

export const ANSWER_BYTES = 3_000;
export const EVENT_BYTES = 10_300;
/** Of ten thousand pods of 9 KB. */
export const LIST_BYTES = 99_000_000;
const PIECE_BYTES = 64 * 1024;

/** Answers each record over TLS with 3 KB, and tells all connections 10 KB, or the first of them a whole list, when its parent says so. */
function serve(key: string, cert: string): void {
  const sockets = new Set<TLSSocket>();
  const server = createServer({ key, cert }, (socket) => {
    sockets.add(socket);
    socket.on("data", () => socket.write(Buffer.alloc(ANSWER_BYTES)));
    socket.on("error", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
  process.on("message", (what) => {
    const [first] = sockets;
    if (what === "list" && first !== undefined) return void writeList(first);
    const event = Buffer.alloc(EVENT_BYTES);
    for (const socket of sockets) socket.write(event);
  });
}

async function writeList(socket: TLSSocket): Promise<void> {
  const piece = Buffer.alloc(PIECE_BYTES);
  for (let left = LIST_BYTES; left > 0; left -= PIECE_BYTES)
    if (!socket.write(left < PIECE_BYTES ? piece.subarray(0, left) : piece)) await once(socket, "drain");
}

if (process.send !== undefined && import.meta.main)
  process.once("message", ({ key, cert }: { readonly key: string; readonly cert: string }) => serve(key, cert));
