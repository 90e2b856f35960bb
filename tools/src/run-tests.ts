import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Of each failure: the file, the test's full name and the first lines of what it says. */
  readonly failures: readonly string[];
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
  return totalsOf(root, report, code);
}

/** What vitest's JSON report says of one file. A file fails without a failed test when it does not load or a hook fails. */
interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly {
    readonly status: string;
    readonly fullName: string;
    readonly failureMessages: readonly string[];
  }[];
}

function totalsOf(root: string, report: string, code: number | null): Totals {
  let json: { numPassedTests: number; numPendingTests: number; testResults: FileReport[] };
  try {
    json = JSON.parse(readFileSync(report, "utf8"));
  } catch {
    return { passed: 0, failed: 1, skipped: 0, failures: ["vitest itself failed: its message is above"] };
  }
  const failures = json.testResults.flatMap((file) => failuresOf(root, file));
  if (failures.length === 0 && code !== 0) failures.push(`vitest ended with ${code}: its message is above`);
  return { passed: json.numPassedTests, failed: failures.length, skipped: json.numPendingTests, failures };
}

function failuresOf(root: string, file: FileReport): string[] {
  const path = relative(root, file.name);
  const tests = file.assertionResults
    .filter(({ status }) => status === "failed")
    .map(({ fullName, failureMessages }) => `${path} > ${fullName}\n${firstLines(failureMessages.join("\n"))}`);
  const besideTests = file.status === "failed" && tests.length === 0;
  return besideTests
    ? [`${path}: it does not load, or a hook failed\n${firstLines(file.message || "its message is above")}`]
    : tests;
}

function firstLines(text: string): string {
  const lines = text.trim().split("\n").slice(0, 12);
  return lines.map((line) => `  ${line.slice(0, 300)}`).join("\n");
}
