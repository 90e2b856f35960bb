import fc from "fast-check";
import { expect, test } from "vitest";
import { type Frame, piecesOf, readFrames } from "./lmdb-frames.ts";

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const frame: fc.Arbitrary<Frame> = fc.oneof(
  fc.record({ type: fc.constant("meta" as const), value: bytes }),
  fc.record({ type: fc.constant("entries" as const), block: bytes }),
  fc.record({ type: fc.constant("damage" as const), message: fc.string() }),
  fc.constant({ type: "end" as const }),
  fc.record({ type: fc.constant("lost" as const), key: fc.string({ unit: "grapheme" }) }),
  fc.record({ type: fc.constant("missing" as const), count: fc.nat(), isOutdated: fc.boolean() }),
);

async function* inChunks(all: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    if (at < all.length) yield all.subarray(at, at + size);
    at += size;
  }
  if (at < all.length) yield all.subarray(at);
}

test("frames are read whole, whatever chunks they come in", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(frame), fc.array(fc.integer({ min: 1, max: 200 })), async (frames, sizes) => {
      const all = Buffer.concat(frames.flatMap((one) => piecesOf(one)));
      const read: Frame[] = [];
      for await (const one of readFrames(inChunks(all, sizes))) read.push(one);
      expect(read).toEqual(frames);
    }),
  );
});

test("a frame that is not whole is none", async () => {
  const all = Buffer.concat(piecesOf({ type: "damage", message: "page 7" }));
  for await (const one of readFrames(inChunks(all.subarray(0, -1), []))) expect(one).toBeUndefined();
});
