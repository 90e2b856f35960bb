import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { cpuSecondsOf } from "./bench-cluster.ts";
import { type Operation, operationsOf, Peer, prepare, type Sizes } from "./bench-operations.ts";
import type { Measured } from "./bench-scenarios.ts";
import { rawCommitCost } from "./bench-store.ts";
import { tlsFloors } from "./bench-tls.ts";
import { type Server, startOwnProcess, startUpstream } from "./differential/servers.ts";
import { peersFolder } from "./peers.ts";

const UNIT = "ms CPU";

/** Why there is nothing to compare with. */
export function noPeers(): string | undefined {
  const isThere = ["kube-apiserver", "etcd"].every((name) => existsSync(join(peersFolder(), name)));
  return isThere
    ? undefined
    : `no kube-apiserver and etcd in ${peersFolder()}, expected them there; run "npm run peers"`;
}

/**
 * CPU time of the API server a request, beside kube-apiserver and etcd as `npm run peers` builds them, in the same run: each
 * alone, durable on disk, without controllers.
 */
export async function peers(sizes: Sizes): Promise<readonly Measured[]> {
  const ours = await costsOf(await startOwnProcess(), sizes);
  const theirs = await costsOf(await startUpstream({ isDurable: true }), sizes);
  const tls = await tlsFloors();
  const operations = operationsOf(sizes, []);
  const commits = await commitCosts(operations);
  const measured = operations.flatMap(({ name, goal, floor }) => {
    const [value = 0, other = 0] = [ours.get(name), theirs.get(name)];
    const ratio = { what: `${name}, upstream to ours`, value: other / value, unit: "x" };
    const least = floor && tls[floor.tls] + (commits.get(floor.writers ?? 0) ?? 0);
    return [
      { what: name, value, unit: UNIT },
      { what: `${name}, upstream`, value: other, unit: UNIT },
      goal === undefined ? ratio : { ...ratio, goal: `>= ${goal}` },
      ...(least === undefined ? [] : [{ what: `${name}, ours to its limit`, value: value / least, unit: "x" }]),
    ];
  });
  return [
    ...measured,
    { what: "100 bytes read and 3 KB written, TLS alone", value: tls.request, unit: UNIT },
    { what: "10 KB written, TLS alone", value: tls.event, unit: UNIT },
    { what: "99 MB written to one, TLS alone", value: tls.list, unit: UNIT },
    ...[...commits].map(([writers, value]) => ({
      what: `commit of raw lmdb for ${writers}, a put`,
      value,
      unit: UNIT,
    })),
  ];
}

/** Of raw lmdb, by the number of writers that share them. */
async function commitCosts(operations: readonly Operation[]): Promise<ReadonlyMap<number, number>> {
  const costs = new Map<number, number>();
  for (const { floor: { writers = 0 } = {} } of operations)
    if (writers > 0 && !costs.has(writers)) costs.set(writers, await rawCommitCost(writers));
  return costs;
}

/** Milliseconds of CPU by operation; the server is then closed. @param wanted Which operations, all by default. */
export async function costsOf(
  server: Server,
  sizes: Sizes,
  wanted: (name: string) => boolean = () => true,
): Promise<ReadonlyMap<string, number>> {
  const made = Array.from({ length: Math.max(sizes.clients, sizes.watchers) }, () => new Peer(server.connect()));
  const costs = new Map<string, number>();
  try {
    await prepare(made[0]!);
    for (const operation of operationsOf(sizes, made)) {
      if (!wanted(operation.name)) continue;
      process.stderr.write(`\r${server.name}: ${operation.name}\u001b[K`);
      costs.set(operation.name, await costOf(server, operation, made));
    }
  } finally {
    await Promise.all(made.map(({ client }) => client.close()));
    await server.close();
  }
  return costs;
}

async function costOf({ pids }: Server, operation: Operation, peers: readonly Peer[]): Promise<number> {
  const { times, warm = times, units = times } = operation;
  const seconds = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  await repeat(operation, warm, times, peers);
  const before = seconds();
  await repeat(operation, times, 0, peers);
  return ((seconds() - before) * 1000) / units;
}

async function repeat(
  { parallel = 1, perSecond = Infinity, request }: Operation,
  times: number,
  first: number,
  peers: readonly Peer[],
): Promise<void> {
  let next = 0;
  const begin = performance.now();
  const worker = async (peer: Peer): Promise<void> => {
    for (let index = next++; index < times; index = next++) {
      const early = begin + (index * 1000) / perSecond - performance.now();
      if (early > 0) await setTimeout(early);
      await request(first + index, peer);
    }
  };
  await Promise.all(peers.slice(0, parallel).map(worker));
}
