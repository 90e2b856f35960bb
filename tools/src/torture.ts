import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runTests } from "./run-tests.ts";

/**
 * `npm run torture`: the crash and damage tests of the store, and servers of each etcd that is found killed, paused and cut off under stores and under
 * two control planes, many more rounds than `npm test` affords. About two hours.
 */
process.env["TSUKUBE_CRASH_ROUNDS"] ??= "1000";
process.env["TSUKUBE_DAMAGE_SAMPLES"] ??= "2000"; // more than the file has pages
process.env["TSUKUBE_LINEARIZABILITY_SECONDS"] ??= "900";
const root = dirname(dirname(import.meta.dirname));
const folder = mkdtempSync(join(tmpdir(), "tsukube-torture-"));
const args = [
  "crash.root.test.ts",
  "damage.root.test.ts",
  "linearizability.root.test.ts",
  "etcd-cluster.test.ts",
  "--no-file-parallelism",
  "--testTimeout=14400000",
];
const { passed, failed } = await runTests(root, args, join(folder, "report.json"));
rmSync(folder, { recursive: true });
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
