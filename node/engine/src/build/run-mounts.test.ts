import { expect, test } from "vitest";
import { readInstruction } from "./dockerfile/scan.ts";
import { mountsOf } from "./run-mounts.ts";

const NOTHING = new Map<string, string>();
const SCOPE = { escapeChar: "\\", env: [], args: NOTHING, given: { buildArgs: NOTHING, globals: NOTHING } };

function mount(options: string) {
  const at = { file: "Dockerfile", line: 2, column: 1 };
  return mountsOf(readInstruction(`RUN --mount=${options} true`, at, "\\"), SCOPE, "/work")[0];
}

test.each([
  ["64m", 64 * 1024 ** 2],
  ["64MiB", 64 * 1024 ** 2],
  ["1.5kb", 1536],
  ["1G", 1024 ** 3],
  ["4096", 4096],
  ["7b", 7],
])("the size %s of a file system in memory is %i bytes", (size, sizeBytes) => {
  expect(mount(`type=tmpfs,target=t,size=${size}`)).toEqual({ type: "tmpfs", target: "/work/t", sizeBytes });
});

test.each(["", "m", "1x", "-1", "0x10", "1mm"])("%j is no size", (size) => {
  expect(() => mount(`type=tmpfs,target=/t,size=${size}`)).toThrow(
    `Dockerfile:2:1: RUN --mount=type=tmpfs,size=${size}: expected a number of bytes, or one with a unit like 64m`,
  );
});

test("a secret is named by its id, by its source, or by where it goes", () => {
  const token = { type: "secret", id: "token", target: "/run/secrets/token" };
  for (const options of ["id=token", "source=token", "src=token"])
    expect(mount(`type=secret,${options}`)).toMatchObject(token);
  expect(mount("type=secret,src=of/token")).toMatchObject({ id: "of/token", target: "/run/secrets/token" });
  expect(mount("type=secret,target=/etc/token")).toMatchObject({ ...token, target: "/etc/token" });
  expect(() => mount("type=secret,id=a,source=b")).toThrow("has id=a and source=b, expected one of them");
  expect(() => mount("type=secret,from=a,id=b")).toThrow('has no option "from"');
});

test("a cache begins with files of a stage or image, or empty", () => {
  expect(mount("type=cache,target=/c")).not.toHaveProperty("beginning");
  expect(mount("type=cache,target=/c,from=base")).toMatchObject({ beginning: { from: "base", source: "/" } });
  expect(mount("type=cache,target=/c,from=base,src=/x")).toMatchObject({ beginning: { from: "base", source: "/x" } });
  expect(() => mount("type=cache,target=/c,source=/x")).toThrow("source=/x lacks where that is");
});
