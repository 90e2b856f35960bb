import { messageOf } from "@tsukube/foundation";
import type { WebSocket } from "ws";
import { Framing } from "./framing.ts";
import type { Dial } from "./port-forward.ts";

/** Subprotocols of port-forward without SPDY, best first. "" is a client that names none and means the first. */
export const FORWARD_PROTOCOLS = ["v4.channel.k8s.io", "v4.base64.channel.k8s.io"] as const;

/**
 * Serves one connection to each of `ports`: channel 2n carries the data of the n-th, 2n+1 its error. The first message of every
 * channel is the port, two bytes, low byte first.
 */
export function serveWebSocketPortForward(client: WebSocket, ports: readonly number[], dial: Dial): void {
  const framing = new Framing(client.protocol);
  const send = (channel: number, data: Uint8Array, done?: () => void): void =>
    client.send(framing.pack(channel, data), () => done?.());
  client.on("error", () => client.terminate());
  if (ports.length === 0) {
    client.close(1008, "query parameter ports: missing, expected the ports to forward");
    return;
  }
  for (const [index, port] of ports.entries()) {
    const number = Buffer.of(port & 0xff, port >> 8);
    send(2 * index, number);
    send(2 * index + 1, number);
  }
  const sockets = ports.map((port, index) => {
    const socket = dial(port);
    socket.on("data", (chunk: Buffer) => {
      socket.pause(); // as fast as the client reads, and no faster
      send(2 * index, chunk, () => socket.resume());
    });
    socket.once("error", (error) =>
      send(2 * index + 1, Buffer.from(`error forwarding port ${port}: ${messageOf(error)}`)),
    );
    socket.once("end", () => socket.end()); // a client cannot end a channel by itself: nothing more would come from it
    socket.once("close", () => {
      if (sockets.every(({ closed }) => closed)) client.close(1000);
    });
    return socket;
  });
  client.on("message", (message) => {
    const { channel, data } = framing.unpack(message as Buffer);
    if (channel % 2 === 0) sockets[channel / 2]?.write(data);
  });
  client.once("close", () => {
    for (const socket of sockets) socket.destroy();
  });
}
