import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Cri, EngineUnderTest } from "../engine-under-test.ts";

describe.skipIf(process.getuid?.() !== 0)("commands in containers (need root)", () => {
  const world = new EngineUnderTest();
  let cri: Cri;
  let containerId: string;

  beforeAll(async () => {
    await world.start();
    cri = world.dial();
    containerId = await world.run(cri, await world.sandbox(cri), ["sleep", "1000"], {});
  });
  afterAll(() => world.close());

  const processes = async (): Promise<string> => {
    const { stdout } = await cri.ExecSync({ containerId, cmd: ["ps", "-o", "args"] });
    return Buffer.from(stdout ?? []).toString();
  };

  test("are over at their timeout with all that they started, whoever holds their output", async () => {
    await cri.ExecSync({ containerId, cmd: ["sh", "-c", "sleep 1500 > /dev/null 2>&1 &"] });
    const scripts = [
      "sleep 2000 | cat",
      "sleep 2000 & exit 0",
      "setsid sleep 2000 & sleep 2000",
      "(setsid sleep 2000 > /dev/null &) ; sleep 2000",
      "(sleep 2000 > /dev/null 2>&1 &) ; exec > /dev/null 2>&1 ; sleep 2000",
      "(sleep 2000 > /dev/null 2>&1 &) ; sleep 2000 & exit 0",
      "while :; do sleep 2000 & setsid sleep 2000 > /dev/null 2>&1 & usleep 20000; done",
    ];
    await Promise.all(
      scripts.map(async (script) => {
        const late = cri.ExecSync({ containerId, cmd: ["sh", "-c", script], timeout: 1 });
        await expect(late, script).rejects.toThrow("not done in 1000 ms");
      }),
    );
    await expect.poll(processes).not.toContain("sleep 2000");
    expect(await processes()).toMatch(/sleep 1000\n(.*\n)*.*sleep 1500/);
  });
});
