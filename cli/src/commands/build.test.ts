import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { type BuildOptions, build, queryOf } from "./build.ts";
import { commandContext } from "./context.ts";

const OPTIONS: BuildOptions = {
  ...{ tag: [], buildContext: [], buildArg: [], label: [], secret: [], ssh: [], cacheFrom: [], cacheTo: [] },
  ...{ why: false, cache: true, pull: false, quiet: false, provenance: false, sbom: false, addHost: [], ulimit: [] },
  allow: [],
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

test("rights that commands may ask for are granted one by one", () => {
  const granted = (allow: readonly string[]): readonly string[] => queryOf({ ...OPTIONS, allow }).getAll("allow");
  expect(granted([])).toEqual([]);
  expect(granted(["network.host", "security.insecure"])).toEqual(["network.host", "security.insecure"]);
});

test("an output is an image of the engine with its names, or an error where the engine sends none", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-build-"));
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.resume().once("end", () => {
      asked.push(new URL(request.url ?? "", "http://engine").searchParams.getAll("t").join());
      response.end('{"aux":{"ID":"sha256:built"}}\n');
    });
  });
  try {
    writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
    await once(server.listen(join(folder, "socket")), "listening");
    const printed: string[] = [];
    const context = {
      ...commandContext(undefined, `unix://${join(folder, "socket")}`),
      print: (line: string) => void printed.push(line),
    };
    const run = (output: string) => build(context, folder, { ...OPTIONS, tag: ["other"], output });
    await run("type=docker,name=named:1");
    expect([asked, printed]).toEqual([["other,named:1"], ["other\nnamed:1"]]);
    await expect(run(join(folder, "out"))).rejects.toThrow("Cannot write the output of the build: the engine kept it");
    expect(existsSync(join(folder, "out"))).toBe(false);
  } finally {
    server.close();
    rmSync(folder, { recursive: true });
  }
});
