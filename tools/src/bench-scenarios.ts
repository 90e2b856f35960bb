import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@tsukube/client";
import { realClock } from "@tsukube/host";
import { lmdbStore } from "@tsukube/store";
import { startCluster } from "@tsukube/testing";
import { open } from "lmdb";
import { BenchCluster, pssOf } from "./bench-cluster.ts";
import { idle, pods } from "./bench-node.ts";
import { peers } from "./bench-peers.ts";

export interface Measured {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
}

type Scenario = (root: string) => Promise<readonly Measured[]>;

const VALUE = Buffer.alloc(2048, 1);
const SECONDS = 1;

/** What `npm run bench` measures, by name. */
export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  start: startUp,
  "puts-1": (_root) => puts(1),
  "puts-16": (_root) => puts(16),
  "puts-512": (_root) => puts(512),
  api: requests,
  pods,
  idle,
  peers,
};

/** From exec of `tsukube up` to an API server that answers, and the memory it then has. */
async function startUp(root: string): Promise<readonly Measured[]> {
  const cluster = new BenchCluster(root);
  try {
    await cluster.tsukube("status"); // bundles when the sources changed
    const began = performance.now();
    await cluster.tsukube("up", "--no-node");
    const first = performance.now() - began;
    const pss = (await cluster.processes()).reduce((sum, { pid }) => sum + pssOf(pid), 0);
    await cluster.tsukube("down");
    const again = performance.now();
    await cluster.tsukube("up", "--no-node");
    return [
      { what: "first up", value: first, unit: "ms" },
      { what: "up with data", value: performance.now() - again, unit: "ms" },
      { what: "PSS", value: pss, unit: "MB" },
    ];
  } finally {
    await cluster.close();
  }
}

/** Durable 2 KB puts a second, beside raw lmdb on the same disk in the same run. */
async function puts(writers: number): Promise<readonly Measured[]> {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-bench-"));
  try {
    const store = await lmdbStore({ path: join(folder, "store"), clock: realClock })(() => {});
    const ours = await hammer(writers, (key) => store.commit([{ type: "put", key, value: VALUE, expected: "absent" }]));
    await store.close();
    const raw = open<Buffer, string>({
      path: join(folder, "raw"),
      noSubdir: true,
      overlappingSync: false,
      encoding: "binary",
    });
    const theirs = await hammer(writers, (key) => raw.put(key, VALUE));
    await raw.close();
    return [
      { what: "store", value: ours, unit: "puts/s" },
      { what: "raw lmdb", value: theirs, unit: "puts/s" },
      { what: "ratio", value: ours / theirs, unit: "x" },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How often `put` resolved in a second, with `writers` calls under way at any time. */
async function hammer(writers: number, put: (key: string) => Promise<unknown>): Promise<number> {
  let count = 0;
  const end = performance.now() + SECONDS * 1000;
  const writer = async (_: unknown, index: number): Promise<void> => {
    for (let i = 0; performance.now() < end; i += 1) {
      await put(`/bench/${index}/${i}`);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: writers }, writer));
  return count / SECONDS;
}

/** Requests a second through the whole chain, in process. */
async function requests(_root: string): Promise<readonly Measured[]> {
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
