import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { run } from "@tsukube/host";
import { systemMounts } from "@tsukube/kernel";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeArchive } from "./archive-file.ts";

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-archive-"));
  file = join(folder, "image.tar");
});
afterEach(() => rmSync(folder, { recursive: true }));

const whole = (): Readable => Readable.from([Buffer.from("a whole "), Buffer.from("archive")]);
const broken = (): Readable =>
  Readable.from(
    (function* () {
      yield Buffer.from("half of ");
      throw new Error("the engine has died");
    })(),
  );

test("a file has the whole archive or what it had", async () => {
  await expect(writeArchive(broken(), file)).rejects.toThrow("the engine has died");
  expect(readdirSync(folder)).toEqual([]);
  writeFileSync(file, "an older one", { mode: 0o640 });
  await expect(writeArchive(broken(), file)).rejects.toThrow("the engine has died");
  expect([readFileSync(file, "utf8"), readdirSync(folder)]).toEqual(["an older one", ["image.tar"]]);
  await writeArchive(whole(), file);
  expect([readFileSync(file, "utf8"), readdirSync(folder)]).toEqual(["a whole archive", ["image.tar"]]);
  expect(lstatSync(file).mode & 0o777).toBe(0o640);
  await expect(writeArchive(whole(), join(folder, "none/image.tar"))).rejects.toThrow("ENOENT");
});

test("links lead to the file, which may not be there yet", async () => {
  const link = join(folder, "link.tar");
  symlinkSync("image.tar", link);
  for (const _ of ["a new one", "the same again"]) {
    await writeArchive(whole(), link);
    expect([readlinkSync(link), readFileSync(file, "utf8")]).toEqual(["image.tar", "a whole archive"]);
    expect(lstatSync(file).isFile()).toBe(true);
  }
});

test("a FIFO is written to, and stays", async () => {
  await run("mkfifo", [file]);
  const read = readFile(file, "utf8");
  await writeArchive(whole(), file);
  expect(await read).toBe("a whole archive");
  const half = readFile(file, "utf8");
  await expect(writeArchive(broken(), file)).rejects.toThrow("the engine has died");
  await half;
  expect(lstatSync(file).isFIFO()).toBe(true);
});

test("a name may be as long as a file's name can be", async () => {
  const names = ["a".repeat(255), `a${"ä".repeat(127)}`];
  for (const name of names) {
    await expect(writeArchive(broken(), join(folder, name))).rejects.toThrow("the engine has died");
    expect(readdirSync(folder)).toEqual([]);
    for (const _ of ["a new one", "the same again"]) await writeArchive(whole(), join(folder, name));
    expect([readFileSync(join(folder, name), "utf8"), readdirSync(folder)]).toEqual(["a whole archive", [name]]);
    rmSync(join(folder, name));
  }
});

describe.skipIf(process.getuid?.() !== 0)("a file that cannot be replaced is overwritten (needs root)", () => {
  beforeEach(() => writeFileSync(file, "an older and longer one"));

  test("where it is a mount point", async () => {
    const source = join(folder, "source");
    writeFileSync(source, "an older and longer one");
    systemMounts.bind(source, file);
    try {
      await writeArchive(whole(), file);
    } finally {
      systemMounts.unmount(file);
    }
    expect(readFileSync(source, "utf8")).toBe("a whole archive");
    expect(readdirSync(folder).sort()).toEqual(["image.tar", "source"]);
  });

  test("where the folder takes no other file, if it may be written to itself", async () => {
    const nobody = 65534;
    const asNobody = async (): Promise<void> => {
      process.seteuid?.(nobody);
      try {
        await writeArchive(whole(), file);
      } finally {
        process.seteuid?.(0);
      }
    };
    chmodSync(folder, 0o555);
    await expect(asNobody()).rejects.toThrow(`Cannot write "${file}": EACCES`);
    expect(readFileSync(file, "utf8")).toBe("an older and longer one");
    chownSync(file, nobody, nobody);
    await asNobody();
    expect(readFileSync(file, "utf8")).toBe("a whole archive");
  });
});

test("who is interrupted leaves the file that was there, and nothing beside it", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    writeFileSync(file, "an older one");
    const child = spawn(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `import { writeArchive } from ${JSON.stringify(join(import.meta.dirname, "archive-file.ts"))};
         writeArchive(process.stdin, ${JSON.stringify(file)});`,
      ],
      { stdio: ["pipe", "ignore", "inherit"] },
    );
    child.stdin.write("half of ");
    const isWritten = (): boolean =>
      readdirSync(folder).some((name) => readFileSync(join(folder, name), "utf8") === "half of ");
    await expect.poll(isWritten, { timeout: 15_000 }).toBe(true);
    const ended = once(child, "exit");
    child.kill(signal);
    expect(await ended).toEqual([null, signal]);
    expect([readFileSync(file, "utf8"), readdirSync(folder)]).toEqual(["an older one", ["image.tar"]]);
  }
});
