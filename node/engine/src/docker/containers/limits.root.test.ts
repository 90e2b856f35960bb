import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemCgroups } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EngineUnderTest } from "../../engine-under-test.ts";
import { askDocker } from "../docker-client-under-test.ts";

const ROOT = "/sys/fs/cgroup";
const { version } = systemCgroups();

describe.skipIf(process.getuid?.() !== 0)(
  `limits of Docker's containers, control groups of version ${version} (need root)`,
  () => {
    const world = new EngineUnderTest();
    let id = "";

    const post = async (path: string, document?: object) => {
      const body = document === undefined ? undefined : bytes(JSON.stringify(document));
      const { status, text } = await askDocker(world.dockerSocket, "POST", path, body);
      expect([path, status, status < 300 ? "" : text]).toEqual([path, expect.any(Number), ""]);
      return text === "" ? {} : (JSON.parse(text) as { readonly Id?: string });
    };
    const inspect = async () =>
      JSON.parse((await askDocker(world.dockerSocket, "GET", `/containers/${id}/json`)).text) as {
        readonly State: { readonly Status: string; readonly Pid: number; readonly OOMKilled: boolean };
      };
    /** A file of the container's group, by its name in both versions. */
    const value = (pid: number, v2: string, v1: string): string => {
      const [controller = ""] = v1.split(".");
      const line = version === 2 ? /^0::(.*)$/m : new RegExp(`^\\d+:(?:.*,)?${controller}(?:,.*)?:(.*)$`, "m");
      const group = line.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
      const file = version === 2 ? join(ROOT, group, v2) : join(ROOT, controller, group, v1);
      return readFileSync(file, "utf8").trim();
    };

    beforeAll(async () => {
      await world.start();
      const HostConfig = {
        Memory: 64 << 20,
        CpuShares: 512,
        NanoCpus: 5e8,
        PidsLimit: 20,
        BlkioWeight: 300,
        NetworkMode: "none",
      };
      const wanted = { Image: "tsukube.local/busybox", Cmd: ["sh", "-c", "while :; do sleep 0.1; done"], HostConfig };
      id = (await post("/containers/create", wanted)).Id ?? "";
      await post(`/containers/${id}/start`);
    }, 90_000);
    afterAll(() => world.close(), 60_000);

    test("reach the kernel, and change while the container runs", async () => {
      const { State } = await inspect();
      const shown = () => [
        value(State.Pid, "memory.max", "memory.limit_in_bytes"),
        value(State.Pid, "cpu.weight", "cpu.shares"),
        value(State.Pid, "cpu.max", "cpu.cfs_quota_us"),
        value(State.Pid, "pids.max", "pids.max"),
      ];
      expect(shown()).toEqual([String(64 << 20), ...(version === 2 ? ["59", "50000 100000"] : ["512", "50000"]), "20"]);
      if (version === 2 && existsSync(join(ROOT, "io.cost.qos")))
        expect(value(State.Pid, "io.weight", "")).toBe("default 2930");
      await post(`/containers/${id}/update`, { Memory: 96 << 20, MemorySwap: -1, CpuShares: 1024, PidsLimit: -1 });
      expect(shown().toSpliced(2, 1)).toEqual([String(96 << 20), version === 2 ? "100" : "1024", "max"]);
    }, 60_000);

    test("a container that is paused stands still until it goes on", async () => {
      const { State } = await inspect();
      await post(`/containers/${id}/pause`);
      expect((await inspect()).State.Status).toBe("paused");
      expect(value(State.Pid, "cgroup.events", "freezer.state")).toMatch(version === 2 ? /frozen 1/ : /^FROZEN$/);
      await post(`/containers/${id}/unpause`);
      expect(value(State.Pid, "cgroup.events", "freezer.state")).toMatch(version === 2 ? /frozen 0/ : /^THAWED$/);
    }, 60_000);

    test("what it uses is told", async () => {
      const { text } = await askDocker(world.dockerSocket, "GET", `/containers/${id}/stats?stream=0&one-shot=1`);
      const stats = JSON.parse(text) as {
        readonly memory_stats: { readonly usage: number; readonly limit: number };
        readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } };
        readonly pids_stats: { readonly current: number };
      };
      expect([stats.memory_stats.limit, stats.memory_stats.usage > 0]).toEqual([96 << 20, true]);
      expect(stats.cpu_stats.cpu_usage.total_usage).toBeGreaterThan(0);
      expect(stats.pids_stats.current).toBeGreaterThan(0);
    }, 60_000);
  },
);

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
