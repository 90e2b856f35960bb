import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@tsukube/foundation";
import { expect, onTestFinished, test } from "vitest";
import { removeStrays, straysIn } from "./strays.ts";

const NOTHING = { made: [], mounts: [], bundles: [], written: [], attached: [] };

test("what has a record is nobody's stray, nor is what belongs to no container", () => {
  const [known, gone] = ["a".repeat(64), "f".repeat(64)];
  const found = {
    mounts: [`/run/e/sandboxes/${known}/shm`, `/run/e/bundles/${gone}/rootfs`, "/run/e/build/x", "/run/e"],
    bundles: [`/run/e/bundles/${known}`, `/run/e/docker/bundles/${gone}`],
    ...{ made: [gone, known, "other-step"], written: [known, gone, "step"], attached: [gone] },
  };
  expect(straysIn(found, new Set([known, "step"]), "/run/e")).toEqual({
    bundles: [`/run/e/docker/bundles/${gone}`],
    ...{ made: [gone], mounts: [`/run/e/bundles/${gone}/rootfs`], written: [gone], attached: [gone] },
  });
});

test("an engine whose own folder is named like a container is no stray", () => {
  const own = `/tmp/${"a".repeat(64)}/run`;
  const found = { ...NOTHING, mounts: [`${own}/sandboxes/x/shm`, `${own}/bundles/${"f".repeat(64)}/rootfs`] };
  expect(straysIn(found, new Set(), own).mounts).toEqual([`${own}/bundles/${"f".repeat(64)}/rootfs`]);
});

test("a bundle in which something stays mounted stays, with what is mounted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-strays-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [held, free] = ["e", "f"].map((digit) => join(folder, digit.repeat(64)));
  for (const bundle of [held, free]) mkdirSync(join(bundle!, "rootfs"), { recursive: true });
  const deps = {
    mounts: { below: (path: string) => (path === held ? [`${path}/rootfs`] : []), unmount: () => {} },
    ...{ runtime: { delete: async () => {} }, snapshotter: { written: async () => [], remove: async () => {} } },
    ...{ runtimeDirectory: folder, logger: silentLogger },
  };
  await removeStrays({ ...NOTHING, bundles: [held!, free!] }, folder, deps);
  expect(readdirSync(folder)).toEqual(["e".repeat(64)]);
});

test("where records cannot be read nothing is taken away", async () => {
  const state = mkdtempSync(join(tmpdir(), "tsukube-strays-"));
  onTestFinished(() => rmSync(state, { recursive: true }));
  const removed: string[] = [];
  const noteId = async (id: string): Promise<void> => void removed.push(id);
  const deps = {
    mounts: { below: () => [], unmount: (path: string) => void removed.push(path) },
    ...{ runtime: { delete: noteId }, snapshotter: { written: async () => [], remove: noteId } },
    ...{ runtimeDirectory: "/run/e", logger: silentLogger },
  };
  const found = { ...NOTHING, written: ["f".repeat(64)] };
  writeFileSync(join(state, "containers"), ""); // ENOTDIR stands for every way in which a disk fails
  await removeStrays(found, state, deps);
  expect(removed).toEqual([]);
  rmSync(join(state, "containers"));
  await removeStrays(found, state, deps);
  expect(removed).toEqual(found.written);
});
