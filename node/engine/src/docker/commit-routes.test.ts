import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { commitRoutes } from "./commit-routes.ts";
import type { DockerDeps, DockerRequest } from "./contracts.ts";

/** Commits a container whose written files are in `written`. @returns what became of the new layer, and what is left of it. */
async function committed(prepare: (written: string) => void, status = "exited", endsMeanwhile = false) {
  const folder = mkdtempSync(join(tmpdir(), "tsukube-commit-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [written, staging] = [join(folder, "written"), join(folder, "staging")];
  mkdirSync(staging);
  prepare(written);
  const layers: (readonly string[])[] = [];
  const container = { id: "c", config: {}, state: { status }, command: [], imageId: "i", imageName: "a" };
  const deps = {
    cgroups: { canFreeze: true },
    dockerContainers: {
      store: { get: () => container, find: () => container },
      pause: async () => void (container.state.status = "paused"),
      unpause: async () => {
        if (container.state.status !== "paused") throw new Error("it is not paused");
        container.state.status = "running";
      },
    },
    images: { find: () => ({ chain: [], diffIds: [], config: {} }), create: async () => ({ id: "new" }) },
    snapshotter: {
      changes: (_: string, use: (folder?: string) => unknown) => use(existsSync(written) ? written : undefined),
      stage: async () => mkdtempSync(join(staging, "layer-")),
      commit: async (_: string, __: unknown, { staged }: { staged: string }) => {
        layers.push(readdirSync(staged));
        if (endsMeanwhile) container.state.status = "exited";
      },
    },
    garbage: { hold: () => async () => {} },
    events: { publish: () => {} },
    clock: { now: () => 0 },
  } as unknown as DockerDeps;
  const request = { query: new URLSearchParams("container=c"), json: async () => ({}) } as unknown as DockerRequest;
  const answered = await Promise.allSettled([commitRoutes(deps)[0]?.handle(request)]);
  return { status: answered[0].status, becomes: container.state.status, layers, left: readdirSync(staging) };
}

test("what a container wrote becomes a layer; one that never ran has an empty one", async () => {
  const wrote = await committed((written) => {
    mkdirSync(written);
    writeFileSync(join(written, "file"), "");
  });
  expect(wrote).toEqual({ status: "fulfilled", becomes: "exited", layers: [["file"]], left: [] });
  expect(await committed(() => {})).toEqual({ status: "fulfilled", becomes: "exited", layers: [[]], left: [] });
});

test("files that cannot be copied are an error, not an empty layer", async () => {
  const failed = await committed((written) => writeFileSync(written, "no folder"));
  expect(failed).toEqual({ status: "rejected", becomes: "exited", layers: [], left: [] });
});

test("a container goes on after it was committed, unless it ended meanwhile", async () => {
  const made = { status: "fulfilled", layers: [[]], left: [] };
  expect(await committed(() => {}, "running")).toEqual({ ...made, becomes: "running" });
  expect(await committed(() => {}, "running", true)).toEqual({ ...made, becomes: "exited" });
});
