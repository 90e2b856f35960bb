import { getEventListeners } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { createAuthorityKeys, openAuthority } from "@tsukube/host/certificates";
import { expect, test } from "vitest";
import { withEachEtcd } from "../test/each-etcd.ts";
import { EtcdServer, freePorts, membersOf } from "../test/etcd-server.ts";
import { EtcdCompactor } from "./etcd-compactor.ts";
import { EtcdConnection } from "./etcd-connection.ts";
import { goOnAfter } from "./etcd-revisions.ts";
import { type EtcdStoreOptions, etcdState, etcdStore } from "./etcd-store.ts";
import type { Mutation, Store, StoreEvent } from "./store.ts";

const put = (key: string, value = "x"): Mutation => ({
  type: "put",
  key,
  value: Buffer.from(value),
  expected: "any",
});

async function open(lifetime: Lifetime, endpoints: readonly string[], more: Partial<EtcdStoreOptions> = {}) {
  const store = await etcdStore({ endpoints, clock: realClock, historyMs: 0, ...more })(() => {});
  lifetime.own("store", store);
  return store;
}

/** Collects revisions of puts, and of progress. */
function follow(store: Store, from: number) {
  const seen = { puts: [] as string[], progress: 0, error: undefined as unknown };
  const stop = new AbortController();
  const done = (async () => {
    try {
      for await (const event of store.watch("", from, stop.signal) as AsyncIterable<StoreEvent>) {
        if (event.type === "put") seen.puts.push(event.record.key);
        else if (event.type === "progress") seen.progress = event.revision;
      }
    } catch (error) {
      seen.error = error;
    }
  })();
  return {
    seen,
    async stop() {
      stop.abort();
      await done;
    },
  };
}

/** Has watches hear how far etcd is, again and again. */
async function askOften(store: Store, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await store.latest();
    await realClock.sleep(5);
  }
}

async function eventually(check: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600 && !check(); tries += 1) await realClock.sleep(50);
  expect(check()).toBe(true);
}

withEachEtcd(({ program }) => {
  test("certificates of clients and servers are shown and checked", async () => {
    await using lifetime = new Lifetime();
    const folder = mkdtempSync(join(tmpdir(), "tsukube-etcd-tls-"));
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
    const keys = await createAuthorityKeys("etcd-ca", realClock, systemRandom);
    const authority = await openAuthority(keys, realClock, systemRandom);
    const serving = await authority.issue({ commonName: "etcd", sans: ["127.0.0.1"], usages: ["server", "client"] });
    const client = await authority.issue({ commonName: "tsukube", usages: ["client"] });
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const args = [
      ...["--cert-file", file("crt", serving.cert), "--key-file", file("key", serving.key)],
      ...["--trusted-ca-file", file("ca", keys.cert), "--client-cert-auth"],
    ];
    const server = await EtcdServer.start({ program, args, tls: { ca: keys.cert, ...client } });
    lifetime.add("etcd", () => server.remove());
    const store = await open(lifetime, [server.clientUrl], { tls: { ca: keys.cert, ...client } });
    await store.commit([put("/registry/a")]);
    expect((await store.get("/registry/a"))?.value.toString()).toBe("x");
    const stranger = { tls: { ca: keys.cert }, giveUpMs: 1000 };
    await expect(open(lifetime, [server.clientUrl], stranger)).rejects.toMatchObject({
      code: "unavailable",
    });
  }, 40_000);

  test("users log in, stay logged in when their token ends, and are told what they may not", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program, args: ["--auth-token-ttl", "2"] });
    lifetime.add("etcd", () => server.remove());
    const admin = new EtcdConnection({ endpoints: [server.clientUrl], clock: realClock });
    lifetime.own("admin", admin);
    const { auth } = admin.member;
    await auth.UserAdd({ name: "root", password: "secret" });
    await auth.UserGrantRole({ user: "root", role: "root" });
    await auth.UserAdd({ name: "tsukube", password: "pass" });
    await auth.RoleAdd({ name: "registry" });
    const perm = {
      permType: "READWRITE",
      key: Buffer.from("/registry/"),
      rangeEnd: Buffer.from("/registry0"),
    } as const;
    await auth.RoleGrantPermission({ name: "registry", perm });
    await auth.UserGrantRole({ user: "tsukube", role: "registry" });
    await auth.AuthEnable({});
    const user = { name: "tsukube", password: "pass" };
    const store = await open(lifetime, [server.clientUrl], { user });
    const watch = follow(store, store.revision);
    await store.commit([put("/registry/a")]);
    await realClock.sleep(3500);
    await store.commit([put("/registry/b")]);
    await eventually(() => watch.seen.puts.length === 2);
    await watch.stop();
    const wrong = { name: "tsukube", password: "wrong" };
    await expect(open(lifetime, [server.clientUrl], { user: wrong })).rejects.toThrow(/authentication failed/);
    await expect(open(lifetime, [server.clientUrl])).rejects.toThrow(/user name is empty/);
    await expect(open(lifetime, [server.clientUrl], { user, root: "/other/" })).rejects.toThrow(/permission denied/);
  }, 40_000);

  test("a revision that other keys made is reached too, whether etcd answers progress requests or not", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program });
    lifetime.add("etcd", () => server.remove());
    const ours = await open(lifetime, [server.clientUrl]);
    const theirs = await open(lifetime, [server.clientUrl], { root: "/elsewhere/" });
    const watch = follow(ours, ours.revision);
    const revision = await theirs.commit([put("/elsewhere/a")]);
    expect(await ours.latest()).toBeGreaterThanOrEqual(revision);
    await eventually(() => watch.seen.progress >= revision);
    expect(watch.seen.puts).toEqual([]);
    expect((await ours.range("")).records).toEqual([]);
    await watch.stop();
  }, 40_000);

  test("a watch goes on without gaps when its server dies, and the store finds another", async () => {
    await using lifetime = new Lifetime();
    const servers = await EtcdServer.cluster(3, { program });
    for (const server of servers) lifetime.add("etcd", () => server.remove());
    const store = await open(
      lifetime,
      servers.map(({ clientUrl }) => clientUrl),
    );
    const watch = follow(store, store.revision);
    const written: string[] = [];
    for (let i = 0; i < 60; i += 1) {
      const key = `/registry/${i}`;
      if (i === 20) await servers[0]!.kill();
      if (i === 40) servers[1]!.signal("SIGSTOP");
      if (i === 40) servers[0]!.run(membersOf(servers));
      // what certainly was not written, or may not have been, is written again under a name of its own
      const done = await store.commit([put(key)]).then(
        () => true,
        () => false,
      );
      if (done) written.push(key);
    }
    servers[1]!.signal("SIGCONT");
    expect(written.length).toBeGreaterThan(40);
    await eventually(() => written.every((key) => watch.seen.puts.includes(key)));
    expect(new Set(watch.seen.puts).size).toBe(watch.seen.puts.length);
    await watch.stop();
  }, 60_000);

  test("progress is told when all before it was, also to who is still shown the past", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program });
    lifetime.add("etcd", () => server.remove());
    const store = await open(lifetime, [server.clientUrl]);
    const from = store.revision;
    const written: number[] = []; // etcd shows a thousand revisions of the past at once
    for (let i = 0; i < 22; i += 1)
      written.push(
        ...(await Promise.all(Array.from({ length: 100 }, (_, j) => store.commit([put(`/registry/${i}-${j}`)])))),
      );
    const told: number[] = [];
    const stop = new AbortController();
    lifetime.add("watch", () => stop.abort());
    const asking = askOften(store, stop.signal);
    for await (const event of store.watch("", from, stop.signal)) {
      if (event.type === "put") told.push(event.record.revision);
      else if (event.type === "progress")
        expect(told.length).toBe(written.filter((revision) => revision <= event.revision).length);
      if (told.length === written.length && event.type === "progress") break;
    }
    stop.abort();
    await asking;
  }, 60_000);

  test("an etcd that is another, or was put back, is not gone on with; its revisions are made to go on after all that were told", async () => {
    await using lifetime = new Lifetime();
    const servers = await Promise.all([EtcdServer.start({ program }), EtcdServer.start({ program })]);
    for (const server of servers) lifetime.add("etcd", () => server.remove());
    const endpoints = servers.map(({ clientUrl }) => clientUrl);
    const replaced: string[] = [];
    const store = await open(lifetime, endpoints, { onReplaced: ({ message }) => void replaced.push(message) });
    await store.commit([put("/registry/a")]);
    const watch = follow(store, store.revision);
    await servers[0]!.kill();
    const refused = { code: "unusable", message: expect.stringMatching(/it is cluster \w+, expected cluster \w+$/) };
    await expect(store.range("")).rejects.toMatchObject(refused);
    await expect(store.latest()).rejects.toMatchObject(refused);
    await eventually(() => watch.seen.error !== undefined);
    expect(watch.seen.error).toMatchObject(refused);
    expect(replaced[0]).toMatch(/it is cluster/);

    const left = { endpoints: endpoints.slice(1), clock: realClock };
    const { revision } = await etcdState(left);
    const told = revision + 300;
    await expect(open(lifetime, left.endpoints, { atLeast: told })).rejects.toMatchObject({
      code: "unusable",
      message: expect.stringContaining(`it is at revision ${revision}, expected ${told} at least`),
    });
    const now = await goOnAfter(left, told, () => {});
    expect(now).toBeGreaterThan(told);
    const next = await open(lifetime, left.endpoints, { atLeast: told });
    expect((await next.range("")).records).toEqual([]);
    await expect(next.get("/registry/a", { revision: told })).rejects.toMatchObject({ code: "compacted" });
    expect(await goOnAfter(left, told, () => {})).toBeLessThan(now + 10); // it was there already
    await watch.stop();
  }, 40_000);

  test("of several servers one cuts history at a time, up to where it was a turn ago, and another goes on when that is gone", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program });
    lifetime.add("etcd", () => server.remove());
    const store = await open(lifetime, [server.clientUrl]);
    const connect = (): EtcdConnection => new EtcdConnection({ endpoints: [server.clientUrl], clock: realClock });
    const [one, other] = [connect(), connect()].map((connection) => {
      lifetime.own("connection", connection);
      return new EtcdCompactor(connection, (revision) => store.compact(revision));
    });
    const isKept = (revision: number): Promise<boolean> =>
      store.get("/registry/a", { revision }).then(
        () => true,
        (error: unknown) => {
          expect(error).toMatchObject({ code: "compacted" });
          return false;
        },
      );
    const first = await store.commit([put("/registry/a")]);
    await one!.turn();
    await other!.turn();
    const second = await store.commit([put("/registry/a")]);
    expect(await isKept(first)).toBe(true);
    await one!.turn();
    expect([await isKept(first), await isKept(second)]).toEqual([false, true]);
    await other!.turn();
    expect(await isKept(second)).toBe(true);
    const third = await store.commit([put("/registry/a")]);
    await other!.turn(); // the first no longer comes
    expect([await isKept(second), await isKept(third)]).toEqual([false, true]);

    const cutting = await open(lifetime, [server.clientUrl], { historyMs: 50 });
    for (let tries = 0; tries < 200 && (await isKept(third)); tries += 1) {
      await cutting.commit([put("/registry/a")]);
      await realClock.sleep(50);
    }
    expect(await isKept(third)).toBe(false);
  }, 40_000);

  test("a watch whose past is compacted says so, and nobody at all answers with what to do", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program });
    lifetime.add("etcd", () => server.remove());
    const store = await open(lifetime, [server.clientUrl]);
    const first = await store.commit([put("/registry/a")]);
    for (let i = 0; i < 5; i += 1) await store.commit([put("/registry/a", String(i))]);
    const other = await open(lifetime, [server.clientUrl]);
    await store.compact(first + 3);
    const watch = follow(other, first);
    await eventually(() => watch.seen.error !== undefined);
    expect(watch.seen.error).toMatchObject({ code: "compacted" });
    const [port] = await freePorts(1);
    await expect(open(lifetime, [`http://127.0.0.1:${port}`], { giveUpMs: 1000 })).rejects.toThrow(
      /nothing was written/,
    );
  }, 60_000);

  test("a watch from the oldest revision that missed something says so, and does not go on as if nothing had been", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program });
    lifetime.add("etcd", () => server.remove());
    const store = await open(lifetime, [server.clientUrl]);
    await store.commit([put("/registry/a")]);
    const watch = follow(store, 0);
    await eventually(() => watch.seen.puts.length === 1);
    await server.kill();
    // meanwhile it serves others, who write, and forget that they did
    const [port] = await freePorts(1);
    const elsewhere = `http://127.0.0.1:${port}`;
    server.run(undefined, elsewhere);
    const other = await open(lifetime, [elsewhere]);
    await other.commit([put("/registry/missed")]);
    await other.commit([put("/registry/missed", "2")]);
    await other.compact(other.revision);
    await server.kill();
    server.run();
    await eventually(() => watch.seen.error !== undefined);
    expect(watch.seen.error).toMatchObject({ code: "compacted" });
    expect(watch.seen.puts).toEqual(["/registry/a"]);
  }, 60_000);

  test("a watch that nobody reads ends at etcd too, whether its reader left or fell too far behind", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program });
    lifetime.add("etcd", () => server.remove());
    const watchers = async (): Promise<number> => {
      const metrics = await (await fetch(`${server.clientUrl}/metrics`)).text();
      return Number(/^etcd_debugging_mvcc_watcher_total (\S+)$/m.exec(metrics)?.[1]);
    };
    const untilWatched = async (by: number): Promise<void> => {
      for (let tries = 0; tries < 200 && (await watchers()) !== by; tries += 1) await realClock.sleep(50);
      expect(await watchers()).toBe(by);
    };
    const store = await open(lifetime, [server.clientUrl]);
    const never = new AbortController();
    const left = store.watch("", store.revision, never.signal);
    await untilWatched(1);
    await store.commit([put("/registry/a")]);
    for await (const _event of left) break;
    await untilWatched(0);
    const slow = store.watch("", store.revision, never.signal);
    await untilWatched(1);
    const keys = Array.from({ length: 128 }, (_, i) => `/registry/${i}`);
    for (let events = 0; events <= 100_000; events += keys.length) await store.commit(keys.map((key) => put(key)));
    await untilWatched(0);
    const read = (async () => {
      for await (const _event of slow);
    })();
    await expect(read).rejects.toMatchObject({ code: "compacted" });
    expect(getEventListeners(never.signal, "abort")).toEqual([]);
  }, 60_000);

  test("writes, reads and watches go on while a server gives back what it does not need, and nothing is lost", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program });
    lifetime.add("etcd", () => server.remove());
    const store = await open(lifetime, [server.clientUrl]);
    const admin = new EtcdConnection({ endpoints: [server.clientUrl], clock: realClock });
    lifetime.own("admin", admin);
    const large = Buffer.alloc(500_000, 1);
    for (let i = 0; i < 40; i += 1)
      await store.commit([{ type: "put", key: "/registry/large", value: large, expected: "any" }]);
    await store.commit([{ type: "delete", key: "/registry/large", expected: "any" }]);
    await store.compact(store.revision);
    const watch = follow(store, store.revision);
    const written: string[] = [];
    let going = true;
    const writing = (async () => {
      for (let i = 0; going; i += 1) {
        const key = `/registry/${i}`;
        await store.commit([put(key)]);
        written.push(key);
      }
    })();
    const bytes = async (): Promise<number> => Number((await admin.member.maintenance.Status({})).dbSize);
    const before = await bytes();
    for (let turn = 0; turn < 3; turn += 1) await admin.member.maintenance.Defragment({});
    going = false;
    await writing;
    expect(await bytes()).toBeLessThan(before / 2);
    await eventually(() => written.length > 0 && written.every((key) => watch.seen.puts.includes(key)));
    expect(watch.seen.error).toBeUndefined();
    expect((await store.range("/registry/")).records.length).toBe(written.length);
    await watch.stop();
  }, 60_000);

  test("an etcd whose quota is used up refuses writes with what to do, reads and watches go on, and writes do when there is room", async () => {
    await using lifetime = new Lifetime();
    const server = await EtcdServer.start({ program, args: ["--quota-backend-bytes", String(4 << 20)] });
    lifetime.add("etcd", () => server.remove());
    const store = await open(lifetime, [server.clientUrl]);
    const admin = new EtcdConnection({ endpoints: [server.clientUrl], clock: realClock });
    lifetime.own("admin", admin);
    const { maintenance } = admin.member;
    const watch = follow(store, store.revision);
    const large = Buffer.alloc(200_000, 1);
    const fill = async (): Promise<never> => {
      for (let i = 0; ; i += 1)
        await store.commit([{ type: "put", key: `/registry/${i}`, value: large, expected: "absent" }]);
    };
    await expect(fill()).rejects.toMatchObject({
      code: "read-only",
      message: expect.stringContaining('compact and defragment it, then "etcdctl alarm disarm"'),
    });
    await expect(store.commit([put("/registry/small")])).rejects.toMatchObject({ code: "read-only" });
    const { records } = await store.range("");
    expect(records.length).toBeGreaterThan(5);
    expect(await store.latest()).toBe(store.revision);
    const deleted = await store.commit(
      records.map(({ key, revision }) => ({ type: "delete", key, expected: revision })),
    );
    await eventually(() => watch.seen.progress >= deleted); // or what it is still to be shown is cut with the rest
    await store.compact(store.revision);
    await maintenance.Defragment({});
    const memberID = (await maintenance.Status({})).header?.memberId ?? 0;
    await maintenance.Alarm({ action: "DEACTIVATE", alarm: "NOSPACE", memberID });
    await store.commit([put("/registry/small")]);
    await eventually(() => watch.seen.puts.at(-1) === "/registry/small");
    expect([watch.seen.puts.length, watch.seen.error]).toEqual([records.length + 1, undefined]);
    await watch.stop();
  }, 60_000);

  test("what is written goes on when the leader gives its office to another, under load", async () => {
    await using lifetime = new Lifetime();
    const servers = await EtcdServer.cluster(3, { program });
    for (const server of servers) lifetime.add("etcd", () => server.remove());
    const store = await open(
      lifetime,
      servers.map(({ clientUrl }) => clientUrl),
    );
    const admins = servers.map(({ clientUrl }) => new EtcdConnection({ endpoints: [clientUrl], clock: realClock }));
    for (const admin of admins) lifetime.own("admin", admin);
    const statuses = () => Promise.all(admins.map(({ member }) => member.maintenance.Status({})));
    const watch = follow(store, store.revision);
    const written: string[] = [];
    const failed: unknown[] = [];
    let going = true;
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let i = 0; going; i += 1) {
        const key = `/registry/${writer}-${i}`;
        await store.commit([put(key)]).then(
          () => written.push(key),
          (error: unknown) => failed.push(error),
        );
      }
    });
    const leaders = new Set<string>();
    for (let turn = 0; turn < 4; turn += 1) {
      const all = await statuses();
      const leader = String(all[0]?.leader);
      leaders.add(leader);
      const from = all.findIndex(({ header }) => String(header?.memberId) === leader);
      const to = all[(from + 1) % 3]?.header?.memberId;
      await admins[from]?.member.maintenance.MoveLeader({ targetID: to ?? 0 });
      const before = written.length;
      await eventually(() => written.length >= before + 20);
    }
    going = false;
    await Promise.all(writers);
    expect(leaders.size).toBeGreaterThan(1);
    // a write whose answer was lost says so; no other fails
    for (const error of failed) expect(error).toMatchObject({ code: "unknown" });
    await eventually(() => written.every((key) => watch.seen.puts.includes(key)));
    expect(new Set(watch.seen.puts).size).toBe(watch.seen.puts.length);
    await watch.stop();
  }, 60_000);
});
