import { createConnection } from "node:net";
import type { TCPSocketAction } from "@tsukube/api/types/core-v1";
import { type ProbeResult, type ProbeTarget, portOf } from "./probe-target.ts";

/** Success when the port takes a connection. */
export function tcpProbe(action: TCPSocketAction, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const port = portOf(action.port, target.container);
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: action.host || target.podIp, port, signal }, () => {
      socket.destroy();
      resolve({ ok: true, message: "" });
    });
    socket.on("error", reject);
  });
}
