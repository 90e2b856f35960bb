import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import type { Mounts } from "@tsukube/kernel";
import { expect, onTestFinished, test } from "vitest";
import { VolumeStore } from "./volume-store.ts";

test("wherever a crash comes, a volume is there as a whole or goes", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-volumes-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const mounts = { below: () => [], unmount: () => {} } as Partial<Mounts> as Mounts;
  const open = async (): Promise<VolumeStore> => {
    const store = new VolumeStore({ folder, mounts, clock: realClock, random: systemRandom, logger: silentLogger });
    await store.load();
    return store;
  };
  const store = await open();
  writeFileSync(join(folder, "blocked"), ""); // its folder cannot be made
  await expect(store.create({ name: "blocked" })).rejects.toThrow("ENOTDIR");
  rmSync(join(folder, "blocked"));
  for (const name of ["data", "begun", "gone", "lost"]) await store.create({ name });
  writeFileSync(join(store.mountpoint("data"), "file"), "");
  rmSync(join(folder, "begun"), { recursive: true });
  mkdirSync(join(folder, ".removed-1/_data"), { recursive: true });
  rmSync(join(folder, "lost"), { recursive: true });
  for (const name of ["gone", "lost"]) await store.remove(name);
  const next = await open();
  expect(next.all.map(({ name }) => name)).toEqual(["begun", "data"]);
  expect(readdirSync(folder).sort()).toEqual([".records", "begun", "data"]);
  expect([existsSync(next.mountpoint("begun")), readdirSync(next.mountpoint("data"))]).toEqual([true, ["file"]]);
});

test("a volume that is wished for while it is removed is a new one", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-volumes-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const mounts = { below: () => [], unmount: () => {} } as Partial<Mounts> as Mounts;
  const store = new VolumeStore({ folder, mounts, clock: realClock, random: systemRandom, logger: silentLogger });
  await store.load();
  await store.create({ name: "data", labels: { age: "old" } });
  writeFileSync(join(store.mountpoint("data"), "file"), "");
  expect(await store.remove("data", () => true)).toBe(false);
  const [isGone, made] = await Promise.all([store.remove("data"), store.create({ name: "data" })]);
  expect([isGone, made.labels, readdirSync(store.mountpoint("data"))]).toEqual([true, {}, []]);
  const next = new VolumeStore({ folder, mounts, clock: realClock, random: systemRandom, logger: silentLogger });
  await next.load();
  expect(next.all.map(({ labels }) => labels)).toEqual([{}]);
});
