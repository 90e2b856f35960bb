import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { endpoints } from "@tsukube/engine/endpoints";
import { expect, test } from "vitest";
import { ENDPOINTS, RUN_FLAGS } from "./coverage.ts";

const ROOT = dirname(dirname(dirname(import.meta.dirname)));
const tests = globSync(["e2e/src/*.test.ts", "node/engine/src/**/*.test.ts"], { cwd: ROOT });
const words = tests.map((path) => readFileSync(join(ROOT, path), "utf8").replace(/[\s"',[\]`]+/g, " ")).join(" ");

test("each endpoint of Docker's API is told with its test", () => {
  expect(Object.keys(ENDPOINTS).sort()).toEqual([...new Set(endpoints())].sort());
});

test.each(Object.entries(ENDPOINTS))("%s has the test that is told: %s", (_, said) => {
  expect(
    words
      .split(said)
      .slice(1)
      .some((rest) => !/^[\w-]/.test(rest)),
  ).toBe(true);
});

test.each(RUN_FLAGS)("run %s has a test", (flag) => {
  expect(new RegExp(`[ (]${flag}(?![\\w-])`).test(words)).toBe(true);
});
