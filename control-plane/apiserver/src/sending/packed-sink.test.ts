import { constants, gunzipSync, inflateRawSync } from "node:zlib";
import type { ResponseSink } from "@tsukube/host";
import { expect, test } from "vitest";
import { PackedSink } from "./packed-sink.ts";

class Collected implements ResponseSink {
  readonly pieces: Uint8Array[] = [];
  isEnded = false;

  write(piece: Uint8Array): boolean {
    this.pieces.push(piece);
    return true;
  }
  async drained(): Promise<void> {}
  end(): void {
    this.isEnded = true;
  }
  destroy(): void {}

  get bytes(): Buffer {
    return Buffer.concat(this.pieces);
  }
}

const HEADER_BYTES = 10;
/** What a reader that stops at the end of a member, as Go's does, has been able to read so far. */
const readable = (bytes: Buffer): string =>
  inflateRawSync(bytes.subarray(HEADER_BYTES), { finishFlush: constants.Z_SYNC_FLUSH }).toString();

test("every piece can be read as soon as it is there, without the next", () => {
  const sink = new Collected();
  const packed = new PackedSink(sink);
  const pieces = ['{"type":"ADDED"}\n', '{"type":"MODIFIED"}\n', '{"type":"MODIFIED"}\n'].map((text) =>
    Buffer.from(text),
  );
  for (const [index, piece] of pieces.entries()) {
    packed.write(piece);
    expect(readable(sink.bytes)).toBe(pieces.slice(0, index + 1).join(""));
  }
  packed.end();
  expect([gunzipSync(sink.bytes).toString(), sink.isEnded]).toEqual([pieces.join(""), true]);
});

test("large pieces come in order with small ones", async () => {
  const sink = new Collected();
  const packed = new PackedSink(sink);
  const pieces = ["small", "large".repeat(10_000), "small again"].map((text) => Buffer.from(text));
  expect(pieces.map((piece) => packed.write(piece))).toEqual([true, false, false]);
  await packed.drained();
  expect(readable(sink.bytes)).toBe(pieces.join(""));
  packed.write(pieces[0]!);
  packed.end();
  expect(gunzipSync(sink.bytes).toString()).toBe([...pieces, pieces[0]].join(""));
});

test("nothing at all is packed too", () => {
  const sink = new Collected();
  new PackedSink(sink).end();
  expect(gunzipSync(sink.bytes).length).toBe(0);
});
