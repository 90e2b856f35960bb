import fc from "fast-check";
import { expect, test } from "vitest";
import { NewestVersions } from "./newest-versions.ts";

const version = fc.record({
  key: fc.string({ minLength: 1, maxLength: 8 }),
  revision: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 2 ** 34, max: 2 ** 34 + 2 ** 18 })),
});

test("of versions in the order of revisions and keys, the newest of each key is found, with the place of the key", () => {
  fc.assert(
    fc.property(fc.array(version, { maxLength: 60 }), (versions) => {
      const newest = new Map<string, number>();
      for (const { key, revision } of versions) newest.set(key, Math.max(revision, newest.get(key) ?? 0));
      const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
      const keys = [...newest.keys()].sort(byBytes);
      const index = new NewestVersions();
      for (const key of keys) {
        const bytes = Buffer.from(`-${key}-`);
        index.add(bytes, 1, bytes.length - 1, newest.get(key)!);
      }
      const distinct = [...new Map(versions.map((one) => [`${one.revision} ${one.key}`, one])).values()];
      distinct.sort((a, b) => a.revision - b.revision || byBytes(a.key, b.key));
      for (const { key, revision } of distinct) {
        const bytes = Buffer.from(`+${key}+`);
        const number = index.find(bytes, 1, bytes.length - 1, revision);
        expect(number).toBe(newest.get(key) === revision ? keys.indexOf(key) : undefined);
      }
      expect(index.isComplete).toBe(true);
    }),
  );
});

test("a newest version that does not come is missed", () => {
  const index = new NewestVersions();
  index.add(Buffer.from("a"), 0, 1, 3);
  index.add(Buffer.from("b"), 0, 1, 5);
  expect(index.find(Buffer.from("a"), 0, 1, 3)).toBe(0);
  expect(index.find(Buffer.from("b"), 0, 1, 4)).toBeUndefined();
  expect(index.isComplete).toBe(false);
});
