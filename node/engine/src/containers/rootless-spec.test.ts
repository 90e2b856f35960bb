import { noCgroups } from "@tsukube/kernel";
import { expect, test } from "vitest";
import { rootlessSpec } from "./rootless-spec.ts";
import type { OciMount, OciSpec } from "./spec.ts";

function mount(type: string, destination: string, ...options: readonly string[]): OciMount {
  return { type, destination, source: type, options };
}

function spec(namespaces: readonly string[], resources: object = {}): OciSpec {
  return {
    process: { args: ["true"], env: [], cwd: "/", oomScoreAdj: 5 },
    root: { path: "/r", readonly: false },
    mounts: [
      mount("proc", "/proc"),
      mount("mqueue", "/dev/mqueue"),
      mount("cgroup", "/sys/fs/cgroup"),
      mount("devpts", "/dev/pts", "gid=5"),
    ],
    linux: {
      ...{ namespaces: namespaces.map((type) => ({ type })), cgroupsPath: "/x" },
      resources: { devices: [{ allow: false }], memory: {}, cpu: {}, ...resources },
    },
  };
}

test("an engine without root asks its runtime for no control groups, and refuses limits", () => {
  const made = rootlessSpec(spec(["pid", "ipc", "cgroup"]), "many-ids", noCgroups, () => true);
  expect(made.linux).toEqual({ namespaces: [{ type: "pid" }, { type: "ipc" }], resources: { devices: [] } });
  expect(made.mounts.map(({ type }) => type)).toEqual(["proc", "mqueue", "devpts"]);
  expect(made.process["oomScoreAdj"]).toBeUndefined();
  expect(() => rootlessSpec(spec([], { memory: { limit: 1 } }), "many-ids", noCgroups)).toThrow(
    "Cannot limit memory: this engine runs without root and no controllers of control groups are delegated to it",
  );
});

test("an engine without root limits what the control groups that are delegated to it can limit", () => {
  const limits = { memory: { limit: 1 }, cpu: { cpus: "0" }, unified: { "pids.max": "5" } };
  const controllers = ["memory", "cpuset", "pids"];
  const { linux, mounts } = rootlessSpec(spec(["pid", "cgroup"], limits), "many-ids", { version: 2, controllers });
  expect(linux.resources).toEqual({ ...limits, devices: [] });
  expect([linux.cgroupsPath, mounts.map(({ type }) => type).includes("cgroup")]).toEqual(["/x", true]);
  for (const [asked, named] of [
    [{ ...limits, cpu: { cpus: "0", shares: 2 } }, "cpu"],
    [{ blockIO: { weight: 5 }, hugepageLimits: [{ pageSize: "2MB", limit: 0 }] }, "blockIO, hugepageLimits"],
    [{ unified: { "io.weight": "5" } }, "unified"],
  ] as const)
    expect(() => rootlessSpec(spec([], asked), "many-ids", { version: 2, controllers })).toThrow(
      `Cannot limit ${named}: this engine runs without root and of control groups it has the controllers memory, cpuset, pids alone`,
    );
});

test("what belongs to a namespace of the machine is the machine's own, where it has it", () => {
  const shown = rootlessSpec(spec([]), "many-ids", noCgroups, (path) => path === "/proc").mounts;
  expect(shown.map(({ type, source }) => `${type} ${source}`)).toEqual(["bind /proc", "devpts devpts"]);
});

test("with one id terminals belong to no group of their own", () => {
  const { mounts } = rootlessSpec(spec(["pid", "ipc"]), "one-id", noCgroups, () => true);
  expect(mounts.at(-1)?.options).toEqual([]);
});
