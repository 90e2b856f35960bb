import { Lifetime } from "@tsukube/foundation";
import { run } from "@tsukube/host";
import { afterAll, describe, expect, test } from "vitest";
import { Tsukube } from "./tsukube.ts";

const NAME = "e2e-first-process";

/** Process 1 as many containers have it: it starts a shell, and reaps no other processes that become its children. */
const FIRST_PROCESS = `
const { spawn } = require("node:child_process");
spawn("sh", ["-c", process.argv[1]], { stdio: "inherit" }).on("exit", (code) => process.exit(code ?? 1));
`;

const SCRIPT = `
set -e
tsukube="$0 --name ${NAME}"
$tsukube engine --background >/dev/null
$tsukube run -d --name busy tsukube.local/busybox sleep 1000 >/dev/null
$tsukube exec busy nope 2>/dev/null || echo "exec: $?"
timeout 15 $tsukube rm -f busy
timeout 15 $tsukube down --purge >/dev/null 2>&1
echo down
`;

describe.skipIf(process.getuid?.() !== 0)("a first process that reaps nobody (needs root)", () => {
  const lifetime = new Lifetime();
  afterAll(() => lifetime.close());

  test("keeps no container from ending after a command in it could not start", async () => {
    const { env, path } = new Tsukube(lifetime, NAME);
    const alone = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"];
    const script = SCRIPT.replace("$0", path);
    const { stdout } = await run("unshare", [...alone, process.execPath, "-e", FIRST_PROCESS, script], { env });
    expect(stdout.trim().split("\n")).toEqual(["exec: 127", "busy", "down"]);
  }, 60_000);
});
