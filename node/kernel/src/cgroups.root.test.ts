import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "@tsukube/foundation";
import { afterEach, describe, expect, test } from "vitest";
import { type Cgroups, systemCgroups } from "./cgroups.ts";

const ROOT = "/sys/fs/cgroup";
const isRoot = process.getuid?.() === 0;
const cgroups = systemCgroups();

/** Where a file of a group is, by its name in version 2 and 1. */
function file(group: string, v2: string, v1: string): string {
  return cgroups.version === 2 ? `${ROOT}${group}/${v2}` : `${ROOT}/${v1.split(".")[0]}${group}/${v1}`;
}
const value = (group: string, v2: string, v1: string): string => readFileSync(file(group, v2, v1), "utf8").trim();

describe.skipIf(!isRoot)(`control groups of version ${cgroups.version} (needs root)`, () => {
  const top = `/tsukube-cgroups-test-${process.pid}`;
  let sleeper: ChildProcess | undefined;

  const sleepIn = (folder: string): number => {
    sleeper = spawn("sleep", ["100"]);
    writeFileSync(`${folder}/cgroup.procs`, String(sleeper.pid));
    return sleeper.pid as number;
  };
  const wake = async (): Promise<void> => {
    if (sleeper === undefined || sleeper.exitCode !== null || sleeper.signalCode !== null) return;
    sleeper.kill("SIGKILL");
    await once(sleeper, "close");
  };
  afterEach(async () => {
    await wake();
    await cgroups.remove(top);
  });

  test("groups are made with their limits, changed and freed of them", async () => {
    const group = `${top}/burstable/a`;
    await cgroups.create(group, {
      memoryBytes: 64 << 20,
      cpuShares: 512,
      cpuQuota: 20_000,
      cpuPeriod: 100_000,
      pids: 7,
    });
    expect(value(group, "memory.max", "memory.limit_in_bytes")).toBe(String(64 << 20));
    expect(value(group, "cpu.weight", "cpu.shares")).toBe(cgroups.version === 2 ? "59" : "512");
    expect(value(group, "cpu.max", "cpu.cfs_quota_us")).toBe(cgroups.version === 2 ? "20000 100000" : "20000");
    expect(value(group, "pids.max", "pids.max")).toBe("7");
    expect(await cgroups.usage(group)).toMatchObject({ memoryLimitBytes: 64 << 20, pids: 0 });
    await cgroups.update(group, { memoryBytes: -1, cpuQuota: -1, pids: -1 });
    expect(await cgroups.usage(group)).not.toHaveProperty("memoryLimitBytes");
    expect(value(group, "cpu.max", "cpu.cfs_quota_us")).toBe(cgroups.version === 2 ? "max 100000" : "-1");
    expect(value(group, "pids.max", "pids.max")).toBe("max");
  });

  test("a group that uses up its processor time is told to have been held back", async () => {
    const group = `${top}/a`;
    await cgroups.create(group, { cpuQuota: 1000, cpuPeriod: 10_000 });
    expect(await cgroups.throttling(group)).toBeUndefined();
    sleeper = spawn("sh", ["-c", "while :; do :; done"]);
    writeFileSync(`${dirname(file(group, "cgroup.procs", "cpu.shares"))}/cgroup.procs`, String(sleeper.pid));
    await expect.poll(async () => (await cgroups.throttling(group))?.throttledPeriods ?? 0).toBeGreaterThan(0);
    const { periods, throttledPeriods, throttledNanoseconds } = (await cgroups.throttling(group))!;
    expect([periods >= throttledPeriods, throttledNanoseconds > 0]).toEqual([true, true]);
    expect(await cgroups.throttling(`${top}/none`)).toBeUndefined();
  });

  test("expecting a move leaves this process where it is, and what then moves arrives", async () => {
    const before = readFileSync("/proc/self/cgroup", "utf8");
    await cgroups.create(`${top}/a`);
    cgroups.expectMove();
    cgroups.expectMove();
    const pid = sleepIn(dirname(file(`${top}/a`, "cgroup.procs", "pids.max")));
    expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(`${top}/a`);
    expect(readFileSync("/proc/self/cgroup", "utf8")).toBe(before);
  });

  test.skipIf(cgroups.hugepageSizes.length === 0)(
    "the use of huge pages is limited, by their size (needs the hugetlb controller)",
    async () => {
      const [size = ""] = cgroups.hugepageSizes;
      await cgroups.create(`${top}/a`, { hugepages: { [size]: 1 << 30 } });
      const limit = () => value(`${top}/a`, `hugetlb.${size}.max`, `hugetlb.${size}.limit_in_bytes`);
      expect(limit()).toBe(String(1 << 30));
      await cgroups.update(`${top}/a`, { hugepages: { [size]: 0 } });
      expect(limit()).toBe("0");
    },
  );

  test("a group with processes stays, without them it goes with all below", async () => {
    const group = `${top}/a/b`;
    await cgroups.create(group);
    const pid = sleepIn(file(group, "", "memory").replace(/memory$/, ""));
    expect(await cgroups.processes(top)).toEqual([pid]);
    expect(await cgroups.remove(top).catch(codeOf)).toBe("EBUSY");
    await wake();
    await cgroups.remove(top);
    expect([cgroups.exists(top), await cgroups.usage(top)]).toEqual([false, undefined]);
  });

  test.skipIf(cgroups.version === 2)("one hierarchy with processes does not keep the group in the others", async () => {
    await cgroups.create(top);
    const folders = (): readonly string[] => readdirSync(ROOT).filter((name) => existsSync(`${ROOT}/${name}${top}`));
    const [first = ""] = folders();
    sleepIn(`${ROOT}/${first}${top}`);
    expect(await cgroups.remove(top).catch(codeOf)).toBe("EBUSY");
    expect(folders().filter((name) => realpathSync(`${ROOT}/${name}`) !== realpathSync(`${ROOT}/${first}`))).toEqual(
      [],
    );
  });

  describe.skipIf(cgroups.version === 1)("as seen from inside a group", () => {
    const inside = (): Cgroups => systemCgroups(`${ROOT}${top}`);

    test("processes that are in the way of groups below move into a leaf", async () => {
      await cgroups.create(top);
      const pid = sleepIn(`${ROOT}${top}`);
      await inside().create("/pods/a", { pids: 5, memoryBytes: 1 << 24 });
      expect(readFileSync(`${ROOT}${top}/pods/a/memory.max`, "utf8").trim()).toBe(String(1 << 24));
      expect(readFileSync(`${ROOT}${top}/init/cgroup.procs`, "utf8").trim()).toBe(String(pid));
    });

    test("a limit whose controller is not there is refused, with what is", async () => {
      await cgroups.create(top);
      mkdirSync(`${ROOT}${top}/bare`);
      const bare = systemCgroups(`${ROOT}${top}/bare`);
      await expect(bare.create("/pods", { pids: 5 })).rejects.toThrow(
        /^Cannot set pids.max of control group "\/pods": its controllers are "", expected "pids" among them/,
      );
      await bare.create("/pods");
    });
  });
});
