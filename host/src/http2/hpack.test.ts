import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ConnectionError } from "./frames.ts";
import { HpackDecoder } from "./hpack-decoder.ts";
import { HpackEncoder } from "./hpack-encoder.ts";
import { huffmanText } from "./huffman.ts";

const LIMIT = 1024 * 1024;
const DATE = "Mon, 21 Oct 2013 20:13:21 GMT";

function decoded(decoder: HpackDecoder, hex: string): readonly string[] | undefined {
  const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
  return decoder.decode(bytes, 0, bytes.length, LIMIT);
}

describe("RFC 7541 appendix C", () => {
  const REQUESTS = [
    [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com"],
    [":method", "GET", ":scheme", "http", ":path", "/", ":authority", "www.example.com", "cache-control", "no-cache"],
    [
      ...[":method", "GET", ":scheme", "https", ":path", "/index.html", ":authority", "www.example.com"],
      ...["custom-key", "custom-value"],
    ],
  ];

  test("three requests on one connection", () => {
    const decoder = new HpackDecoder();
    const blocks = [
      "828684410f 7777772e6578616d706c652e636f6d",
      "828684be5808 6e6f2d6361636865",
      "828785bf400a 637573746f6d2d6b6579 0c 637573746f6d2d76616c7565",
    ];
    expect(blocks.map((block) => decoded(decoder, block))).toEqual(REQUESTS);
  });

  test("the same in Huffman code", () => {
    const decoder = new HpackDecoder();
    const blocks = [
      "828684418c f1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886 a8eb10649cbf",
      "828785bf4088 25a849e95ba97d7f 89 25a849e95bb8e8b4bf",
    ];
    expect(blocks.map((block) => decoded(decoder, block))).toEqual(REQUESTS);
  });
});

test("what the table no longer holds cannot be named", () => {
  const decoder = new HpackDecoder();
  decoded(decoder, "400161 0162"); // a: b
  expect(decoded(decoder, "be")).toEqual(["a", "b"]);
  expect(decoded(decoder, "20")).toEqual([]); // a table of no bytes
  expect(() => decoded(decoder, "be")).toThrow(ConnectionError);
});

test("a head over the limit is told, and spoils nothing for the next", () => {
  const decoder = new HpackDecoder();
  const bytes = Buffer.from("40016101624001610163", "hex");
  expect(decoder.decode(bytes, 0, bytes.length, 40)).toBeUndefined();
  expect(decoded(decoder, "be bf")).toEqual(["a", "c", "a", "b"]);
});

test("Huffman code with the end in it, or with other padding than its beginning, is none", () => {
  const text = (hex: string): string | undefined => huffmanText(Buffer.from(hex, "hex"), 0, hex.length / 2);
  expect(text("1f")).toBe("a");
  expect(text("18")).toBeUndefined();
  expect(text("1fff")).toBeUndefined();
  expect(text("ffffffff")).toBeUndefined();
});

test("a client understands every head, whatever came before it and however small its table", () => {
  const name = fc.stringMatching(/^[a-z][a-z-]{0,15}$/);
  const value = fc.oneof(fc.stringMatching(/^[ -~]{0,300}$/), fc.constantFrom("application/json", "no-cache"));
  const head = fc.record({
    status: fc.constantFrom(200, 201, 404, 409, 504),
    headers: fc.dictionary(name, value, { maxKeys: 8, noNullPrototype: true }),
    capacity: fc.option(fc.nat(5000), { nil: undefined, freq: 5 }),
  });
  fc.assert(
    fc.property(fc.array(head, { maxLength: 40 }), (heads) => {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder();
      for (const { status, headers, capacity } of heads) {
        if (capacity !== undefined) encoder.resize(capacity);
        const block = encoder.encode(status, headers, DATE, undefined);
        const { date = DATE, ...others } = headers;
        const fields = [":status", String(status), ...Object.entries(others).flat(), "date", date];
        expect(decoder.decode(block, 0, block.length, LIMIT)!.toSorted()).toEqual(fields.toSorted());
      }
    }),
    { numRuns: 300 },
  );
});

test("what every answer says takes a byte each from the second on", () => {
  const encoder = new HpackEncoder();
  const headers = {
    "content-type": "application/json",
    "cache-control": "no-cache, private",
    "audit-id": "0".repeat(36),
  };
  const first = encoder.encode(200, headers, DATE, 10).length;
  const { "audit-id": _id, ...same } = headers;
  expect(first).toBeGreaterThan(100);
  expect(encoder.encode(200, same, DATE, 10).length).toBe(1 + 3 + 5);
  // the name alone is in the table
  expect(encoder.encode(200, { ...headers, "audit-id": "1".repeat(36) }, DATE, 10).length).toBe(1 + 3 + 2 + 37 + 5);
});

test("a value cannot begin another field, and may have any letters", () => {
  const block = new HpackEncoder().encode(200, { warning: "299 - é\r\nset-cookie: a" }, DATE, undefined);
  const fields = new HpackDecoder().decode(block, 0, block.length, LIMIT)!;
  expect(Buffer.from(fields[3]!, "latin1").toString()).toBe("299 - é  set-cookie: a");
});

test("no bytes make the decoder fail in another way than a connection does", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 5 }), (blocks) => {
      const decoder = new HpackDecoder();
      for (const block of blocks) {
        try {
          decoder.decode(Buffer.from(block), 0, block.length, LIMIT);
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
          return;
        }
      }
    }),
    { numRuns: 3000 },
  );
});
