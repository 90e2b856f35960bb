import { expect, test } from "vitest";
import { holdersOf } from "./disk-holders.ts";

const digest = (digit: string): string => `sha256:${digit.repeat(64)}`;
const world = {
  images: [
    {
      id: digest("a"),
      names: ["app:1"],
      diffIds: [digest("1"), digest("2")],
      chain: [digest("1"), digest("c")],
      blobs: [digest("a"), digest("b")],
    },
    { id: digest("d"), names: [], diffIds: [digest("1")], chain: [digest("1")], blobs: [] },
  ],
  steps: [{ lineage: "app 3", diffIds: [digest("1"), digest("2")], chain: [digest("1"), digest("c")] }],
  containers: [{ name: "web", imageId: digest("a") }],
};

test("everyone who keeps some content on the disk is named, and what it is to them", () => {
  expect(holdersOf(digest("2"), world)).toEqual({
    digest: digest("2"),
    holders: [
      { kind: "image", name: "app:1", as: "layer 2 of 2" },
      { kind: "build step", name: "app 3", as: "layer 2 of 2" },
      { kind: "container", name: "web", as: "its image" },
    ],
  });
  expect(holdersOf("cccccc", world).holders.map(({ name }) => name)).toEqual(["app:1", "app 3", "web"]);
  expect(holdersOf("111111", world).holders.map(({ as }) => as)).toEqual([
    "layer 1 of 2",
    "layer 1 of 1",
    "layer 1 of 2",
    "its image",
  ]);
  expect(holdersOf(digest("b"), world).holders[0]?.as).toBe("manifest or archive");
  expect(holdersOf(digest("d"), world).holders).toEqual([{ kind: "image", name: digest("d"), as: "configuration" }]);
});

test("what is no digest, is not there, or could be several is refused", () => {
  expect(() => holdersOf("app:1", world)).toThrow("expected a digest");
  expect(() => holdersOf("aaa", world)).toThrow("at least 6 digits");
  expect(() => holdersOf("ffffff", world)).toThrow("nothing here holds it");
  const alike = { ...world, steps: [{ lineage: "x", diffIds: [`sha256:${"1".repeat(63)}0`], chain: [] }] };
  expect(() => holdersOf("111111", alike)).toThrow("expected more digits");
});
