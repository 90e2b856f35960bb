import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Vitest's arguments for the tests that need neither root nor processes. Files share workers: loading modules anew takes longer than the tests. */
export const UNIT_TESTS: readonly string[] = ["--exclude", "**/*.root.test.ts", "--exclude", "e2e/**", "--no-isolate"];
/** Tests that start processes, build containers or need root, one file at a time: they share the machine's namespaces. */
export const COMPONENT_TESTS: readonly string[] = [".root.test.ts", "--exclude", "e2e/**", "--no-file-parallelism"];
export const END_TO_END_TESTS: readonly string[] = ["e2e/", "--no-file-parallelism"];

/**
 * Runs vitest with its report on the screen, or in the file `output`. @param report Where the JSON report goes.
 * @returns counts; a file that does not load counts as failed.
 */
export async function runTests(
  root: string,
  args: readonly string[],
  report: string,
  output?: string,
): Promise<Totals> {
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const fixed = [
    "run",
    "--root",
    root,
    "--passWithNoTests",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const screen = output === undefined ? "inherit" : openSync(output, "w");
  const child = spawn(process.execPath, [vitest, ...fixed, ...args], { stdio: ["ignore", screen, screen] });
  const [code] = (await once(child, "close")) as [number | null];
  if (screen !== "inherit") closeSync(screen);
  return totalsOf(report, code);
}

function totalsOf(report: string, code: number | null): Totals {
  let json: {
    numPassedTests: number;
    numFailedTests: number;
    numPendingTests: number;
    testResults: { status: string; assertionResults: unknown[] }[];
  };
  try {
    json = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { passed: 0, failed: 1, skipped: 0 }; // vitest itself failed: its message is on the screen
  }
  const notLoaded = json.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failed = json.numFailedTests + notLoaded;
  return {
    passed: json.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: json.numPendingTests,
  };
}
