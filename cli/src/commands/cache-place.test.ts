import { expect, test } from "vitest";
import { cachePlace } from "./cache-place.ts";

test("places of caches are told apart, and what is not understood is refused", () => {
  expect(cachePlace("localhost:5000/cache:1", "from")).toEqual({ type: "registry", ref: "localhost:5000/cache:1" });
  expect(cachePlace("type=registry,ref=a/b,mode=max", "to")).toEqual({
    ...{ type: "registry", ref: "a/b", mode: "max" },
  });
  expect(cachePlace("type=registry,ref=a/b,mode=min", "to")).toEqual({ type: "registry", ref: "a/b" });
  expect(cachePlace("type=local,src=/c", "from")).toEqual({ type: "local", folder: "/c" });
  expect(cachePlace("type=local,dest=/c", "to")).toEqual({ type: "local", folder: "/c" });
  expect(cachePlace("type=inline", "to")).toEqual({ type: "inline" });
  for (const [text, direction] of [
    ["type=local,src=/c", "to"],
    ["type=registry", "to"],
    ["type=registry,ref=a,mode=some", "to"],
    ["type=registry,ref=a,mode=max", "from"],
    ["type=inline,mode=max", "to"],
    ["type=inline", "from"],
    ["type=gha", "from"],
  ] as const)
    expect(() => cachePlace(text, direction)).toThrow(`Cannot use --cache-${direction} ${text}`);
});
