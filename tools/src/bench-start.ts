import { dirname, join } from "node:path";
import type { Transport } from "@tsukube/client";
import { transportOfKubeconfig } from "@tsukube/e2e/kubeconfig-transport";
import { realClock } from "@tsukube/host";
import { lmdbStore, MemoryStore, type StoredRecord } from "@tsukube/store";
import { startCluster } from "@tsukube/testing";
import { BenchCluster, cpuSecondsOf, pssOf } from "./bench-cluster.ts";
import { delayDuring } from "./bench-delay.ts";
import { copiesOf, MODEL } from "./bench-objects.ts";
import type { Measured } from "./bench-scenarios.ts";

const CONFIG_MAPS = { group: "", version: "v1", resource: "configmaps" };
const KEY = `/registry/configmaps/default/${MODEL}`;
const FORKS = 100;

/** From exec of `tsukube up` to an API server that answers, and the memory it then has. */
export async function startUp(root: string): Promise<readonly Measured[]> {
  const cluster = new BenchCluster(root);
  try {
    await cluster.tsukube("status"); // bundles when the sources changed
    const first = await timed(() => cluster.tsukube("up", "--no-node"));
    const pss = (await cluster.processes()).reduce((sum, { pid }) => sum + pssOf(pid), 0);
    await cluster.tsukube("down");
    const again = await timed(() => cluster.tsukube("up", "--no-node"));
    return [
      { what: "first up", value: first, unit: "ms" },
      { what: "up with data", value: again, unit: "ms", goal: "< 500" },
      { what: "of that, the API server from its exec", value: cluster.readyMs("server"), unit: "ms", goal: "< 500" },
      { what: "PSS", value: pss, unit: "MB", goal: "< 100" },
    ];
  } finally {
    await cluster.close();
  }
}

/** Goals by how many objects there are: of the start, in ms. */
const START_GOALS: Readonly<Record<number, string>> = { 100000: "< 2000", 1000000: "< 5000" };
/** What an API server may keep besides, in MB: encodings, decoded objects, superseded bodies for watches and exact lists. */
export const BUDGETS_MB = { encodings: 128, decoded: 64, history: 80 } as const;
const PAGE = 2000;
const WRITES = 1000;

/** The same with many ConfigMaps of 1 KB in the store; then all of them are listed, and some are written. */
export async function startWith(root: string, count: number): Promise<readonly Measured[]> {
  const cluster = new BenchCluster(root);
  try {
    await cluster.tsukube("up", "--no-node");
    const path = join(dirname(await cluster.kubeconfig()), "store", "data.mdb");
    const client = await cluster.client();
    await client.resource(CONFIG_MAPS, "default").create(model());
    await client.close();
    await cluster.tsukube("down");
    const stored = await fill(path, count);
    const up = await timed(() => cluster.tsukube("up", "--no-node"));
    const { pid = 0 } = (await cluster.processes()).find(({ name }) => name === "server") ?? {};
    const goal = START_GOALS[count];
    const ready = { cpu: cpuSecondsOf(pid), pss: pssOf(pid) };
    const listed = await timed(() => listAll(cluster, count, PAGE));
    const paged = await delayDuring(pid, () => listAll(cluster, count, PAGE));
    const whole = await delayDuring(pid, () => listAll(cluster, count, 0));
    await writeSome(cluster);
    const used = pssOf(pid);
    const budgets = Object.values(BUDGETS_MB).reduce((sum, megabytes) => sum + megabytes, 0);
    return [
      { what: `up with ${count} objects`, value: up, unit: "ms", ...(goal !== undefined && { goal }) },
      { what: "server, CPU to ready", value: ready.cpu, unit: "s" },
      { what: "bytes stored: keys, values, indexes", value: stored, unit: "MB" },
      { what: "server, PSS", value: ready.pss, unit: "MB" },
      { what: "server, PSS to bytes stored", value: ready.pss / stored, unit: "x" },
      { what: "all listed in pages of 2000", value: listed, unit: "ms" },
      { what: "event loop meanwhile, p99.9", value: paged, unit: "ms", goal: "< 20" },
      { what: "event loop, p99.9, while all are listed at once", value: whole, unit: "ms", goal: "< 20" },
      { what: "server, PSS after that and 1000 writes", value: used, unit: "MB" },
      {
        what: "server, PSS without budgets to bytes stored",
        value: (used - budgets) / stored,
        unit: "x",
        goal: "< 1.5",
      },
    ];
  } finally {
    await cluster.close();
  }
}

/** @param limit Of a page; 0: none. @throws when not all of them come. */
async function listAll(cluster: BenchCluster, count: number, limit: number): Promise<void> {
  const transport = transportOfKubeconfig(await cluster.kubeconfig());
  try {
    let seen = 0;
    for (let page = await pageAfter(transport, "", limit); ; page = await pageAfter(transport, page.token, limit)) {
      seen += page.count;
      if (page.token === "") break;
    }
    if (seen < count) throw new Error(`Cannot list ${count} objects: ${seen} came, expected all`);
  } finally {
    await transport.close();
  }
}

const NAME = Buffer.from('"name":"bench-');

/** Of a page, how many objects it has and what the next one is asked for with. Nothing else of it is read. */
async function pageAfter(transport: Transport, token: string, limit: number) {
  const path = `/api/v1/namespaces/default/configmaps?limit=${limit}&continue=${encodeURIComponent(token)}`;
  const { body } = await transport.request({ method: "GET", path, headers: {} });
  const pieces: Uint8Array[] = [];
  for await (const piece of body instanceof Uint8Array ? [body] : body) pieces.push(piece);
  const text = Buffer.concat(pieces);
  let count = 0;
  for (let at = text.indexOf(NAME); at >= 0; at = text.indexOf(NAME, at + 1)) count += 1;
  const [, next = ""] = /"continue":"([^"]*)"/.exec(text.toString("latin1", 0, 2000)) ?? [];
  return { count, token: next };
}

async function writeSome(cluster: BenchCluster): Promise<void> {
  const client = await cluster.client();
  const configMaps = client.resource(CONFIG_MAPS, "default");
  for (let write = 0; write < WRITES; write += 1) await configMaps.create({ metadata: { name: `more-${write}` } });
  await client.close();
}

/** @returns how many megabytes there are then, in keys, values and indexes. */
async function fill(path: string, count: number): Promise<number> {
  let bytes = 0;
  let found: StoredRecord | undefined;
  const store = await lmdbStore({ path, clock: realClock })((record) => {
    if (record.key === KEY) found = record;
    bytes += sizeOf(record);
  });
  for (const batch of copiesOf(found!, count)) {
    await store.commit(batch);
    for (const put of batch) if (put.type === "put") bytes += sizeOf(put);
  }
  await store.compact(store.revision);
  await store.close();
  return bytes / 2 ** 20;
}

function sizeOf({ key, value, index }: Pick<StoredRecord, "key" | "value"> & { readonly index?: Uint8Array }): number {
  return key.length + value.length + (index?.length ?? 0);
}

/** How long a test waits for a cluster of its own that begins with what another one holds. */
export async function forks(count: number): Promise<readonly Measured[]> {
  const { store, clock } = await filledMemory(count);
  const cluster = await startCluster({ store });
  try {
    const times: number[] = [];
    for (let fork = 0; fork < FORKS; fork += 1) {
      const began = performance.now();
      const made = await cluster.fork();
      times.push(performance.now() - began);
      await made.close();
    }
    times.sort((a, b) => a - b);
    const bare = await timed(() => startCluster({ store: new MemoryStore({ clock }) }).then((one) => one.close()));
    return [
      { what: `${count} objects, p50`, value: times[FORKS / 2]!, unit: "ms" },
      { what: `${count} objects, p99`, value: times[FORKS - 1]!, unit: "ms" },
      { what: "an empty cluster instead", value: bare, unit: "ms" },
    ];
  } finally {
    await cluster.close();
  }
}

async function filledMemory(count: number) {
  const clock = realClock;
  const store = new MemoryStore({ clock, history: 10 });
  const model1 = await modelRecord();
  for (const batch of copiesOf(model1, count)) await store.commit(batch);
  return { store, clock };
}

async function modelRecord(): Promise<StoredRecord> {
  const store = new MemoryStore({ clock: realClock });
  const cluster = await startCluster({ store });
  try {
    await cluster.client.resource(CONFIG_MAPS, "default").create(model());
    return (await store.get(KEY))!;
  } finally {
    await cluster.close();
  }
}

function model() {
  return { metadata: { name: MODEL }, data: { filler: "x".repeat(700) } };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
