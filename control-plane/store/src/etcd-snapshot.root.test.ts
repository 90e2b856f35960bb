import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Lifetime } from "@tsukube/foundation";
import { realClock } from "@tsukube/host";
import { expect, test } from "vitest";
import { withEachEtcd } from "../test/each-etcd.ts";
import { EtcdServer } from "../test/etcd-server.ts";
import { saveEtcd } from "./etcd-snapshot.ts";
import { connectEtcd, etcdStore } from "./etcd-store.ts";
import { readSnapshot, type SnapshotRecord } from "./snapshot.ts";
import { restoreInto } from "./snapshots.ts";
import type { Mutation } from "./store.ts";

const about = { cluster: "test", time: "2025-01-01T00:00:00Z" };
const put = (key: string, value: string | Uint8Array, more: object = {}): Mutation => ({
  ...{ type: "put", key, value: Buffer.from(value), expected: "any" },
  ...more,
});

withEachEtcd(({ program }) => {
  test("a snapshot of an etcd that is written to is one revision; restored, what was to end by itself does", async () => {
    await using lifetime = new Lifetime();
    const folder = mkdtempSync(join(tmpdir(), "tsukube-etcd-snapshot-"));
    lifetime.add("folder", () => rmSync(folder, { recursive: true }));
    const servers = [await EtcdServer.start({ program }), await EtcdServer.start({ program })];
    for (const server of servers) lifetime.add("etcd", () => server.remove());
    const [from, to] = servers.map(({ clientUrl }) => ({ endpoints: [clientUrl], clock: realClock, historyMs: 0 }));
    const store = lifetime.own("store", await connectEtcd(from!));
    // more than two pages, some of it too large for one request
    for (let batch = 0; batch < 12; batch += 1)
      await store.commit(Array.from({ length: 100 }, (_, i) => put(`/registry/k/${batch}-${i}`, "0")));
    for (let i = 0; i < 8; i += 1) await store.commit([put(`/registry/large/${i}`, Buffer.alloc(700_000, i))]);
    const expiresAt = realClock.now() + 6000;
    await store.commit([put("/registry/events/a", "x", { expiresAt }), put("/registry/events/b", "x", { expiresAt })]);
    let going = true;
    const writing = (async () => {
      // each transaction writes both ends
      for (let i = 1; going; i += 1) await store.commit([put("/registry/a", String(i)), put("/registry/z", String(i))]);
    })();
    await realClock.sleep(50);
    const file = join(folder, "snapshot");
    const saved = await saveEtcd(from!, file, about);
    going = false;
    await writing;
    const seen = new Map<string, SnapshotRecord>();
    await readSnapshot(file, (record) => void seen.set(record.key, record));
    expect([seen.size, saved.records]).toEqual([1212, 1212]);
    expect(seen.get("/registry/a")?.value).toEqual(seen.get("/registry/z")?.value);
    for (const { revision } of seen.values()) expect(revision).toBeLessThanOrEqual(saved.revision);
    expect(Math.abs(seen.get("/registry/events/a")!.expiresAt - expiresAt)).toBeLessThan(2500);

    const other = lifetime.own("other store", await connectEtcd(to!));
    expect(await restoreInto(other, file)).toMatchObject({ records: 1212 });
    expect((await other.get("/registry/large/3"))?.value).toEqual(Buffer.alloc(700_000, 3));
    for (let tries = 0; tries < 150 && (await other.get("/registry/events/b")) !== undefined; tries += 1)
      await realClock.sleep(100);
    const keys: string[] = [];
    lifetime.own("reader", await etcdStore(to!)(({ key }) => void keys.push(key)));
    expect([keys.length, keys.filter((key) => key.includes("events"))]).toEqual([1210, []]);
  }, 60_000);
});
