import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { realClock } from "@tsukube/host";
import { cpuSecondsOf, pssOf } from "./bench-cluster.ts";
import type { Measured } from "./bench-scenarios.ts";
import { startOwnProcess } from "./differential/servers.ts";

const COUNT = 10_000;
const AT_A_TIME = 50;
const GETS = 2000;
const REST_SECONDS = 10;

/** What an API server costs and how fast it answers while ten thousand connections say nothing, or stop in the middle of a word. */
export async function idleConnections(): Promise<readonly Measured[]> {
  const server = await startOwnProcess();
  const [pid = 0] = server.pids;
  const held: TLSSocket[] = [];
  try {
    const { server: url, ca } = server.reachedBy;
    const { hostname: host, port } = new URL(url);
    const open = async (index: number): Promise<void> => {
      const socket = connect({ host, port: Number(port), ca, ALPNProtocols: [index % 2 === 0 ? "h2" : "http/1.1"] });
      socket.on("error", () => {});
      held.push(socket);
      await once(socket, "secureConnect");
      if (index % 4 === 1) socket.write("GET /api HTTP/1.1\r\nhost: a\r\nx-slow: ");
      if (index % 4 === 2) socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    };
    const get = async (): Promise<number> => {
      const began = performance.now();
      await server.transport.request({ method: "GET", path: "/api/v1/namespaces/default", headers: {} });
      return performance.now() - began;
    };
    const gets = async () => {
      const [cpu, times] = [cpuSecondsOf(pid), [] as number[]];
      for (let n = 0; n < GETS; n += 1) times.push(await get());
      times.sort((a, b) => a - b);
      return { cpu: ((cpuSecondsOf(pid) - cpu) * 1000) / GETS, p99: times[Math.floor(GETS * 0.99)]! };
    };
    await gets(); // warm
    const [alone, small] = [await gets(), pssOf(pid)];
    for (let index = 0; index < COUNT; index += AT_A_TIME)
      await Promise.all(Array.from({ length: AT_A_TIME }, (_, next) => open(index + next)));
    await gets();
    const [beside, large] = [await gets(), pssOf(pid)];
    const before = cpuSecondsOf(pid);
    await realClock.sleep(REST_SECONDS * 1000);
    const rest = cpuSecondsOf(pid) - before;
    const stay = held.filter((socket) => !socket.closed && !socket.readableEnded).length;
    return [
      { what: "connections that stay", value: stay, unit: "", goal: `>= ${COUNT}` },
      { what: "a connection, PSS of the server", value: ((large - small) * 1024) / COUNT, unit: "KB" },
      { what: "a get without them", value: alone.cpu, unit: "ms CPU" },
      { what: "a get beside them", value: beside.cpu, unit: "ms CPU" },
      { what: "a get without them, p99", value: alone.p99, unit: "ms" },
      { what: "a get beside them, p99", value: beside.p99, unit: "ms" },
      { what: "of a core, at rest", value: (rest / REST_SECONDS) * 100, unit: "%" },
    ];
  } finally {
    for (const socket of held) socket.destroy();
    await server.close();
  }
}
