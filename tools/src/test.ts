import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "@tsukube/host";
import { prepareMachine } from "./prepare-machine.ts";
import { COMPONENT_TESTS, END_TO_END_TESTS, runTests, type Totals, UNIT_TESTS } from "./run-tests.ts";

/** `npm test`: the checks without tests, then unit, component and end-to-end tests; the last line counts them all. */
const root = dirname(dirname(import.meta.dirname));
const folder = mkdtempSync(join(tmpdir(), "tsukube-test-"));
const suites: readonly (readonly [string, readonly string[]])[] = [
  ["unit tests", UNIT_TESTS],
  ["component tests", COMPONENT_TESTS],
  ["end-to-end tests", END_TO_END_TESTS],
];

const say = (text: string): boolean => process.stdout.write(`\n== ${text}\n`);

say("static checks");
const checks = await run(process.execPath, [join(root, "tools/src/check.ts"), "--static"], { accept: [0, 1] });
process.stdout.write(checks.stdout + checks.stderr);
await prepareMachine();
let totals: Totals = { passed: checks.code === 0 ? 1 : 0, failed: checks.code, skipped: 0 };
for (const [index, [name, args]] of suites.entries()) {
  say(name);
  const { passed, failed, skipped } = await runTests(root, args, join(folder, `${index}.json`));
  totals = { passed: totals.passed + passed, failed: totals.failed + failed, skipped: totals.skipped + skipped };
}
rmSync(folder, { recursive: true });
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed${skipped}\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;
