import { Lifetime } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { expect, test } from "vitest";
import { withEachEtcd } from "../test/each-etcd.ts";
import { EtcdNetwork } from "../test/etcd-network.ts";
import { EtcdServer } from "../test/etcd-server.ts";
import { EtcdTroubles } from "../test/etcd-troubles.ts";
import { contradictions, type Operation, type Outcome } from "../test/linearizability.ts";
import { show } from "../test/shown.ts";
import { etcdStore } from "./etcd-store.ts";
import { type Store, StoreError, type StoreEvent } from "./store.ts";

const SECONDS = Number(process.env["TSUKUBE_LINEARIZABILITY_SECONDS"] ?? 14);
const CLIENTS = 6;
const KEYS = 4;

const base = { key: "k", type: "write" as const, expected: "any" as const };
const wrote = (
  began: number,
  ended: number,
  revision: number,
  value: string,
  expected: number | "any" = "any",
): Operation => ({
  ...base,
  began,
  ended,
  value,
  expected,
  outcome: { type: "ok", revision },
});
const saw = (began: number, ended: number, revision: number, found: string): Operation => ({
  key: "k",
  type: "read",
  began,
  ended,
  outcome: { type: "ok", revision, found },
});

test("the checker finds what is not linearizable, and nothing in what is", () => {
  const lost: Operation = { ...base, began: 0, ended: 9, value: "l", outcome: { type: "unknown" } };
  const refused: Operation = { ...base, began: 0, ended: 1, value: "r", outcome: { type: "refused" } };
  expect(contradictions([wrote(0, 1, 2, "a"), saw(2, 3, 2, "a"), wrote(2, 5, 3, "b", 2), saw(3, 4, 3, "b")])).toEqual(
    [],
  );
  expect(contradictions([lost, saw(1, 2, 5, "l"), wrote(3, 4, 6, "b", 5)])).toEqual([]);
  expect(contradictions([wrote(0, 1, 2, "a"), wrote(2, 3, 3, "b"), saw(4, 5, 2, "a")])).toHaveLength(1); // outdated
  expect(contradictions([wrote(0, 1, 2, "a"), saw(2, 3, 4, "x")])).toHaveLength(1); // from nowhere
  expect(contradictions([refused, saw(2, 3, 4, "r")])).toHaveLength(1);
  expect(contradictions([wrote(0, 1, 2, "a"), wrote(2, 3, 3, "b"), wrote(2, 4, 4, "c", 2)])).toHaveLength(1); // lost update
  expect(contradictions([wrote(0, 1, 5, "a"), wrote(2, 3, 4, "b")])).toHaveLength(1);
});

async function client(store: Store, number: number, until: number, history: Operation[]): Promise<void> {
  const seen = new Map<string, number>();
  for (let turn = 0; realClock.monotonic() < until; turn += 1) {
    const key = `/registry/k${(turn + number) % KEYS}`;
    const began = realClock.monotonic();
    const value = `${number}:${turn}`;
    const expected = turn % 5 === 0 ? ("any" as const) : (seen.get(key) ?? 0);
    const isRead = turn % 3 === 0 || (expected === 0 && !seen.has(key));
    const work = isRead ? read(store, key) : write(store, key, value, expected);
    const outcome = await work.catch((error: unknown): Outcome => {
      if (!(error instanceof StoreError)) throw error;
      if (error.code === "conflict") seen.set(key, error.current?.revision ?? 0);
      else if (error.code !== "unknown" && error.code !== "unavailable") throw error;
      return { type: error.code === "unknown" ? "unknown" : "refused" };
    });
    if (outcome.type === "ok") seen.set(key, outcome.revision);
    const ended = outcome.type === "unknown" ? Number.POSITIVE_INFINITY : realClock.monotonic();
    history.push({ key, began, ended, type: isRead ? "read" : "write", expected, value, outcome });
    await realClock.sleep(3);
  }
}

async function read(store: Store, key: string): Promise<Outcome> {
  const record = await store.get(key);
  if (record === undefined) return { type: "ok", revision: 0 };
  return { type: "ok", revision: record.revision, found: Buffer.from(record.value).toString() };
}

async function write(store: Store, key: string, value: string, expected: number | "any"): Promise<Outcome> {
  const wanted = expected === 0 ? "absent" : expected;
  const revision = await store.commit([{ type: "put", key, value: Buffer.from(value), expected: wanted }]);
  return { type: "ok", revision };
}

const isRoot = process.getuid?.() === 0;

withEachEtcd(({ program }) => {
  test.skipIf(!isRoot)(
    "three servers that are killed, paused and cut off answer as one register would, and watches miss nothing (needs root)",
    { timeout: SECONDS * 1000 + 90_000 },
    async ({ task }) => {
      await using lifetime = new Lifetime();
      const network = await EtcdNetwork.create(3);
      lifetime.add("network", () => network.remove());
      const servers = await EtcdServer.cluster(3, { program, hosts: network.hosts });
      for (const server of servers) lifetime.add("etcd", () => server.remove());
      const urls = servers.map(({ clientUrl }) => clientUrl);
      const stores = await Promise.all(
        Array.from({ length: CLIENTS }, async (_, i) => {
          // each begins with another server
          const endpoints = [...urls.slice(i % 3), ...urls.slice(0, i % 3)];
          return lifetime.own("store", await etcdStore({ endpoints, clock: realClock, historyMs: 0 })(() => {}));
        }),
      );
      const watched: [number, string][] = [];
      const stop = new AbortController();
      const from = stores[0]!.revision;
      const watching = (async () => {
        for await (const event of stores[0]!.watch("", from, stop.signal) as AsyncIterable<StoreEvent>)
          if (event.type === "put") watched.push([event.record.revision, Buffer.from(event.record.value).toString()]);
      })();

      const history: Operation[] = [];
      const until = realClock.monotonic() + SECONDS * 1000;
      const clients = Promise.all(stores.map((store, i) => client(store, i, until, history)));
      lifetime.add("clients", async () => void (await clients.catch(() => {})));
      await new EtcdTroubles(servers, network).makeUntil(until);
      await clients;

      expect(contradictions(history)).toEqual([]);
      const done = history.filter(({ type, outcome }) => type === "write" && outcome.type === "ok");
      expect(done.length).toBeGreaterThan(SECONDS * 5);
      const newest = await stores[1]!.latest();
      for (let tries = 0; tries < 100 && (watched.at(-1)?.[0] ?? 0) < newest; tries += 1) await realClock.sleep(100);
      stop.abort();
      await watching;
      const events = new Map(watched);
      expect(events.size).toBe(watched.length); // each once
      expect(watched.every(([revision], i) => i === 0 || watched[i - 1]![0] <= revision)).toBe(true);
      for (const { outcome, value } of done)
        if (outcome.type === "ok") expect(events.get(outcome.revision)).toBe(value);
      show(task, `${history.length} operations in ${SECONDS} s, ${watched.length} events`);
    },
  );
});
