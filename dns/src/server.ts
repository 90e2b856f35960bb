import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import dnsPacket, { type DecodedPacket, type Packet } from "dns-packet";
import { type Answerer, respond } from "./resolver.ts";
import { decode } from "./upstream.ts";

/** Largest UDP answer to a client that does not say what it takes, RFC 1035 section 4.2.1. */
const PLAIN_LIMIT = 512;
/** What travels unfragmented nearly everywhere (DNS flag day 2020). */
const OUR_LIMIT = 1232;
const TRUNCATED = 1 << 9;
const IDLE_MS = 30_000;

export interface DnsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves DNS over UDP and TCP on one port. @param port 0 picks one that is free for both. */
export async function serveDns(resolver: Answerer, address: string, port: number): Promise<DnsServer> {
  const sockets = new Set<Socket>();
  const tcp = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    serveConnection(resolver, socket);
  });
  tcp.listen(port, address);
  await once(tcp, "listening");
  const bound = (tcp.address() as { port: number }).port;
  const udp = createSocket(address.includes(":") ? "udp6" : "udp4");
  udp.on("message", (message, remote) => void serveDatagram(resolver, udp, message, remote));
  udp.on("error", () => {}); // an unreachable client
  udp.bind(bound, address);
  await once(udp, "listening");
  return { port: bound, close: () => closeAll(tcp, udp, sockets) };
}

async function closeAll(tcp: Server, udp: UdpSocket, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.destroy();
  await Promise.all([new Promise<void>((resolve) => udp.close(resolve)), new Promise((resolve) => tcp.close(resolve))]);
}

async function serveDatagram(
  resolver: Answerer,
  socket: UdpSocket,
  message: Buffer,
  remote: RemoteInfo,
): Promise<void> {
  const query = decode(message);
  if (query?.type !== "query") return; // answering an answer could loop
  const bytes = encodeWithin(query, await resolver.answer(query, remote.address), limitOf(query));
  socket.send(bytes, remote.port, remote.address, () => {});
}

function limitOf(query: DecodedPacket): number {
  const opt = query.additionals?.find((record) => record.type === "OPT");
  const offered = opt?.type === "OPT" ? (opt.udpPayloadSize ?? PLAIN_LIMIT) : PLAIN_LIMIT;
  return Math.min(Math.max(offered, PLAIN_LIMIT), OUR_LIMIT);
}

/** Drops the additional records first, then truncates, which sends the client to TCP. */
export function encodeWithin(query: DecodedPacket, response: Packet, limit: number): Buffer {
  const withOpt = query.additionals?.some((record) => record.type === "OPT") === true;
  const opt = { type: "OPT", name: ".", udpPayloadSize: OUR_LIMIT, flags: 0, options: [] };
  const finish = (packet: Packet): Buffer =>
    dnsPacket.encode(withOpt ? ({ ...packet, additionals: [...(packet.additionals ?? []), opt] } as Packet) : packet);
  const whole = finish(response);
  if (whole.length <= limit) return whole;
  const bare = finish({ ...response, additionals: [] });
  if (bare.length <= limit) return bare;
  const flags = (response.flags ?? 0) | TRUNCATED;
  return finish({ ...respond(query, flags & 0xf), flags });
}

function serveConnection(resolver: Answerer, socket: Socket): void {
  let received = Buffer.alloc(0);
  socket.setTimeout(IDLE_MS, () => socket.destroy());
  socket.on("error", () => {});
  socket.on("data", (piece: Buffer) => {
    received = Buffer.concat([received, piece]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const query = decode(received.subarray(2, end));
      received = received.subarray(end);
      if (query?.type !== "query") return void socket.destroy();
      void resolver.answer(query, socket.remoteAddress ?? "").then((response) => {
        const bytes = encodeWithin(query, response, 65_535);
        const length = Buffer.alloc(2);
        length.writeUInt16BE(bytes.length);
        if (!socket.destroyed) socket.write(Buffer.concat([length, bytes]));
      });
    }
  });
}
