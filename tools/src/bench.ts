import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { run } from "@tsukube/host";
import { type Figure, type Result, type Results, reportOf, shown, spreadOf } from "./bench-report.ts";
import { type Measured, SCENARIOS, type Scenario } from "./bench-scenarios.ts";

/**
 * `npm run bench [-- NAME...]`: each scenario several times; minimum, median and maximum. Figures of one run are compared with each other,
 * never with a limit of another machine. `--json FILE` writes every value; `--report` notes them in docs/performance.json, in place of what
 * was there of the same scenarios, and writes docs/performance.md. `--small` takes a look at `peers` with less to carry, which is not noted.
 */
const root = dirname(dirname(import.meta.dirname));
const STORED = join(root, "docs", "performance.json");
const REPORT = join(root, "docs", "performance.md");

const USAGE = `Usage: npm run bench -- [SCENARIO...] [--runs N] [--json FILE] [--report] [--small]

  --runs N     how often each scenario is run at most (default: 5)
  --json FILE  writes every value
  --report     notes the figures in docs/performance.md
  --small      peers with less to carry, a look that is not noted`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: {
      help: { type: "boolean", short: "h", default: false },
      json: { type: "string" },
      report: { type: "boolean" },
      runs: { type: "string", default: "5" },
      small: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  const known = Object.keys(SCENARIOS);
  if (values.help) {
    process.stdout.write(`${USAGE}\n\nScenarios: ${known.join(", ")}\n`);
    return;
  }
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0 || !/^[1-9]\d*$/.test(values.runs)) {
    process.stderr.write(
      `bench: no scenario ${unknown.join(", ")}, expected some of: ${known.join(", ")}; --runs of 1 or more\n`,
    );
    process.exitCode = 2;
    return;
  }
  if (values.small && values.report === true) {
    process.stderr.write("bench: cannot report what --small measures: expected the full sizes\n");
    process.exitCode = 2;
    return;
  }
  const results: Record<string, Result> = {};
  process.stdout.write(
    `${"scenario".padEnd(48)} ${"min".padStart(10)} ${"median".padStart(10)} ${"max".padStart(10)}  unit\n`,
  );
  for (const name of positionals.length > 0 ? positionals : known) {
    const scenario = SCENARIOS[name]!;
    const missing = scenario.needs === "root" && process.getuid?.() !== 0 ? "needs root" : scenario.missing?.();
    if (missing !== undefined) {
      process.stdout.write(`${name.padEnd(48)} skipped: ${missing}\n`);
      continue;
    }
    const runs = Math.min(Number(values.runs), scenario.runs ?? Number.MAX_SAFE_INTEGER);
    const figures = await repeat(name, scenario, runs, values.small);
    for (const figure of figures) print(name, figure);
    results[name] = { time: new Date().toISOString(), commit: await commit(), machine: machine(), figures };
  }
  process.stdout.write(`\n${machine()}. Sources: ${join("tools", "src", "bench-scenarios.ts")}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
  if (values.report === true) report(results);
}

async function repeat(name: string, scenario: Scenario, runs: number, isSmall: boolean): Promise<readonly Figure[]> {
  const figures = new Map<string, Omit<Measured, "value"> & { readonly values: number[] }>();
  for (let turn = 0; turn < runs; turn += 1) {
    process.stderr.write(`\r${name} ${turn + 1}/${runs}\u001b[K`);
    for (const { value, ...about } of await scenario.measure(root, isSmall)) {
      const figure = figures.get(about.what) ?? { ...about, values: [] };
      figure.values.push(value);
      figures.set(about.what, figure);
    }
  }
  process.stderr.write("\r\u001b[K");
  return [...figures.values()];
}

function print(name: string, { what, unit, values }: Figure): void {
  const { min, median, max } = spreadOf(values);
  const cells = [min, median, max].map((value) => shown(value).padStart(10)).join(" ");
  process.stdout.write(`${`${name} ${what}`.padEnd(48)} ${cells}  ${unit}\n`);
}

function report(results: Results): void {
  const before = existsSync(STORED) ? (JSON.parse(readFileSync(STORED, "utf8")) as Results) : {};
  const all = { ...before, ...results };
  const lines = Object.keys(SCENARIOS).flatMap((name) =>
    all[name] === undefined ? [] : [`  ${JSON.stringify(name)}: ${JSON.stringify(all[name])}`],
  );
  writeFileSync(STORED, `{\n${lines.join(",\n")}\n}\n`);
  writeFileSync(REPORT, reportOf(all, SCENARIOS));
}

async function commit(): Promise<string> {
  return (await run("git", ["rev-parse", "--short", "HEAD"], { cwd: root })).stdout.trim();
}

function machine(): string {
  const cpu = /model name\s*:\s*(.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? process.arch;
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} shared cores of ${cpu}, ${memory} GB, Node ${process.version}`;
}

await main();
