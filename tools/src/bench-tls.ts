import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { cpuSecondsOf } from "./bench-cluster.ts";
import { ANSWER_BYTES, EVENT_BYTES, LIST_BYTES } from "./bench-tls-server.ts";
import { authorityFor } from "./differential/authority.ts";

const CONNECTIONS = 1000;
const ROUNDS = 20;

/** Milliseconds of CPU for 100 bytes read and 3 KB written, for 10 KB written, and for 99 MB written to one. */
export interface TlsFloors {
  readonly request: number;
  readonly event: number;
  readonly list: number;
}

/**
 * What no server of Node's can do without: CPU time that its TLS and the kernel take for bytes alone, over 1,000 connections, in a
 * process of its own.
 */
export async function tlsFloors(): Promise<TlsFloors> {
  const { ca, serving } = await authorityFor(["127.0.0.1"]);
  const child = fork(join(import.meta.dirname, "bench-tls-server.ts"), {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const sockets: TLSSocket[] = [];
  try {
    child.send(serving);
    const [port] = (await once(child, "message")) as [number];
    for (let n = 0; n < CONNECTIONS; n += 1) {
      const socket = connect({ host: "127.0.0.1", port, ca: ca.cert });
      sockets.push(socket);
      await once(socket, "secureConnect");
    }
    const costOf = async (begin: () => void, bytes: number, readers = sockets): Promise<number> => {
      const round = async (): Promise<void> => {
        const all = Promise.all(readers.map((socket) => received(socket, bytes)));
        begin();
        await all;
      };
      for (let n = 0; n < ROUNDS; n += 1) await round();
      const before = cpuSecondsOf(child.pid ?? 0);
      for (let n = 0; n < ROUNDS; n += 1) await round();
      return ((cpuSecondsOf(child.pid ?? 0) - before) * 1000) / (ROUNDS * readers.length);
    };
    const asks = (): void => {
      for (const socket of sockets) socket.write("x".repeat(100));
    };
    const list = await costOf(() => child.send("list"), LIST_BYTES, sockets.slice(0, 1));
    const request = await costOf(asks, ANSWER_BYTES);
    return { request, event: await costOf(() => child.send("event"), EVENT_BYTES), list };
  } finally {
    for (const socket of sockets) socket.destroy();
    child.kill();
  }
}

function received(socket: TLSSocket, bytes: number): Promise<void> {
  return new Promise((resolve) => {
    let left = bytes;
    const count = (piece: Uint8Array): void => {
      left -= piece.length;
      if (left > 0) return;
      socket.off("data", count);
      resolve();
    };
    socket.on("data", count);
  });
}
