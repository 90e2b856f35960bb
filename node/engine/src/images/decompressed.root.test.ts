import { execFileSync } from "node:child_process";
import { TsukubeError } from "@tsukube/foundation";
import { expect, test } from "vitest";
import { compressionOf, decompressed } from "./decompressed.ts";

const CONTENT = Buffer.from(Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join(""));
const BOMB = Buffer.alloc(4 * 1024 * 1024);

async function read(bytes: Uint8Array, harmless?: number): Promise<Buffer> {
  async function* parts() {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
  }
  return Buffer.concat(await Array.fromAsync(decompressed(parts(), harmless)));
}

test.each(["xz", "bzip2"])("%s content comes out whole, or with a code, and its program ends", async (program) => {
  const compress = (content: Buffer): Buffer => execFileSync(program, ["-c"], { input: content });
  const compressed = compress(CONTENT);
  expect((await read(compressed)).equals(CONTENT)).toBe(true);
  await expect(read(compressed.subarray(0, -20))).rejects.toMatchObject({ code: "invalid-archive" });
  await expect(read(compress(BOMB), 1024 * 1024)).rejects.toMatchObject({ code: "invalid-archive" });
  expect((await read(compress(BOMB))).length).toBe(BOMB.length);
  const broken = (async function* () {
    yield compressed.subarray(0, 100);
    throw new TsukubeError("truncated", "the connection broke");
  })();
  await expect(Array.fromAsync(decompressed(broken))).rejects.toMatchObject({ code: "truncated" });
  let ended = false;
  const endless = (async function* () {
    try {
      for (;;) yield compressed;
    } finally {
      ended = true;
    }
  })();
  for await (const _ of decompressed(endless)) break;
  await expect.poll(() => ended).toBe(true);
  expect(() => compressionOf(compressed)).toThrow(`it is compressed by ${program}, expected gzip`);
  expect(execFileSync("ps", ["--ppid", String(process.pid), "-o", "comm="]).toString()).not.toMatch(
    new RegExp(`^${program}$`, "m"),
  );
  const path = process.env["PATH"];
  process.env["PATH"] = "/nowhere";
  await expect(read(compressed).finally(() => (process.env["PATH"] = path))).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringContaining("expected the package"),
  });
});
