import { createSocket } from "node:dgram";
import { createConnection } from "node:net";
import { type Clock, type Random, TsukubeError } from "@tsukube/foundation";
import dnsPacket, { type DecodedPacket, type Question } from "dns-packet";
import type { Upstream } from "./resolver.ts";

export interface UpstreamOptions {
  /** Resolvers' addresses, tried in order; a port may follow as "10.0.0.1#5353". */
  readonly servers: readonly string[];
  readonly clock: Clock;
  readonly random: Random;
}

const TIMEOUT_MS = 2000;
const TRUNCATED = 1 << 9;
const MAX_ENTRIES = 10_000;
const MAX_TTL_S = 30;

interface Entry {
  readonly until: number;
  readonly response: DecodedPacket;
}

/** Forwards queries, remembers answers for at most 30 s, and asks once for what many want at the same time. */
export function createUpstream(options: UpstreamOptions): Upstream {
  const cache = new Map<string, Entry>();
  const asking = new Map<string, Promise<DecodedPacket>>();
  const remember = (key: string, response: DecodedPacket): void => {
    if (cache.size >= MAX_ENTRIES) cache.delete(cache.keys().next().value ?? "");
    cache.set(key, { until: options.clock.now() + ttlOf(response) * 1000, response });
  };
  return {
    async query(question) {
      const key = `${question.type} ${question.name.toLowerCase()}`;
      const known = cache.get(key);
      if (known !== undefined && known.until > options.clock.now()) return known.response;
      const pending = asking.get(key);
      if (pending !== undefined) return pending;
      const work = askAll(options, question).finally(() => asking.delete(key));
      asking.set(key, work);
      const response = await work;
      remember(key, response);
      return response;
    },
  };
}

function ttlOf(response: DecodedPacket): number {
  const records = [...(response.answers ?? []), ...(response.authorities ?? [])];
  const ttls = records.map((record) => ("ttl" in record ? (record.ttl ?? 0) : MAX_TTL_S));
  return Math.min(MAX_TTL_S, ...(ttls.length === 0 ? [5] : ttls));
}

async function askAll(options: UpstreamOptions, question: Question): Promise<DecodedPacket> {
  const failures: unknown[] = [];
  for (const server of options.servers) {
    try {
      return await ask(options, server, question);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new TsukubeError(
    "no-upstream",
    `Cannot resolve "${question.name}": none of ${options.servers.length} resolvers answered`,
    {
      cause: failures.at(-1),
    },
  );
}

async function ask(options: UpstreamOptions, server: string, question: Question): Promise<DecodedPacket> {
  const [address = "", port = "53"] = server.split("#");
  const [high = 0, low = 0] = options.random.bytes(2);
  const id = high * 256 + low;
  const query = { type: "query" as const, id, flags: 1 << 8, questions: [question], additionals: [edns()] };
  const signal = options.clock.deadline(TIMEOUT_MS);
  const response = await overUdp(address, Number(port), dnsPacket.encode(query as never), id, question, signal);
  return ((response.flags ?? 0) & TRUNCATED) === 0
    ? response
    : overTcp(address, Number(port), dnsPacket.streamEncode(query as never), signal);
}

function edns(): object {
  return { type: "OPT", name: ".", udpPayloadSize: 1232, flags: 0, options: [] };
}

function overUdp(
  address: string,
  port: number,
  query: Buffer,
  id: number,
  question: Question,
  signal: AbortSignal,
): Promise<DecodedPacket> {
  const socket = createSocket({ type: address.includes(":") ? "udp6" : "udp4", signal });
  return new Promise<DecodedPacket>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    socket.once("error", reject);
    socket.on("message", (message) => {
      const response = decode(message);
      const same = response?.questions?.[0]?.name.toLowerCase() === question.name.toLowerCase();
      if (response !== undefined && response.id === id && same) resolve(response); // others are forged or late
    });
    // connected: the kernel drops what does not come from the resolver, and an ICMP error ends the wait
    socket.connect(port, address, () => socket.send(query));
  }).finally(() => {
    try {
      socket.close();
    } catch {
      // the signal closed it
    }
  });
}

function overTcp(address: string, port: number, query: Buffer, signal: AbortSignal): Promise<DecodedPacket> {
  const socket = createConnection({ host: address, port, signal });
  return new Promise<DecodedPacket>((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the resolver closed the connection")));
    socket.on("data", (piece: Buffer) => {
      received = Buffer.concat([received, piece]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const response = decode(received.subarray(2));
      if (response === undefined) reject(new Error("the resolver's answer is malformed"));
      else resolve(response);
    });
    socket.write(query);
  }).finally(() => socket.destroy());
}

/** Undefined for what is no DNS message. */
export function decode(message: Buffer): DecodedPacket | undefined {
  try {
    return dnsPacket.decode(message);
  } catch {
    return undefined;
  }
}

/** The `nameserver` lines of a resolv.conf. */
export function nameserversOf(resolvConf: string): readonly string[] {
  return [...resolvConf.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "");
}
