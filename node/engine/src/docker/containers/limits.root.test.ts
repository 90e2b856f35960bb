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
    const parent = `tsukube-limits-${process.pid}`;
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
        MemorySwappiness: 30,
        CgroupParent: `../${parent}`,
        NetworkMode: "none",
      };
      const wanted = { Image: "tsukube.local/busybox", Cmd: ["sh", "-c", "while :; do sleep 0.1; done"], HostConfig };
      id = (await post("/containers/create", wanted)).Id ?? "";
      await post(`/containers/${id}/start`);
    }, 90_000);
    afterAll(async () => {
      await world.close();
      await systemCgroups().remove(`/${parent}`);
    }, 60_000);

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
      const told = async () => {
        const { text } = await askDocker(world.dockerSocket, "GET", `/containers/${id}/stats?stream=0&one-shot=1`);
        return JSON.parse(text) as {
          readonly memory_stats: { readonly usage: number; readonly limit: number };
          readonly cpu_stats: {
            readonly cpu_usage: Readonly<Record<"total_usage" | `usage_in_${"kernel" | "user"}mode`, number>>;
            readonly throttling_data: { readonly periods: number };
          };
          readonly pids_stats: { readonly current: number };
        };
      };
      const { memory_stats: memory, cpu_stats: cpu, pids_stats: pids } = await told();
      expect([memory.limit, memory.usage > 0, pids.current > 0]).toEqual([96 << 20, true, true]);
      const { total_usage, usage_in_kernelmode, usage_in_usermode } = cpu.cpu_usage;
      expect([total_usage > 0, usage_in_kernelmode + usage_in_usermode]).toEqual([true, total_usage]);
      // a period takes a while, and version 1 counts what the kernel does for a group by its ticks
      const later = async () => (await told()).cpu_stats;
      await expect.poll(async () => (await later()).throttling_data.periods).toBeGreaterThan(0);
      await expect.poll(async () => (await later()).cpu_usage.usage_in_kernelmode).toBeGreaterThan(0);
    }, 60_000);
  },
);

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
