import { createSocket } from "node:dgram";
import { createServer } from "node:net";

/** Whether a process of this machine listens at a port; what nftables leads elsewhere does not count. */
export function isListenedAt(protocol: "tcp" | "udp" | "sctp", address: string, port: number): Promise<boolean> {
  const where = address === "" ? "0.0.0.0" : address;
  if (protocol === "sctp") return Promise.resolve(false);
  return new Promise((resolve) => {
    if (protocol === "tcp") {
      const server = createServer();
      server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRINUSE"));
      server.listen({ port, host: where, exclusive: true }, () => server.close(() => resolve(false)));
      return;
    }
    const socket = createSocket("udp4");
    socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code === "EADDRINUSE"));
    socket.bind({ port, address: where, exclusive: true }, () => socket.close(() => resolve(false)));
  });
}
