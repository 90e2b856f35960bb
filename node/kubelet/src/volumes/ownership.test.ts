import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { giveToGroup } from "./ownership.ts";

/** A group that this user is in, so that no privilege is needed. */
const GROUP = process.getgid?.() ?? 0;
let base: string;
let volume: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "ownership-"));
  volume = join(base, "volume");
  mkdirSync(join(volume, "folder"), { recursive: true });
  writeFileSync(join(volume, "folder", "file"), "");
  chmodSync(join(volume, "folder", "file"), 0o600);
  chmodSync(join(volume, "folder"), 0o700);
});
afterEach(() => rmSync(base, { recursive: true }));

const modeOf = (path: string): number => statSync(join(volume, path)).mode & 0o7777;
const always = { readOnly: false, onlyOnMismatch: false };

test("the group may write everywhere, and what is made later is the group's too", async () => {
  await giveToGroup(volume, GROUP, always);
  expect(modeOf("folder/file")).toBe(0o660);
  expect(modeOf("folder")).toBe(0o2770);
  expect(modeOf("") & 0o2070).toBe(0o2070);
  expect(statSync(join(volume, "folder", "file")).gid).toBe(GROUP);
});

test("of a volume that pods may only read the group may only read", async () => {
  await giveToGroup(volume, GROUP, { ...always, readOnly: true });
  expect(modeOf("folder/file")).toBe(0o640);
  expect(modeOf("folder")).toBe(0o2750);
});

test("what links lead to is not touched", async () => {
  writeFileSync(join(base, "outside"), "");
  chmodSync(join(base, "outside"), 0o600);
  symlinkSync(join(base, "outside"), join(volume, "link"));
  await giveToGroup(volume, GROUP, always);
  expect(statSync(join(base, "outside")).mode & 0o777).toBe(0o600);
  expect(lstatSync(join(volume, "link")).isSymbolicLink()).toBe(true);
});

test("OnRootMismatch looks at the top folder only", async () => {
  await giveToGroup(volume, GROUP, { ...always, onlyOnMismatch: true });
  expect(modeOf("folder/file")).toBe(0o660);
  chmodSync(join(volume, "folder", "file"), 0o600);
  await giveToGroup(volume, GROUP, { ...always, onlyOnMismatch: true });
  expect(modeOf("folder/file")).toBe(0o600);
});
