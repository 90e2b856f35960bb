import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readTar } from "../images/tar-reader.ts";
import { type PathArchive, pathArchive } from "./path-archive.ts";

function root(): string {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-archive-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "data"));
  writeFileSync(join(folder, "data/large"), Buffer.alloc(8 * 1024 * 1024));
  writeFileSync(join(folder, "data/small"), "small");
  return folder;
}

async function namesIn({ bytes, close }: PathArchive): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const { entry } of readTar(bytes)) names.push(entry.path);
  await close(); // a reader of archives stops at their mark of the end
  return names.sort();
}

/** What is left of archives: descriptors of their folder, and programs, also those that ended and nobody waited for. */
function leftovers(folder: string): readonly string[] {
  const opened = readdirSync("/proc/self/fd").map((name) => linkAt(`/proc/self/fd/${name}`));
  const tasks = readdirSync("/proc/self/task");
  const children = tasks.flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" "));
  const names = children.filter((pid) => pid !== "").map((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim());
  return [...opened.filter((path) => path.startsWith(folder)), ...names.filter((name) => name === "tar")];
}

function linkAt(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ""; // that of the listing itself
  }
}

test("a folder, its content or a file under another name becomes an archive", async () => {
  const folder = root();
  const names = (path: string, name: string, isFolder = false) => namesIn(pathArchive(folder, path, name, isFolder));
  expect(await names("/data", "data")).toEqual(["data/", "data/large", "data/small"]);
  expect(await names("/data", "copy", true)).toEqual(["copy/", "copy/large", "copy/small"]);
  expect(await names("/data", ".")).toEqual(["./", "./large", "./small"]);
  expect(await names("/data/small", "a.b")).toEqual(["a.b"]);
});

test("who leaves early, or never begins, leaves no program and no descriptor behind", async () => {
  const folder = root();
  const left = pathArchive(folder, "/data", "data");
  for await (const _ of left.bytes) {
    expect(leftovers(folder)).toEqual([folder, "tar"]);
    break;
  }
  await left.closed;
  const never = pathArchive(folder, "/data", "data");
  await never.close();
  const begun = pathArchive(folder, "/data", "data");
  const first = begun.bytes.next().catch(() => {});
  await begun.close();
  await first;
  expect(leftovers(folder)).toEqual([]);
});
