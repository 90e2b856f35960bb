import { readdirSync } from "node:fs";
import { type Cgroups, systemCgroups, systemMounts, systemNamespaces } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cri, EngineUnderTest } from "../engine-under-test.ts";

const SHARED = { linux: { securityContext: { namespaceOptions: { pid: "POD" as const } } } };

describe.skipIf(process.getuid?.() !== 0)("containers that share a process namespace (needs root)", () => {
  const real = systemCgroups();
  /** How often a group is still busy when it is to be removed. */
  let busy = 0;
  const remove = async (path: string): Promise<void> => {
    if (busy-- > 0) throw Object.assign(new Error("EBUSY: resource busy or locked"), { code: "EBUSY" });
    return real.remove(path);
  };
  const cgroups = new Proxy(real, {
    get: (target, name: keyof Cgroups) => {
      const member = target[name];
      if (name === "remove") return remove;
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  const world = new EngineUnderTest({ kernel: { cgroups, mounts: systemMounts, namespaces: systemNamespaces() } });
  let cri: Cri;
  let podSandboxId: string;

  const sandbox = (): Promise<string> =>
    world.sandbox(cri, { linux: { ...SHARED.linux, cgroupParent: world.cgroupParent } });

  beforeAll(async () => {
    await world.start();
    cri = world.dial();
    podSandboxId = await sandbox();
  });
  afterAll(() => world.close());

  const exec = async (containerId: string, ...cmd: string[]): Promise<string> => {
    const { stdout } = await cri.ExecSync({ containerId, cmd, timeout: 5 });
    return Buffer.from(stdout ?? []).toString();
  };

  test("see and signal each other, and nobody is told of what holds the namespace", async () => {
    const one = await world.run(cri, podSandboxId, ["sleep", "111"], SHARED);
    const two = await world.run(cri, podSandboxId, ["sh", "-c", "sleep 222 & wait"], SHARED);
    expect(await exec(one, "ps", "-o", "args")).toMatch(/sleep 111[\s\S]*sleep 222/);
    expect(await exec(one, "cat", "/proc/1/comm")).toBe("sh\n");
    const { containers = [] } = await cri.ListContainers({});
    expect(containers.map(({ id }) => id).sort()).toEqual([one, two].sort());
    expect((await cri.PodSandboxStatus({ podSandboxId })).status?.state).toBe("SANDBOX_READY");
    expect(readdirSync(`${world.folder}/logs`).filter((name) => !/^c\d+\.log$/.test(name))).toEqual([]);
    await cri.StopContainer({ containerId: two, timeout: 0 });
    await expect.poll(() => exec(one, "ps", "-o", "args")).not.toMatch(/sleep 222/);
  });

  test("another container joins the processes of one that runs", async () => {
    const target = await world.run(cri, podSandboxId, ["sleep", "333"], {});
    const options = { pid: "TARGET" as const, targetId: target };
    const debug = await world.run(cri, podSandboxId, ["sleep", "444"], {
      linux: { securityContext: { namespaceOptions: options } },
    });
    expect(await exec(debug, "cat", "/proc/1/cmdline")).toBe("sleep\u0000333\u0000");
  });

  test("a sandbox is not ready without what holds its processes, and leaves nothing behind", async () => {
    const { containers = [] } = await cri.ListContainers({});
    const sleeper = containers.find(({ state }) => state === "CONTAINER_RUNNING")?.id ?? "";
    expect(sleeper).not.toBe("");
    await exec(containers[0]?.id ?? "", "kill", "-TERM", "1").catch(() => "");
    await expect
      .poll(async () => (await cri.PodSandboxStatus({ podSandboxId })).status?.state)
      .toBe("SANDBOX_NOTREADY");
    await cri.RemovePodSandbox({ podSandboxId });
    expect(systemMounts.below(`${world.folder}/run`)).toEqual([]);
  });

  test("leave no control group when they end, be it busy at first, or left by an engine that was killed", async () => {
    const id = await world.run(cri, await sandbox(), ["sh", "-c", "sleep 555 & wait"], SHARED);
    const group = `${world.cgroupParent}/${id}`;
    await expect.poll(() => real.processes(group)).toHaveLength(2);
    busy = 3;
    await cri.StopContainer({ containerId: id, timeout: 0 });
    expect([busy, real.exists(group)]).toEqual([-1, false]);
    await real.create(group);
    await world.engine?.close();
    await world.start();
    expect(real.exists(group)).toBe(false);
  });
});
