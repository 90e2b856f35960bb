import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SpdyDecoder, SpdyEncoder, type SpdyFrame } from "./spdy.ts";
import { spdyDictionary } from "./spdy-dictionary.ts";

const id = fc.integer({ min: 1, max: 0x7fffffff });
const word = fc.integer({ min: 0, max: 0xffffffff });
const headers = fc.dictionary(
  fc.string({ minLength: 1, maxLength: 20 }).map((name) => `x-${name.toLowerCase()}`),
  fc.string(),
  { noNullPrototype: true },
);
const frame: fc.Arbitrary<SpdyFrame> = fc.oneof(
  fc.record({
    type: fc.constantFrom("SYN_STREAM" as const, "SYN_REPLY" as const, "HEADERS" as const),
    id,
    fin: fc.boolean(),
    headers,
  }),
  fc.record({
    type: fc.constant("DATA" as const),
    id,
    fin: fc.boolean(),
    data: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  }),
  fc.record({ type: fc.constant("RST_STREAM" as const), id, status: word }),
  fc.record({
    type: fc.constant("SETTINGS" as const),
    values: fc.array(fc.tuple(fc.integer({ min: 1, max: 0xffffff }), word)).map((pairs) => new Map(pairs)),
  }),
  fc.record({ type: fc.constant("PING" as const), id }),
  fc.record({ type: fc.constant("GOAWAY" as const), lastId: id, status: word }),
  fc.record({ type: fc.constant("WINDOW_UPDATE" as const), id, delta: id }),
);

async function decoded(bytes: Buffer, cut: number): Promise<readonly SpdyFrame[]> {
  const decoder = new SpdyDecoder();
  const out: SpdyFrame[] = [];
  for (let at = 0; at < bytes.length; at += cut)
    for await (const item of decoder.decode(bytes.subarray(at, at + cut))) out.push(item);
  decoder.close();
  return out;
}

test("the dictionary is the one of the draft", () => {
  const dictionary = spdyDictionary();
  expect(dictionary.length).toBe(1423);
  expect(deflateSync(Buffer.of(1), { dictionary }).subarray(2, 6).toString("hex")).toBe("e3c6a7c2");
});

test("frames arrive as they were sent, however the bytes are cut", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { maxLength: 8 }), fc.integer({ min: 1, max: 64 }), async (frames, cut) => {
      const encoder = new SpdyEncoder();
      const parts: Buffer[] = [];
      for (const item of frames) parts.push(await encoder.encode(item));
      encoder.close();
      expect(await decoded(Buffer.concat(parts), cut)).toEqual(frames);
    }),
    { numRuns: 200 },
  );
});

test("damaged bytes are refused, never anything else", async () => {
  const encoder = new SpdyEncoder();
  const parts: Buffer[] = [];
  for (const type of ["SYN_STREAM", "SYN_REPLY"] as const)
    parts.push(await encoder.encode({ type, id: 1, fin: false, headers: { streamtype: "data", port: "80" } }));
  parts.push(await encoder.encode({ type: "SETTINGS", values: new Map([[7, 65536]]) }));
  encoder.close();
  const bytes = Buffer.concat(parts);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
      async (changes) => {
        const damaged = Buffer.from(bytes);
        for (const [at, value] of changes) damaged[at] = value;
        await decoded(damaged, 17).catch((error: unknown) => expect(error).toMatchObject({ code: "invalid-spdy" }));
      },
    ),
    { numRuns: 300 },
  );
});
