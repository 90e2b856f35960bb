import { afterEach, expect, test, vi } from "vitest";
import { type BuildOptions, queryOf } from "./build.ts";

const OPTIONS: BuildOptions = {
  ...{ tag: [], buildContext: [], buildArg: [], label: [], secret: [], ssh: [], cacheFrom: [], cacheTo: [] },
  ...{ why: false, cache: true, pull: false, quiet: false, provenance: false, sbom: false, addHost: [], ulimit: [] },
};

afterEach(() => vi.unstubAllEnvs());

test("the time for reproducible builds is an argument where the shell has one; an empty one is none", () => {
  const args = (buildArg: readonly string[] = []): string | null => queryOf({ ...OPTIONS, buildArg }).get("buildargs");
  vi.stubEnv("SOURCE_DATE_EPOCH", "1000000000");
  expect(args()).toBe('{"SOURCE_DATE_EPOCH":"1000000000"}');
  expect(args(["SOURCE_DATE_EPOCH=5"])).toBe('{"SOURCE_DATE_EPOCH":"5"}');
  vi.stubEnv("SOURCE_DATE_EPOCH", "");
  expect(args()).toBeNull();
  vi.stubEnv("SOURCE_DATE_EPOCH", undefined);
  expect(args()).toBeNull();
});
