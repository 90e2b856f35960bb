import fc from "fast-check";
import { expect, test } from "vitest";
import { TAR_END, type TarHeader, tarHeader, tarPadding } from "./tar-header.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";

const name = fc.string({
  unit: fc.constantFrom("a", "B", "0", ".", "-", " ", "é", "語", "🦊"),
  minLength: 1,
  maxLength: 90,
});
const path = fc.array(name, { minLength: 1, maxLength: 6 }).map((names) => names.join("/"));
const number = fc.oneof(fc.nat(), fc.integer({ min: 0, max: 2 ** 32 - 2 }));

const header: fc.Arbitrary<TarHeader> = fc.record({
  path,
  type: fc.constantFrom("file", "link", "symlink", "fifo", "character", "block"),
  mode: fc.nat(0o7777),
  uid: number,
  gid: number,
  size: fc.nat(2000),
  mtime: fc.oneof(fc.integer(), fc.integer({ min: 2 ** 33, max: 2 ** 40 })),
  linkPath: path,
  major: fc.nat(4095),
  minor: fc.nat(2 ** 20 - 1),
  xattrs: fc.dictionary(
    fc.constantFrom("user.a", "user.b", "security.capability"),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  ),
});

test("whatever entry is written, the reader reads it back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(header, { maxLength: 4 }), async (generated) => {
      const headers = generated.map((entry) => (entry.type === "file" ? entry : { ...entry, size: 0 }));
      const bodies = headers.map(({ size }) => Buffer.alloc(size, "x"));
      const parts = headers.flatMap((entry, index) => [tarHeader(entry), bodies[index]!, tarPadding(entry.size)]);
      const read: TarEntry[] = [];
      for await (const { entry, body } of readTar(streamOf(Buffer.concat([...parts, TAR_END])))) {
        let size = 0;
        for await (const part of body) size += part.length;
        expect(size).toBe(entry.size);
        read.push(entry);
      }
      const times = (mtime: number) => ({ mtime, mtimeNs: BigInt(mtime) * 1_000_000_000n });
      expect(read).toEqual(headers.map((entry) => ({ ...entry, ...times(entry.mtime), xattrs: { ...entry.xattrs } })));
    }),
  );
});

test("names go into ustar's fields as long as they fit, and into a pax header when they do not", () => {
  const about = { type: "file", mode: 0o644, uid: 0, gid: 0, size: 0, mtime: 0 } as const;
  const blocks = (path: string): number => tarHeader({ ...about, path }).length / 512;
  expect([blocks("n".repeat(100)), blocks("n".repeat(101))]).toEqual([1, 3]);
  expect([blocks(`${"f".repeat(155)}/${"n".repeat(100)}`), blocks(`${"f".repeat(156)}/n`)]).toEqual([1, 3]);
  expect(() => tarHeader({ ...about, path: "" })).toThrow("Cannot archive");
});

async function* streamOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 700) yield bytes.subarray(at, at + 700);
}
