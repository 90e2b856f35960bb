import { gzipSync, zstdCompressSync } from "node:zlib";
import { TsukubeError } from "@tsukube/foundation";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decompressed } from "./decompressed.ts";

async function* parts(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Uint8Array, size = 7): Promise<Buffer> {
  const out: Buffer[] = [];
  for await (const part of decompressed(parts(bytes, size))) out.push(part);
  return Buffer.concat(out);
}

test("gzip, zstd and plain content come out the same, however they are cut", async () => {
  const bytes = fc.uint8Array({ maxLength: 3000 }).filter((content) => content[0] !== 0x42); // "BZh" is another format
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: 1, max: 4000 }), async (content, size) => {
      for (const form of [gzipSync(content), zstdCompressSync(content)])
        expect((await read(form, size)).equals(content)).toBe(true);
      const plain = Buffer.concat([Buffer.from("ustar"), content]);
      expect((await read(plain, size)).equals(plain)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("damaged content fails with a code, never with silence", async () => {
  const whole = gzipSync(Buffer.alloc(5000, "text"));
  await expect(read(whole.subarray(0, -10))).rejects.toMatchObject({ code: "invalid-archive" });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 10, max: whole.length - 9 }), async (at) => {
      const damaged = Buffer.from(whole);
      damaged[at] = ~(damaged[at] as number);
      await expect(read(damaged)).rejects.toBeInstanceOf(TsukubeError);
    }),
    { numRuns: 30 },
  );
});

test("the error of the source is passed on", async () => {
  const broken = (async function* () {
    yield gzipSync("x").subarray(0, 12);
    throw new TsukubeError("truncated", "the connection broke");
  })();
  await expect(decompressed(broken).next()).rejects.toMatchObject({ code: "truncated" });
  expect((await read(Buffer.alloc(0))).length).toBe(0);
});

test("what becomes too much is refused, where it is more than does no harm", async () => {
  const bomb = zstdCompressSync(Buffer.alloc(4 * 1024 * 1024));
  const whole = (harmless?: number) => Array.fromAsync(decompressed(parts(bomb, 100), harmless));
  await expect(whole(1024 * 1024)).rejects.toMatchObject({ code: "invalid-archive" });
  expect(Buffer.concat(await whole()).length).toBe(4 * 1024 * 1024);
  const zeros = gzipSync(Buffer.alloc(16 * 1024 * 1024)); // the most that gzip does
  expect(zeros.length).toBeLessThan((16 * 1024 * 1024) / 1025);
  const given = await Array.fromAsync(decompressed(parts(zeros, 100), 1));
  expect(Buffer.concat(given).length).toBe(16 * 1024 * 1024);
});

test("a reader that stops early ends the source", async () => {
  let ended = false;
  const source = (async function* () {
    try {
      for (;;) yield gzipSync(Buffer.alloc(1000));
    } finally {
      ended = true;
    }
  })();
  for await (const _ of decompressed(source)) break;
  await expect.poll(() => ended).toBe(true);
});
