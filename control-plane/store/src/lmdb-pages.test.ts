import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openFile, putAll } from "./lmdb-file.ts";
import { LmdbPages } from "./lmdb-pages.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tsukube-pages-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Entries = readonly (readonly [key: string, value: string])[];

/** As hexadecimal text. */
function walked(path: string): Entries {
  const pages = new LmdbPages(path);
  const found: (readonly [string, string])[] = [];
  try {
    pages.walk((bytes, key, value, end) =>
      found.push([bytes.toString("hex", key, value), bytes.toString("hex", value, end)]),
    );
  } finally {
    pages.close();
  }
  return found;
}

interface Change {
  readonly key: Buffer;
  /** Absent: the key goes. */
  readonly value: Buffer | undefined;
}

/** @returns what LMDB says is there. */
async function written(path: string, batches: readonly (readonly Change[])[]): Promise<Entries> {
  const db = openFile(path);
  await putAll(db, [{ key: Buffer.from("first"), value: Buffer.from("1") }]); // a file without anything goes when it is closed
  for (const batch of batches) {
    const puts = batch.flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }]));
    await putAll(
      db,
      puts,
      batch.filter(({ value }) => value === undefined).map(({ key }) => key),
    );
  }
  const entries = [...db.getRange({})].map(
    ({ key, value }) => [Buffer.from(key).toString("hex"), value.toString("hex")] as const,
  );
  await db.close();
  return entries;
}

const bytes = (max: number) => fc.uint8Array({ minLength: 1, maxLength: max }).map((array) => Buffer.from(array));
const change = fc.record({
  key: bytes(60).map((key) => Buffer.concat([Buffer.from("k"), key])),
  // short, of a size that no longer fits its page, and of several pages
  value: fc.option(
    fc
      .tuple(fc.constantFrom(1, 700, 2100, 4072, 4073, 9000, 70_000), fc.nat(255))
      .map(([size, fill]) => Buffer.alloc(size, fill)),
    { nil: undefined },
  ),
});

test("a walk shows what LMDB shows, whatever was written and removed", async () => {
  let made = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { minLength: 1, maxLength: 80 }), { minLength: 1, maxLength: 6 }),
      async (batches) => {
        made += 1;
        const path = join(folder, `any-${made}`);
        const shown = await written(path, batches);
        expect(walked(path)).toEqual(shown);
      },
    ),
    { numRuns: 30 },
  );
});

test("a file that was about to be made has nothing", () => {
  const path = join(folder, "empty");
  writeFileSync(path, "");
  expect(walked(path)).toEqual([]);
});

test("a key is found in a tree of several levels, or is not there", async () => {
  const path = join(folder, "deep");
  const keys = Array.from({ length: 3000 }, (_, index) =>
    Buffer.from(`key-${String(index).padStart(5, "0")}-${"x".repeat(100)}`),
  );
  await written(path, [keys.map((key) => ({ key, value: Buffer.from(key.subarray(0, 9)) }))]);
  const pages = new LmdbPages(path);
  for (const key of keys.filter((_, index) => index % 97 === 0))
    expect(pages.get(key)?.equals(key.subarray(0, 9))).toBe(true);
  for (const absent of ["a", "key-00001", "z"]) expect(pages.get(Buffer.from(absent))).toBeUndefined();
  pages.close();
});

test("whatever bytes of a file change or are missing, a walk ends: with an error, or with entries", async () => {
  const path = join(folder, "damaged");
  const keys = Array.from({ length: 400 }, (_, index) => Buffer.from(`key-${index}`));
  await written(path, [keys.map((key, index) => ({ key, value: Buffer.alloc(index * 20, index) }))]);
  const whole = readFileSync(path);
  const copy = join(folder, "damaged-copy");
  const fault = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) });
  let refused = 0;
  fc.assert(
    fc.property(fc.array(fault, { minLength: 1, maxLength: 40 }), fc.option(fc.nat(whole.length)), (faults, length) => {
      const image = Buffer.from(whole.subarray(0, length ?? whole.length));
      for (const { at, byte } of faults) if (at < image.length) image[at] = byte;
      writeFileSync(copy, image);
      try {
        walked(copy);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        refused += 1;
      }
    }),
    { numRuns: 200 },
  );
  expect(refused).toBeGreaterThan(0);
});
