import fc from "fast-check";
import { expect, test } from "vitest";
import { BlockWriter, entriesIn } from "./lmdb-blocks.ts";

const CHECKSUM = "sum:";
const entry = fc.record({
  key: fc.uint8Array({ minLength: 1, maxLength: 40 }).map((array) => Buffer.from(array)),
  // some larger than a block
  value: fc
    .tuple(fc.constantFrom(0, 10, 300_000, 1_100_000), fc.nat(255))
    .map(([size, fill]) => Buffer.alloc(size, fill)),
  isTakenBack: fc.boolean(),
});

test("entries lie in blocks in the order in which they came, without those that were taken back", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const found: (readonly [Buffer, Buffer, number])[] = [];
      const writer = new BlockWriter((block) => {
        for (const { key, value, end, number } of entriesIn(block))
          found.push([block.subarray(key, value), block.subarray(value, end), number]);
      });
      for (const { key, value, isTakenBack } of entries) {
        const bytes = Buffer.concat([Buffer.from("before"), key, Buffer.from(CHECKSUM), value, Buffer.from("after")]);
        const start = "before".length;
        const place = writer.add(bytes, start, start + key.length, bytes.length - "after".length);
        expect(place.block.subarray(place.key, place.end).equals(Buffer.concat([key, value]))).toBe(true);
        if (isTakenBack) writer.takeBack();
        else writer.setNumber(value.length);
      }
      writer.flush();
      const kept = entries.filter(({ isTakenBack }) => !isTakenBack);
      expect(found.length).toBe(kept.length);
      for (const [index, { key, value }] of kept.entries()) {
        expect(found[index]?.[0].equals(key)).toBe(true);
        expect(found[index]?.[1].equals(value)).toBe(true);
        expect(found[index]?.[2]).toBe(value.length);
      }
    }),
    { numRuns: 60 },
  );
});
