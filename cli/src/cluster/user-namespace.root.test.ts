import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { realClock } from "@tsukube/host";
import { expect, onTestFinished, test } from "vitest";
import { holderOf, userNamespaceOf } from "./user-namespace.ts";

const ID = "c".repeat(64);

/** A process in a namespace of users of its own. @returns its pid. */
async function elsewhere(program: string, id: string): Promise<number> {
  const script = `exec -a ${program} sh -c 'read line' sh -n ${id}`;
  const child = spawn("unshare", ["--user", "--map-root-user", "bash", "-c", script], { stdio: "pipe" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const name = (): string => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").split("\0")[0] ?? "";
  await expect.poll(name).toBe(program);
  return child.pid ?? 0;
}

test.skipIf(process.getuid?.() !== 0)(
  "an engine goes where the monitors of its containers are, not where one that has their pid by now is (needs root)",
  async () => {
    const home = mkdtempSync(join(tmpdir(), "tsukube-users-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const paths = { name: "t", state: join(home, "state"), runtime: join(home, "tsukube", "t") };
    const bundle = join(paths.runtime, "engine/docker/bundles", ID);
    mkdirSync(bundle, { recursive: true });
    const goes = async (pid: number): Promise<boolean> => {
      writeFileSync(join(bundle, "conmon.pid"), String(pid));
      const { enter } = await userNamespaceOf(paths, realClock);
      const isThere = enter.includes(String(pid));
      if (!isThere) await holderOf(paths, realClock)();
      rmSync(join(paths.runtime, "user-namespace"), { force: true });
      return isThere;
    };
    expect(await goes(await elsewhere("/usr/bin/conmon", ID))).toBe(true);
    expect(await goes(await elsewhere("/usr/bin/conmon", "d".repeat(64)))).toBe(false);
    expect(await goes(await elsewhere("browser", ID))).toBe(false);
  },
);
