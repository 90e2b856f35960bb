import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { systemCgroups, systemMounts } from "@tsukube/kernel";
import type { LinuxContainerResources } from "@tsukube/node-contracts/cri";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Cri, EngineUnderTest } from "../engine-under-test.ts";

const ROOT = "/sys/fs/cgroup";
const { version, hugepageSizes } = systemCgroups();
const PAGES = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";

/** Some emulated machines are slow. */
const SLOW = { timeout: 60_000, interval: 200 };

describe.skipIf(process.getuid?.() !== 0)(
  `limits of containers, control groups of version ${version} (needs root)`,
  () => {
    const world = new EngineUnderTest();
    let cri: Cri;
    let sandbox: string;

    beforeAll(async () => {
      await world.start();
      cri = world.dial();
      sandbox = await world.sandbox(cri, { linux: { cgroupParent: world.cgroupParent } });
    }, 60_000);
    afterAll(() => world.close(), 60_000);

    const run = (command: readonly string[], resources: LinuxContainerResources): Promise<string> =>
      world.run(cri, sandbox, command, { linux: { resources } });
    const value = (id: string, v2: string, v1: string): string => {
      const group = `${world.cgroupParent}/${id}`;
      return readFileSync(
        version === 2 ? `${ROOT}${group}/${v2}` : `${ROOT}/${v1.split(".")[0]}${group}/${v1}`,
        "utf8",
      ).trim();
    };
    const exec = async (containerId: string, line: string): Promise<string> => {
      const { stdout } = await cri.ExecSync({ containerId, cmd: ["sh", "-c", line] });
      return Buffer.from(stdout ?? []).toString();
    };

    test("reach the kernel, and follow an update while the container runs", async () => {
      const asked = {
        cpuShares: 512,
        cpuQuota: 20_000,
        cpuPeriod: 100_000,
        memoryLimitInBytes: 64 << 20,
        cpusetCpus: "0",
      };
      const id = await run(["sleep", "1000"], asked);
      const shown = () => [
        value(id, "cpu.weight", "cpu.shares"),
        value(id, "cpu.max", "cpu.cfs_quota_us"),
        value(id, "memory.max", "memory.limit_in_bytes"),
        value(id, "cpuset.cpus", "cpuset.cpus"),
      ];
      expect(shown()).toEqual([...(version === 2 ? ["59", "20000 100000"] : ["512", "20000"]), String(64 << 20), "0"]);
      await cri.UpdateContainerResources({
        containerId: id,
        linux: { cpuShares: 1024, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimitInBytes: 128 << 20 },
      });
      expect(shown()).toEqual([
        ...(version === 2 ? ["100", "50000 100000"] : ["1024", "50000"]),
        String(128 << 20),
        "0",
      ]);
      const { stats } = await cri.ContainerStats({ containerId: id });
      expect(Number(stats?.cpu?.usageCoreNanoSeconds?.value)).toBeGreaterThan(0);
      expect(Number(stats?.memory?.usageBytes?.value)).toBeGreaterThan(0);
      expect(await exec(id, "cat /proc/self/cgroup")).toMatch(
        version === 2 ? /^0::\/\n$/ : new RegExp(`:memory:.*/${id}\n`),
      );
      const seen = version === 2 ? "/sys/fs/cgroup/memory.max" : "/sys/fs/cgroup/memory/memory.limit_in_bytes";
      expect(await exec(id, `cat ${seen}`)).toBe(`${128 << 20}\n`);
    }, 60_000);

    test("a container that has ended holds nothing of its pod", async () => {
      const id = await run(["sleep", "1000"], { cpuQuota: 20_000, cpuPeriod: 100_000 });
      const group = `${ROOT}${version === 2 ? "" : "/cpu"}${world.cgroupParent}/${id}`;
      expect(existsSync(group)).toBe(true);
      await cri.StopContainer({ containerId: id, timeout: 0 });
      expect(existsSync(group)).toBe(false);
      await cri.RemoveContainer({ containerId: id });
    }, 60_000);

    test("a container that takes more memory than it may ends as OOMKilled, and says so", async () => {
      // with version 2 it goes as a whole, not only the process that took it
      const [line, unified] =
        version === 2 ? ["tail /dev/zero; exit 0", { "memory.oom.group": "1" }] : ["exec tail /dev/zero", {}];
      const id = await run(["sh", "-c", line], { memoryLimitInBytes: 32 << 20, unified });
      await expect
        .poll(async () => (await cri.ContainerStatus({ containerId: id })).status, SLOW)
        .toMatchObject({ state: "CONTAINER_EXITED", exitCode: 137, reason: "OOMKilled" });
    }, 90_000);

    test("what a quota leaves is what a container uses", async () => {
      const id = await run(["sh", "-c", "while :; do :; done"], { cpuQuota: 10_000, cpuPeriod: 100_000 });
      await expect.poll(() => /nr_throttled (\d+)/.exec(value(id, "cpu.stat", "cpu.stat"))?.[1], SLOW).not.toBe("0");
      await cri.StopContainer({ containerId: id, timeout: 0 });
    }, 90_000);

    test.skipIf(!hugepageSizes.includes("2MB"))(
      "no more huge pages are given than are allowed (needs the hugetlb controller and pages of 2 MB)",
      async () => {
        const folder = `${world.folder}/pages`;
        const before = readFileSync(PAGES, "utf8");
        writeFileSync(PAGES, "4");
        mkdirSync(folder);
        systemMounts.mount("nodev", folder, "hugetlbfs", 0, "pagesize=2M");
        onTestFinished(() => {
          systemMounts.unmount(folder);
          writeFileSync(PAGES, before);
        });
        const hugepageLimits = hugepageSizes.map((pageSize) => ({ pageSize, limit: pageSize === "2MB" ? 4 << 20 : 0 }));
        const id = await world.run(cri, sandbox, ["sleep", "1000"], {
          mounts: [{ containerPath: "/pages", hostPath: folder }],
          linux: { resources: { hugepageLimits } },
        });
        expect(value(id, "hugetlb.2MB.max", "hugetlb.2MB.limit_in_bytes")).toBe(String(4 << 20));
        const take = (name: string) => exec(id, `fallocate -l 4194304 /pages/${name} && echo given || echo refused`);
        expect([await take("a"), await take("b")]).toEqual(["given\n", "refused\n"]);
        await cri.StopContainer({ containerId: id, timeout: 0 });
      },
      90_000,
    );

    test.skipIf(hugepageSizes.includes("2MB"))(
      "who asks for huge pages that the machine cannot limit is told (needs a machine without the hugetlb controller)",
      async () => {
        const asked = run(["sleep", "1000"], { hugepageLimits: [{ pageSize: "2MB", limit: 4 << 20 }] });
        await expect(asked).rejects.toThrow("Cannot limit huge pages of 2MB");
      },
    );

    test("nothing of a removed container stays in the kernel", async () => {
      const id = await run(["sh", "-c", "sleep 1000 & sleep 1000 & wait"], {});
      expect(systemCgroups().exists(`${world.cgroupParent}/${id}`)).toBe(true);
      await cri.RemoveContainer({ containerId: id });
      expect(systemCgroups().exists(`${world.cgroupParent}/${id}`)).toBe(false);
    }, 60_000);
  },
);
