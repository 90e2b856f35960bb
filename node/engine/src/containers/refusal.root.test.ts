import { systemMounts } from "@tsukube/kernel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cri, EngineUnderTest } from "../engine-under-test.ts";

describe.skipIf(process.getuid?.() !== 0)("a command that the runtime refuses (needs root)", () => {
  const world = new EngineUnderTest();
  let cri: Cri;
  let podSandboxId: string;
  let containerId: string;

  beforeAll(async () => {
    await world.start();
    cri = world.dial();
    podSandboxId = await world.sandbox(cri);
  });
  afterAll(() => world.close());

  test("is told by the start, and the container has ended with 128", async () => {
    const config = {
      metadata: { name: "c", attempt: 0 },
      image: { image: "tsukube.local/busybox" },
      command: ["none"],
    };
    containerId = (await cri.CreateContainer({ podSandboxId, config })).containerId ?? "";
    await expect(cri.StartContainer({ containerId })).rejects.toThrow(/executable file `none` not found/);
    expect((await cri.ContainerStatus({ containerId })).status).toMatchObject({
      state: "CONTAINER_EXITED",
      exitCode: 128,
      reason: "StartError",
      message: expect.stringContaining("`none` not found"),
    });
  });

  test("holds up neither the stop nor the removal, started or not", async () => {
    const config = {
      metadata: { name: "d", attempt: 0 },
      image: { image: "tsukube.local/busybox" },
      command: ["none"],
    };
    const { containerId: unstarted = "" } = await cri.CreateContainer({ podSandboxId, config });
    for (const id of [unstarted, containerId]) {
      await cri.StopContainer({ containerId: id, timeout: 10 });
      await cri.RemoveContainer({ containerId: id });
    }
    expect((await cri.ListContainers({})).containers).toEqual([]);
    expect(systemMounts.below(world.folder).filter((path) => path.includes("rootfs"))).toEqual([]);
  });
});
