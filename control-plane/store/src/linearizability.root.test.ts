import { Lifetime } from "@tsukube/foundation";
import { realClock, run } from "@tsukube/host";
import { expect, test } from "vitest";
import { EtcdServer, HAS_ETCD } from "../test/etcd-server.ts";
import { contradictions, type Operation, type Outcome } from "../test/linearizability.ts";
import { etcdStore } from "./etcd-store.ts";
import { type Store, StoreError, type StoreEvent } from "./store.ts";

const SECONDS = Number(process.env["TSUKUBE_LINEARIZABILITY_SECONDS"] ?? 14);
const CLIENTS = 6;
const KEYS = 4;
const FIRST_USER = 64_000;
const TABLE = "tsukube_test_etcd";

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

/** Cuts a server off from the others, and only from them. */
async function cutOff(server: EtcdServer, all: readonly EtcdServer[]): Promise<void> {
  const port = (one: EtcdServer): string => new URL(one.peerUrl).port;
  const others = all.filter((one) => one !== server).map(port);
  const rules = `table inet ${TABLE} {
  chain output {
    type filter hook output priority 0;
    tcp dport ${port(server)} drop
    tcp sport ${port(server)} drop
    meta skuid ${server.user} tcp dport { ${others.join(", ")} } drop
  }
}
`;
  await run("nft", ["-f", "-"], { input: rules });
}

async function heal(): Promise<void> {
  await run("nft", ["delete", "table", "inet", TABLE], { accept: [0, 1] });
}

const isRoot = process.getuid?.() === 0;

test.skipIf(!HAS_ETCD || !isRoot)(
  "three servers that are killed, paused and cut off answer as one register would, and watches miss nothing (needs root)",
  { timeout: SECONDS * 1000 + 90_000 },
  async () => {
    await using lifetime = new Lifetime();
    lifetime.add("firewall", heal);
    const servers = await EtcdServer.cluster(3, { firstUser: FIRST_USER });
    for (const server of servers) lifetime.add("etcd", () => server.remove());
    const peers = servers.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(",");
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
    const troubles = [
      async (server: EtcdServer) => {
        await server.kill();
        await realClock.sleep(1000);
        server.run(peers);
      },
      async (server: EtcdServer) => {
        server.signal("SIGSTOP");
        await realClock.sleep(2000);
        server.signal("SIGCONT");
      },
      async (server: EtcdServer) => {
        await cutOff(server, servers);
        await realClock.sleep(2000);
        await heal();
      },
    ];
    for (let turn = 0; realClock.monotonic() < until - 3000; turn += 1) {
      await realClock.sleep(1000);
      await troubles[turn % troubles.length]!(servers[(turn * 2 + 1) % 3]!);
      await realClock.sleep(500);
    }
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
    for (const { outcome, value } of done) if (outcome.type === "ok") expect(events.get(outcome.revision)).toBe(value);
  },
);
