import fc from "fast-check";
import { expect, test } from "vitest";
import { RegistryError } from "../src/registry-error.ts";
import { byteRange, chunkRange } from "../src/serving/byte-range.ts";
import { routeOf } from "../src/serving/route.ts";
import { readManifest } from "../src/store/manifest-document.ts";

/** Its result, or undefined when it is refused as a client's mistake; anything else that is thrown is ours. */
function refusedOr<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof RegistryError) return undefined;
    throw error;
  }
}

test("no path leads to a name that could be another folder's", () => {
  const word = fc.constantFrom(
    "v2",
    "a",
    "A",
    "..",
    ".",
    "",
    "_blobs",
    "blobs",
    "uploads",
    "manifests",
    "tags",
    "list",
    "referrers",
    "a.b",
    "a..b",
    "\0",
    "é",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 10 }), (words) => {
      const route = refusedOr(() => routeOf(`/v2/${words.join("/")}`));
      if (route === undefined || !("name" in route)) return;
      expect(route.name).toMatch(/^[a-z0-9]/);
      for (const part of route.name.split("/")) expect(part).toMatch(/^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/);
      expect(route.name).not.toContain("..");
    }),
    { numRuns: 2000 },
  );
});

test("ranges are within what is there, whatever the header", () => {
  const header = fc.oneof(
    fc.string(),
    fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`),
    fc.nat().map((n) => `bytes=-${n}`),
  );
  fc.assert(
    fc.property(header, fc.nat(), (text, size) => {
      const range = byteRange(text, size);
      if (range === undefined || range === "unsatisfiable") return;
      expect(range.first).toBeGreaterThanOrEqual(0);
      expect(range.last).toBeGreaterThanOrEqual(range.first);
      expect(range.last).toBeLessThan(size);
    }),
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), header), (text) => {
      const range = chunkRange(text);
      if (range !== undefined && range !== "malformed") expect(range.last).toBeGreaterThanOrEqual(range.first);
    }),
  );
});

test("what is no manifest is refused, whatever it is", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const fields = [
    "schemaVersion",
    "mediaType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "annotations",
    "artifactType",
  ];
  const document = fc.dictionary(
    fc.constantFrom(...fields, "__proto__", "constructor"),
    fc.oneof(value, fc.constant(2)),
  );
  fc.assert(
    fc.property(
      fc.oneof(
        document.map((each) => JSON.stringify(each)),
        fc.string(),
      ),
      fc.string(),
      (text, type) => {
        const found = refusedOr(() => readManifest(Buffer.from(text), type));
        for (const digest of found?.references ?? []) expect(digest).toMatch(/^sha(256|512):[0-9a-f]+$/);
      },
    ),
    { numRuns: 2000 },
  );
  for (const text of ["[".repeat(4_000_000), '{"a":'.repeat(700_000), "\ud800"])
    expect(refusedOr(() => readManifest(Buffer.from(text), ""))).toBeUndefined();
  expect(refusedOr(() => readManifest(Buffer.from([0xff, 0xfe]), ""))).toBeUndefined();
});
