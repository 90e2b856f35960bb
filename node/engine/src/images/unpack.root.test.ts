import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { run } from "@tsukube/host";
import { scratchFolder } from "@tsukube/kernel/scratch";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { unpackLayer } from "./unpack.ts";

describe.skipIf(process.getuid?.() !== 0)("unpacking a layer (needs root)", () => {
  let folder: string;
  let remove: () => void;
  beforeEach(() => {
    const scratch = scratchFolder("unpack");
    folder = `${scratch.path}/layers`;
    remove = scratch.remove;
    mkdirSync(`${folder}/in/dir`, { recursive: true });
    mkdirSync(`${folder}/out`, { recursive: true });
  });
  afterEach(() => remove());

  async function unpack(style: "overlay" | "delete", ...flags: string[]): Promise<void> {
    await run("tar", ["-C", `${folder}/in`, ...flags, "-cf", `${folder}/layer.tar`, "."]);
    const bytes = readFileSync(`${folder}/layer.tar`);
    await unpackLayer(
      (async function* () {
        for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700); // cuts through headers
      })(),
      `${folder}/out`,
      style,
    );
  }

  test("keeps owners past 2^18, modes, hard links and long names", async () => {
    const long = "n".repeat(180);
    writeFileSync(`${folder}/in/dir/${long}`, "text");
    await run("ln", [`${folder}/in/dir/${long}`, `${folder}/in/hard`]);
    await run("chown", ["3000000:3000001", `${folder}/in/hard`]);
    await run("chmod", ["4750", `${folder}/in/hard`]);
    for (const format of ["--format=gnu", "--format=pax"]) {
      await unpack("delete", format);
      const stat = lstatSync(`${folder}/out/dir/${long}`);
      expect([stat.uid, stat.gid, stat.mode & 0o7777, stat.nlink]).toEqual([3000000, 3000001, 0o4750, 2]);
      expect(readFileSync(`${folder}/out/hard`, "utf8")).toBe("text");
    }
  });

  test("keeps holes of sparse files, which take no room on the disk", async () => {
    const size = 64 * 1024 * 1024;
    const file = openSync(`${folder}/in/dir/sparse`, "w");
    for (let at = 0; at < 40; at++) writeSync(file, `part ${at}`, 1_000_000 * at);
    ftruncateSync(file, size);
    closeSync(file);
    writeFileSync(`${folder}/in/dir/z-after`, "what follows");
    const digest = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");
    for (const flags of [
      ["--format=gnu"],
      ["--format=pax", "--sparse-version=0.0"],
      ["--format=pax", "--sparse-version=0.1"],
      ["--format=pax", "--sparse-version=1.0"],
    ]) {
      await run("rm", ["-rf", `${folder}/out/dir`]);
      await unpack("overlay", "--sparse", ...flags);
      const { size: unpacked, blocks } = lstatSync(`${folder}/out/dir/sparse`);
      expect([unpacked, blocks * 512 < 1_000_000], String(flags)).toEqual([size, true]);
      expect(digest(`${folder}/out/dir/sparse`)).toBe(digest(`${folder}/in/dir/sparse`));
      expect(readFileSync(`${folder}/out/dir/z-after`, "utf8")).toBe("what follows");
    }
  });

  test("keeps times to the nanosecond", async () => {
    for (const time of ["2023-11-14T22:13:20.123456789Z", "1969-12-31T23:59:58.999999999Z"]) {
      writeFileSync(`${folder}/in/dir/file`, "");
      await run("touch", ["-d", time, `${folder}/in/dir/file`, `${folder}/in/dir`]);
      await unpack("overlay", "--format=pax");
      for (const name of ["dir/file", "dir"])
        expect(lstatSync(`${folder}/out/${name}`, { bigint: true }).mtimeNs).toBe(
          lstatSync(`${folder}/in/${name}`, { bigint: true }).mtimeNs,
        );
    }
  });

  test("turns whiteouts into overlay's, or deletes", async () => {
    writeFileSync(`${folder}/in/.wh.gone`, "");
    writeFileSync(`${folder}/out/gone`, "");
    await unpack("overlay");
    const marker = lstatSync(`${folder}/out/gone`);
    expect([marker.isCharacterDevice(), marker.rdev]).toEqual([true, 0]);
    await unpack("delete");
    expect(existsSync(`${folder}/out/gone`)).toBe(false);
  });

  test("refuses names that a link leads out of the image", async () => {
    mkdirSync(`${folder}/outside`);
    await run("ln", ["-s", `${folder}/outside`, `${folder}/out/dir`]);
    writeFileSync(`${folder}/in/dir/evil`, "");
    await unpack("overlay").catch(() => {});
    expect(existsSync(`${folder}/outside/evil`)).toBe(false);
  });
});
