import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWireServer, type WireServer } from "./wire-server.ts";

/** As many as a test has time for; IDLE=9000 takes a minute and as many files as most machines allow. */
const COUNT = Number(process.env["IDLE"] ?? 300);
const AT_A_TIME = 50;

let server: WireServer;
beforeAll(async () => void (server = await startWireServer()));
afterAll(() => server.close());

const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;

async function idle(protocol: string): Promise<TLSSocket> {
  const { host, port, ca } = server.admin.connection;
  const socket = connect({ host: String(host), port: Number(port), ca: ca as string, ALPNProtocols: [protocol] });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

test("connections that say nothing, or stop in the middle of a word, delay nobody and leave nothing behind", async () => {
  await server.admin.get("/version");
  const before = sockets();
  const held: TLSSocket[] = [];
  while (held.length < COUNT) {
    const protocols = Array.from({ length: AT_A_TIME }, (_, index) => (index % 2 === 0 ? "h2" : "http/1.1"));
    held.push(...(await Promise.all(protocols.map(idle))));
  }
  held.forEach((socket, index) => {
    if (index % 4 === 1) socket.write("GET /api HTTP/1.1\r\nhost: a\r\nx-slow: ");
    if (index % 4 === 2) socket.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  });
  for (let turn = 0; turn < 20; turn += 1)
    expect((await server.admin.get("/api/v1/namespaces/default")).code).toBe(200);
  expect(held.filter((socket) => socket.closed)).toEqual([]);
  for (const socket of held) socket.destroy();
  await expect.poll(sockets, { timeout: 20_000 }).toBeLessThanOrEqual(before);
}, 300_000);
