import { dirname, join } from "node:path";
import { realClock } from "@tsukube/host";
import { lmdbStore, MemoryStore, type StoredRecord } from "@tsukube/store";
import { startCluster } from "@tsukube/testing";
import { BenchCluster, cpuSecondsOf, pssOf } from "./bench-cluster.ts";
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
      { what: "up with data", value: again, unit: "ms" },
      { what: "PSS", value: pss, unit: "MB" },
    ];
  } finally {
    await cluster.close();
  }
}

/** The same with many ConfigMaps of 1 KB in the store. */
export async function startWith(root: string, count: number): Promise<readonly Measured[]> {
  const cluster = new BenchCluster(root);
  try {
    await cluster.tsukube("up", "--no-node");
    const path = join(dirname(await cluster.kubeconfig()), "store", "data.mdb");
    const client = await cluster.client();
    await client.resource(CONFIG_MAPS, "default").create(model());
    await client.close();
    await cluster.tsukube("down");
    await fill(path, count);
    const up = await timed(() => cluster.tsukube("up", "--no-node"));
    const { pid = 0 } = (await cluster.processes()).find(({ name }) => name === "server") ?? {};
    return [
      { what: `up with ${count} objects`, value: up, unit: "ms", ...(count === 100_000 && { goal: "< 2000" }) },
      { what: "server, CPU to ready", value: cpuSecondsOf(pid), unit: "s" },
      { what: "server, PSS", value: pssOf(pid), unit: "MB" },
    ];
  } finally {
    await cluster.close();
  }
}

async function fill(path: string, count: number): Promise<void> {
  let found: StoredRecord | undefined;
  const store = await lmdbStore({ path, clock: realClock })((record) => {
    if (record.key === KEY) found = record;
  });
  for (const batch of copiesOf(found!, count)) await store.commit(batch);
  await store.compact(store.revision);
  await store.close();
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
