import { createClient } from "@tsukube/client";
import { startCluster } from "@tsukube/testing";
import { idleConnections } from "./bench-connections.ts";
import { containerDensity, containerStarts, imageBuilds, imagePulls } from "./bench-engine.ts";
import { besideEtcd, noEtcd } from "./bench-etcd.ts";
import { hammer } from "./bench-hammer.ts";
import { idle, pods } from "./bench-node.ts";
import { FULL, SMALL } from "./bench-operations.ts";
import { noPeers, peers } from "./bench-peers.ts";
import { BUDGETS_MB, forks, startUp, startWith } from "./bench-start.ts";
import { keptHistory, puts } from "./bench-store.ts";
import { watchers } from "./bench-watchers.ts";

export interface Measured {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What it should be, such as "< 5". */
  readonly goal?: string;
}

export interface Scenario {
  /** How its figures are made. */
  readonly how: string;
  /** What bounds them, whoever wrote the software. */
  readonly limit: string;
  readonly needs?: "root";
  /** Why it cannot be run here; undefined: it can. */
  readonly missing?: () => string | undefined;
  /** How often it is run at most: it takes long, or takes the middle of many itself. */
  readonly runs?: number;
  /** @param isSmall For a quick look, where it would take many minutes. */
  measure(root: string, isSmall: boolean): Promise<readonly Measured[]>;
}

const PUTS = {
  limit:
    "A commit is one or more pages written and one sync of the disk, which the last figure shows alone. Writers that come together share it, so " +
    "with many of them the CPU bounds.",
} as const;
const writers = (count: number): Scenario => ({
  ...PUTS,
  how: `${count === 1 ? "One writer puts" : `${count} writers put`} values of 2 KB under new keys, each waiting until its own is durable. The store and a raw lmdb of the same version take turns of 0.4 s on one disk, in one process.`,
  measure: () => puts(count),
});
const FORK: Pick<Scenario, "limit" | "runs"> = {
  limit: "Nothing of the objects is read or copied, so it should not grow with them.",
  runs: 3,
};
const fork = (count: number): Scenario => ({
  ...FORK,
  how: `A cluster in memory with ${count} ConfigMaps of 1 KB is forked a hundred times; each fork answers requests when it is counted.`,
  measure: () => forks(count),
});

const BUDGETS = `Budgets are what an API server may keep beside what is stored: ${BUDGETS_MB.encodings} MB of encodings (protobuf, tables), ${BUDGETS_MB.decoded} MB of decoded objects, ${BUDGETS_MB.history} MB of superseded bodies (for watches and exact lists).`;

/** What `npm run bench` measures, by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  start: {
    how: "From exec of `tsukube up --no-node` until it returns, when the API server answers; then the processes' proportional set size.",
    limit: "Two Node processes start one after the other (about 40 ms each on an idle machine) and load the bundle.",
    measure: startUp,
  },
  "start-100k": {
    how: `The same with 100,000 ConfigMaps of 1 KB in the store's file. A thread reads and checks all of it, the server builds its cache. Then all are listed, in pages and at once, and 1000 written. ${BUDGETS}`,
    limit: "100 MB are read from memory, checked and copied: about 0.1 s.",
    runs: 3,
    measure: (root) => startWith(root, 100_000),
  },
  "start-1m": {
    how: `The same with 1,000,000, once. ${BUDGETS}`,
    limit: "1 GB is read, checked and copied: about 1 s.",
    runs: 1,
    measure: (root) => startWith(root, 1_000_000),
  },
  "puts-1": writers(1),
  "puts-16": writers(16),
  "puts-512": writers(512),
  history: {
    how: "16 writers update 1000 keys of 2 KB: a store with 100,000 old revisions and one with few take turns of 0.4 s, then the latter and a raw lmdb that overwrites in place.",
    limit: "What is kept is in a tree of pages: a deeper one is one more page a commit.",
    measure: keptHistory,
  },
  etcd: {
    how: "64 clients put values of 2 KB under new keys, each waiting until its own is durable: through our store on a file, and through our store on an etcd 3.7 of one server, in turns of a second on one disk. The CPU of our clients counts with the file, where they are one process; with etcd its own process alone counts.",
    limit: "One sync of the disk for all writers that wait.",
    missing: noEtcd,
    measure: besideEtcd,
  },
  watchers: {
    how: "Ten thousand watch what nobody writes to, each something else: prefixes of a store; ConfigMaps by name, and pods by node, through an API server in memory. 16 writers write there and where nobody watches, in 80 turns of 40 ms each, of which the least counts. Then some, and ten thousand, watch one thing that changes.",
    limit: "An event is put into a queue for each who hears of it, and taken from there.",
    runs: 3,
    measure: watchers,
  },
  "fork-1k": fork(1000),
  "fork-10k": fork(10_000),
  "fork-100k": fork(100_000),
  api: {
    how: "16 clients in the process of an API server in memory: every request goes through the whole chain, without a network.",
    limit: "One core.",
    measure: requests,
  },
  pods: {
    how: "From apply to Running: ten pods one after the other beside the same steps by hand (crun under conmon in a shell script), then fifty at once.",
    limit: "Namespaces, a network, an overlay and two processes a pod: what the steps by hand take.",
    needs: "root",
    measure: pods,
  },
  "idle-connections": {
    how: "An API server in a process of its own answers one client, alone and beside ten thousand connections over TLS that say nothing or stop in the middle of a word.",
    limit: "A connection is a socket of the kernel and a state of OpenSSL, and what Node keeps for each.",
    runs: 1,
    measure: idleConnections,
  },
  idle: {
    how: "The guestbook example at rest for a minute after its start has settled: proportional set size and CPU of our processes.",
    limit: "A Node process that does nothing has about 40 MB.",
    needs: "root",
    runs: 1,
    measure: idle,
  },
  "engine-starts": {
    how: "`docker run --rm` and `docker exec` of `true` with one docker command, our engine and Debian's dockerd in turns.",
    limit: "Starting the docker command takes 40-60 ms, crun and conmon about 30 ms.",
    needs: "root",
    runs: 1,
    measure: containerStarts,
  },
  "engine-builds": {
    how: "A Dockerfile of three stages and 20 steps whose input changed, then the same unchanged, our engine and Debian's dockerd (its classic builder) in turns.",
    limit: "A process in a container for each RUN; nothing for what is known.",
    needs: "root",
    runs: 1,
    measure: imageBuilds,
  },
  "engine-pulls": {
    how: "An image of five layers of 100 MB that do not compress, from our registry on the loopback, our engine and Debian's dockerd in turns.",
    limit: "SHA-256 twice, gunzip, and writing 500 MB.",
    needs: "root",
    runs: 1,
    measure: imagePulls,
  },
  "engine-density": {
    how: "`tsukube engine` at rest, then with 200 containers of `sleep` that the docker command started, four at a time.",
    limit: "A Node process that does nothing has about 40 MB, conmon 0.3 MB.",
    needs: "root",
    runs: 1,
    measure: containerDensity,
  },
  peers: {
    how: "CPU time of the server a request, beside kube-apiserver and etcd as `npm run peers` builds them, with the same client in the same run. Both wait for their disks. Requests come from 1,000 clients at a time, each with a connection of its own; 16 create, 500 Leases are renewed a second, and who applies, lists or begins an informer is alone.",
    limit:
      "The last figures: what Node's TLS and the kernel take for the bytes alone, and for a write its part of a commit by lmdb alone; `ours to its limit` says how far away each operation is. Requests that come one by one, as renewals and applies do here, find the processor's caches cold: a renewal takes a third as long when the next ones already wait.",
    runs: 1,
    missing: noPeers,
    measure: (_, isSmall) => peers(isSmall ? SMALL : FULL),
  },
};

/** Requests a second through the whole chain, in process. */
async function requests(): Promise<readonly Measured[]> {
  const cluster = await startCluster();
  const client = createClient(cluster.transport, { userAgent: "bench" });
  const configMaps = client.resource({ group: "", version: "v1", resource: "configmaps" }, "default");
  try {
    const created = await hammer(16, (key) =>
      configMaps.create({ metadata: { name: key.slice(1).replaceAll("/", "-") } }),
    );
    const read = await hammer(16, () => configMaps.get("bench-0-0"));
    const began = performance.now();
    const { items } = await configMaps.list();
    const listed = items.length / (performance.now() - began);
    return [
      { what: "create", value: created, unit: "requests/s" },
      { what: "get", value: read, unit: "requests/s" },
      { what: "list", value: listed * 1000, unit: "objects/s" },
    ];
  } finally {
    await cluster.close();
  }
}
