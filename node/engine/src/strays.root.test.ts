import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startTimeOf } from "@tsukube/host";
import { systemMounts } from "@tsukube/kernel";
import { afterAll, describe, expect, test } from "vitest";
import { EngineUnderTest } from "./engine-under-test.ts";

describe.skipIf(process.getuid?.() !== 0)("an engine whose disk lost records (needs root)", () => {
  const world = new EngineUnderTest();
  afterAll(() => world.close());

  test("takes away files, mounts and processes of containers that nothing speaks of, and leaves those that run", async () => {
    await world.start();
    const cri = world.dial();
    const sandbox = await world.sandbox(cri);
    const [kept, lost] = [await world.run(cri, sandbox, ["sleep", "1000"]), await world.run(cri, sandbox, ["true"])];
    await expect
      .poll(async () => (await cri.ContainerStatus({ containerId: lost })).status?.state, { timeout: 20_000 })
      .toBe("CONTAINER_EXITED");
    const running = await world.run(cri, sandbox, ["sleep", "1000"]);
    const bundle = `${world.folder}/run/bundles/${running}`;
    const pids = ["conmon.pid", "pidfile"].map((name) => Number(readFileSync(join(bundle, name), "utf8")));
    await world.engine?.close();
    const state = `${world.folder}/state`;
    const writes = join(state, "s/w");
    expect(readdirSync(writes).sort()).toEqual([kept, lost, running].sort());
    for (const id of [lost, running]) rmSync(join(state, "containers", id));
    const place = `${world.folder}/run/docker/sandboxes/${"f".repeat(64)}/shm`;
    mkdirSync(place, { recursive: true });
    systemMounts.tmpfs(place, {});
    await world.start();
    expect(readdirSync(writes)).toEqual([kept]);
    expect(systemMounts.isMounted(place)).toBe(false);
    const left = (id: string) => systemMounts.below(world.folder).filter((path) => path.includes(id));
    expect([lost, running].flatMap(left)).toEqual([]);
    expect(readdirSync(`${world.folder}/run/bundles`)).toEqual([kept]);
    await expect.poll(() => pids.filter((pid) => startTimeOf(pid) !== undefined)).toEqual([]);
    const { stdout } = await cri.ExecSync({ containerId: kept, cmd: ["echo", "runs"], timeout: 5 });
    expect(Buffer.from(stdout ?? "").toString()).toBe("runs\n");
    expect(existsSync(join(state, "containers", kept))).toBe(true);
  }, 60_000);
});
