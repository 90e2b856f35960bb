import {
  closeSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openWithin } from "./places.ts";

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-places-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Where a path leads that is followed within `root`. */
function placeIn(root: string, path: string, last?: boolean): string {
  const place = openWithin(root, path, last);
  try {
    return readlinkSync(`/proc/self/fd/${place}`).slice(root.length) || "/";
  } finally {
    closeSync(place);
  }
}

test("links and dots lead nowhere out of the root", () => {
  const outer = scratch();
  const root = join(outer, "root");
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(join(root, "etc/hosts"), "");
  writeFileSync(join(outer, "secret"), "");
  symlinkSync("/etc", join(root, "absolute"));
  symlinkSync("../../../etc/hosts", join(root, "etc/up"));
  symlinkSync(join(outer, "secret"), join(root, "out"));
  const paths = ["/", "/absolute/hosts", "etc/up", "../../etc/../etc/hosts"];
  expect(paths.map((path) => placeIn(root, path))).toEqual(["/", "/etc/hosts", "/etc/hosts", "/etc/hosts"]);
  expect(() => openWithin(root, "../secret")).toThrow("ENOENT");
  expect(() => openWithin(root, "/out")).toThrow("ENOENT");
  expect(() => openWithin(root, "/etc/hosts/below")).toThrow("ENOTDIR");
});

test("a link at the end is itself where it is not followed", () => {
  const root = scratch();
  symlinkSync("/nowhere", join(root, "link"));
  const place = openWithin(root, "/link", false);
  expect(fstatSync(place).isSymbolicLink()).toBe(true);
  closeSync(place);
});
