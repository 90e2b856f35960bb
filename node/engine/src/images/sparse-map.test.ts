import { expect, test } from "vitest";
import { paxEntry, paxRecord } from "./pax-under-test.ts";
import { TAR_END, tarHeader, tarPadding } from "./tar-header.ts";
import { readTar } from "./tar-reader.ts";

/** Alternating bytes and holes. */
function partsOf(count: number): readonly (readonly [offset: number, length: number])[] {
  return Array.from({ length: count }, (_, index) => [2 * index, 1]);
}

async function sparseIn(records: string, body: Buffer) {
  const file = { path: "file", type: "file", mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: 0 } as const;
  const archive = [...paxEntry(records), tarHeader(file), body, tarPadding(body.length), TAR_END];
  const read = await Array.fromAsync(readTar(streamed(archive)), ({ entry }) => entry);
  expect(read.length).toBe(1);
  return read[0]?.sparse;
}

async function* streamed(parts: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* parts;
}

/** Of pax 1.0: the map is in front of the content, in whole blocks. */
function withMap(lines: readonly (number | string)[], content: number): Buffer {
  const map = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  return Buffer.concat([map, tarPadding(map.length), Buffer.alloc(content, "x")]);
}

const VERSION_1 = paxRecord("GNU.sparse.major", "1") + paxRecord("GNU.sparse.minor", "0");

// quadratic readers do not end within a test's time
test("a map of many records is read as one of few", async () => {
  const parts = partsOf(20_000);
  const records = parts.map(
    ([offset, length]) =>
      paxRecord("GNU.sparse.offset", String(offset)) + paxRecord("GNU.sparse.numbytes", String(length)),
  );
  const all = paxRecord("GNU.sparse.size", "40000") + records.join("");
  expect(await sparseIn(all, Buffer.alloc(parts.length))).toEqual({ parts, size: 40_000 });
});

test("a map of many lines is read as one of few", async () => {
  const parts = partsOf(100_000);
  const records = VERSION_1 + paxRecord("GNU.sparse.realsize", "200000");
  const body = withMap([parts.length, ...parts.flat()], parts.length);
  expect(await sparseIn(records, body)).toEqual({ parts, size: 200_000 });
});

test.each([
  ["that counts more than it has", ["3", 0, 1]],
  ["of less than nothing", ["-1", 0, 1]],
  ["that counts nothing", ["x", 0, 1]],
  ["whose line does not end", ["1", "0".repeat(100_000), 1]],
])("a map %s is refused", async (_, lines) => {
  const records = VERSION_1 + paxRecord("GNU.sparse.realsize", "9");
  await expect(sparseIn(records, withMap(lines, 1))).rejects.toMatchObject({ code: "invalid-tar" });
});

test("a record has one number", async () => {
  const number = (key: string, value: string): string => paxRecord(`GNU.sparse.${key}`, value);
  const all = number("size", "9") + number("offset", "0,1,2") + number("numbytes", "0");
  await expect(sparseIn(all, Buffer.alloc(1))).rejects.toMatchObject({ code: "invalid-tar" });
});
