import { expect, test } from "vitest";
import { straysIn } from "./strays.ts";

test("what has a record is nobody's stray, nor is what belongs to no container", () => {
  const [known, gone] = ["a".repeat(64), "f".repeat(64)];
  const found = {
    mounts: [`/run/e/sandboxes/${known}/shm`, `/run/e/bundles/${gone}/rootfs`, "/run/e/build/x", "/run/e"],
    ...{ written: [known, gone, "step"], attached: [gone] },
  };
  expect(straysIn(found, new Set([known, "step"]))).toEqual({
    ...{ mounts: [`/run/e/bundles/${gone}/rootfs`], written: [gone], attached: [gone] },
  });
});
