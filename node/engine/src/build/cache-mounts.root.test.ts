import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { systemMounts } from "@tsukube/kernel";
import { expect, onTestFinished, test } from "vitest";
import { CacheMounts } from "./cache-mounts.ts";
import type { RunMount } from "./run-mounts.ts";

const cache = (id: string, sharing: "shared" | "private" | "locked" = "shared") =>
  ({ type: "cache", target: id, id, sharing, readonly: false, mode: 0o750, uid: 5, gid: 6 }) as const;

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "tsukube-caches-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test.skipIf(process.getuid?.() !== 0)("a folder is made once, with its owner (needs root)", async () => {
  const caches = new CacheMounts(folder(), realClock, 1e9);
  const one = await caches.lend(cache("a"), async (path) => path);
  const { mode, uid, gid } = statSync(one);
  expect([mode & 0o777, uid, gid]).toEqual([0o750, 5, 6]);
  expect(await caches.lend(cache("a"), async (path) => path)).toBe(one);
  expect(await caches.lend(cache("b"), async (path) => path)).not.toBe(one);
});

test.skipIf(process.getuid?.() !== 0)(
  "private folders are shared by nobody at the same time (needs root)",
  async () => {
    const caches = new CacheMounts(folder(), realClock, 1e9);
    await caches.lend(cache("a", "private"), async (one) => {
      await caches.lend(cache("a", "private"), async (other) => expect(other).not.toBe(one));
      expect((await caches.all()).map(({ inUse }) => inUse).sort()).toEqual([false, true]);
      await caches.prune();
      expect(existsSync(one)).toBe(true); // it is in use
    });
  },
);

test("who wants the same locked caches in another order waits, and nobody waits for ever", async () => {
  const caches = new CacheMounts("/nowhere", realClock, 1e9);
  const log: string[] = [];
  const use = (name: string, mounts: readonly RunMount[]) =>
    caches.inTurn(mounts, new AbortController().signal, async () => {
      log.push(`${name} in`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      log.push(`${name} out`);
      if (name === "two") throw new Error("as commands do");
    });
  const [a, b] = [cache("a", "locked"), cache("b", "locked")];
  const all = [use("one", [a, b]), use("two", [b, a]), use("three", [a, a])];
  expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  for (let at = 0; at < log.length; at += 2) expect(log[at + 1]).toBe(log[at]?.replace("in", "out"));
});

test("who gives up waiting for a locked cache lets nobody past the one that has it", async () => {
  const caches = new CacheMounts("/nowhere", realClock, 1e9);
  const mounts = [cache("a", "locked"), cache("b", "locked")];
  const going = new AbortController();
  const leaving = new AbortController();
  const log: string[] = [];
  const first = Promise.withResolvers<void>();
  const use = (name: string, { signal }: AbortController, until?: Promise<void>) =>
    caches.inTurn(mounts, signal, async () => {
      log.push(`${name} in`);
      await until;
      log.push(`${name} out`);
    });
  const one = use("one", going, first.promise);
  const two = use("two", leaving);
  const three = use("three", going);
  leaving.abort(new Error("the client went away"));
  await expect(two).rejects.toThrow("the client went away");
  await expect(use("four", leaving)).rejects.toThrow("the client went away");
  expect(log).toEqual(["one in"]);
  first.resolve();
  await Promise.all([one, three, use("five", going)]);
  expect(log).toEqual(["one in", "one out", "three in", "three out", "five in", "five out"]);
});

test.skipIf(process.getuid?.() !== 0)("the longest unused go when all take too much (needs root)", async () => {
  const root = folder();
  const caches = new CacheMounts(root, realClock, 300_000);
  for (const id of ["a", "b", "c"]) {
    await caches.lend(cache(id), async (path) => writeFileSync(`${path}/file`, Buffer.alloc(120_000, id)));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await caches.lend(cache("a"), async () => {});
  await caches.shrink();
  expect((await caches.all()).map(({ target }) => target).sort()).toEqual(["a", "c"]);
  expect(readdirSync(root).length).toBe(4); // a note beside each
});

test.skipIf(process.getuid?.() !== 0)(
  "one that makes room alone goes, not those that fit without it (needs root)",
  async () => {
    const caches = new CacheMounts(folder(), realClock, 300_000);
    for (const [id, bytes] of [
      ["unused", 20_000],
      ["large", 250_000],
      ["used", 200_000],
    ] as const) {
      await caches.lend(cache(id), async (path) => writeFileSync(`${path}/file`, Buffer.alloc(bytes, id)));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await caches.shrink();
    expect((await caches.all()).map(({ target }) => target).sort()).toEqual(["unused", "used"]);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  "what cannot be removed is no reason to leave the others (needs root)",
  async () => {
    const caches = new CacheMounts(folder(), realClock, 1);
    const path = await caches.lend(cache("a"), async (path) => path);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await caches.lend(cache("b"), async () => {});
    systemMounts.tmpfs(path, {});
    onTestFinished(() => systemMounts.unmount(path));
    await new Promise((resolve) => setTimeout(resolve, 10));
    await caches.lend(cache("c"), async () => {});
    await caches.shrink();
    expect((await caches.all()).map(({ target }) => target)).toEqual(["a"]);
  },
);

test.skipIf(process.getuid?.() !== 0)(
  "who takes a folder while it is removed keeps its own files (needs root)",
  async () => {
    const root = folder();
    const caches = new CacheMounts(root, realClock, 1e9);
    const left = (path: string): number => (existsSync(path) ? readdirSync(path).length : 0);
    const taken = await caches.lend(cache("a"), async (path) => {
      for (let number = 0; number < 300; number++) writeFileSync(`${path}/${number}`, "");
      return path;
    });
    const pruned = caches.prune();
    while (left(taken) === 300) await new Promise((resolve) => setImmediate(resolve));
    await caches.lend(cache("a"), async (path) => {
      writeFileSync(`${path}/mine`, "");
      expect(await pruned).toBeGreaterThan(0);
      expect(readdirSync(path)).toEqual(["mine"]);
      expect((await caches.all()).map(({ target }) => target)).toEqual(["a"]);
    });
    await caches.prune();
    expect(readdirSync(root)).toEqual([]);
  },
);
