import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Clock, messageOf } from "@tsukube/foundation";
import { SpdyConnection, type SpdyStream } from "./spdy-connection.ts";

/** Connects to a port inside a pod. */
export type Dial = (port: number) => Socket;

const PAIR_MS = 30_000;

/**
 * Serves `portforward.k8s.io`: for every forwarded connection the client opens a data and an error stream, which a request id
 * ties together. Resolves when the client is gone.
 */
export async function servePortForward(transport: Duplex, dial: Dial, clock: Clock): Promise<void> {
  const waiting = new Map<string, { readonly stream: SpdyStream; readonly forget: () => void }>();
  const sockets = new Set<Socket>();
  const connection = new SpdyConnection(transport, (stream) => {
    const kind = stream.headers["streamtype"];
    const port = Number(stream.headers["port"]);
    if ((kind !== "data" && kind !== "error") || !(Number.isInteger(port) && port > 0 && port < 65536))
      throw new Error("a stream without a known type and port");
    // clients that send no id open the error stream first and the data stream next
    const request = stream.headers["requestid"] ?? String(kind === "error" ? stream.id : stream.id - 2);
    const other = waiting.get(request);
    if (other === undefined) {
      const forget = clock.after(
        PAIR_MS,
        () => {
          waiting.delete(request);
          stream.destroy();
        },
        { background: true },
      );
      waiting.set(request, { stream, forget });
      return;
    }
    other.forget();
    waiting.delete(request);
    const [data, error] = kind === "data" ? [stream, other.stream] : [other.stream, stream];
    const socket = forward(data, error, port, dial);
    if (socket === undefined) return;
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await connection.closed;
  for (const { forget } of waiting.values()) forget();
  for (const socket of sockets) socket.destroy();
}

function forward(data: SpdyStream, error: SpdyStream, port: number, dial: Dial): Socket | undefined {
  error.resume(); // the client only closes its side of it
  const fail = (reason: unknown): void => {
    error.end(`error forwarding port ${port}: ${messageOf(reason)}`);
    data.destroy();
  };
  try {
    const socket = dial(port);
    socket.once("error", fail);
    socket.once("end", () => data.end());
    socket.once("close", () => {
      if (!data.writableEnded) data.destroy();
      error.end();
    });
    data.once("close", () => (data.readableEnded ? undefined : socket.destroy()));
    data.pipe(socket);
    socket.pipe(data, { end: false });
    return socket;
  } catch (reason) {
    fail(reason);
    return undefined;
  }
}
