import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
