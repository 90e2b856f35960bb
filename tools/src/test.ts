import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "@tsukube/host";
import { prepareMachine } from "./prepare-machine.ts";
import { COMPONENT_TESTS, END_TO_END_TESTS, runTests, type Totals, UNIT_TESTS } from "./run-tests.ts";

/** `npm test`: the checks without tests, then unit, component and end-to-end tests; the last line counts them all. */
const root = dirname(dirname(import.meta.dirname));
const folder = mkdtempSync(join(tmpdir(), "tsukube-test-"));
const say = (text: string): boolean => process.stdout.write(`\n== ${text}\n`);

say("static checks");
const checks = await run(process.execPath, [join(root, "tools/src/check.ts"), "--static"], { accept: [0, 1] });
process.stdout.write(checks.stdout + checks.stderr);
await prepareMachine();
let totals: Totals = {
  passed: checks.code === 0 ? 1 : 0,
  failed: checks.code,
  skipped: 0,
  failures: checks.code === 0 ? [] : [`static checks\n${checks.stdout}${checks.stderr}`],
};
const add = (more: Totals): void => {
  totals = {
    passed: totals.passed + more.passed,
    failed: totals.failed + more.failed,
    skipped: totals.skipped + more.skipped,
    failures: [...totals.failures, ...more.failures],
  };
};

say("component tests, and unit tests meanwhile: these wait for nothing, those for disks and processes");
const unitOutput = join(folder, "unit.txt");
const units = runTests(root, UNIT_TESTS, join(folder, "unit.json"), unitOutput);
add(await runTests(root, COMPONENT_TESTS, join(folder, "component.json")));
add(await units);
say("unit tests");
process.stdout.write(readFileSync(unitOutput));
say("end-to-end tests");
add(await runTests(root, END_TO_END_TESTS, join(folder, "end-to-end.json")));
rmSync(folder, { recursive: true });
for (const failure of totals.failures) process.stdout.write(`\nFAILED ${failure}\n`);
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : "";
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed${skipped}\n`);
process.exitCode = totals.failed > 0 ? 1 : 0;
