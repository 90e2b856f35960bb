import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { peersFolder } from "./peers.ts";
import { runTests } from "./run-tests.ts";

/** `npm run torture`: the crash and damage tests of the store, and etcd servers that are killed, paused and cut off, many more rounds than `npm test` affords. About an hour. */
process.env["TSUKUBE_CRASH_ROUNDS"] ??= "1000";
process.env["TSUKUBE_DAMAGE_SAMPLES"] ??= "10000";
process.env["TSUKUBE_LINEARIZABILITY_SECONDS"] ??= "900";
// a newer etcd than Debian's, where `npm run peers` built one
const etcd = join(peersFolder(), "etcd");
if (existsSync(etcd)) process.env["TSUKUBE_ETCD"] ??= etcd;
const root = dirname(dirname(import.meta.dirname));
const folder = mkdtempSync(join(tmpdir(), "tsukube-torture-"));
const args = [
  "crash.root.test.ts",
  "damage.root.test.ts",
  "linearizability.root.test.ts",
  "--no-file-parallelism",
  "--testTimeout=14400000",
];
const { passed, failed } = await runTests(root, args, join(folder, "report.json"));
rmSync(folder, { recursive: true });
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
