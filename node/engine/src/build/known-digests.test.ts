import { expect, test } from "vitest";
import { KnownDigests } from "./known-digests.ts";

test("digests are read once, and the longest unused go when there are too many files", async () => {
  const known = new KnownDigests(5);
  const read: string[] = [];
  const of = (key: string, count: number) =>
    known.of(key, async () => {
      read.push(key);
      return new Map(Array.from({ length: count }, (_, index) => [`${key}${index}`, "sha256:0"]));
    });
  await of("a", 2);
  await of("b", 2);
  await of("a", 2);
  expect(read).toEqual(["a", "b"]);
  await of("c", 2); // six files: what was not used since "a" goes
  await of("a", 2);
  expect(read).toEqual(["a", "b", "c"]);
  await of("b", 2);
  expect(read).toEqual(["a", "b", "c", "b"]);
  await of("large", 6); // too many by itself: it is not kept, and the others stay
  await of("large", 6);
  await of("b", 2);
  expect(read).toEqual(["a", "b", "c", "b", "large", "large"]);
});
