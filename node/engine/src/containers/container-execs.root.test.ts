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

  test.each(["sleep 2000 | cat", "sleep 3000 & exit 0", "setsid sleep 3000 & sleep 2000"])(
    "%j is over at its timeout, whoever holds its output",
    async (script) => {
      const late = cri.ExecSync({ containerId, cmd: ["sh", "-c", script], timeout: 1 });
      await expect(late).rejects.toThrow("not done in 1000 ms");
      expect(await processes()).toContain("sleep 1000");
    },
  );
});
