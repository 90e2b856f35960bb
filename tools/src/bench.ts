import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { SCENARIOS } from "./bench-scenarios.ts";

/**
 * `npm run bench [-- NAME...]`: each scenario several times; minimum, median and maximum of time and of CPU time. Figures of
 * one run are compared with each other, never with a limit: machines differ.
 */
const RUNS = Number(process.env["TSUKUBE_BENCH_RUNS"] ?? 5);
const NEEDS_ROOT = ["pods", "idle"];
const root = dirname(dirname(import.meta.dirname));
const wanted = process.argv.slice(2);
const known = Object.keys(SCENARIOS);
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  process.stderr.write(`bench: no scenario ${unknown.join(", ")}, expected some of: ${known.join(", ")}\n`);
  process.exit(2);
}

process.stdout.write(
  `${"scenario".padEnd(34)} ${"min".padStart(10)} ${"median".padStart(10)} ${"max".padStart(10)}  unit\n`,
);
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  if (NEEDS_ROOT.includes(name) && process.getuid?.() !== 0) {
    process.stdout.write(`${name.padEnd(34)} skipped: needs root\n`);
    continue;
  }
  const results: Record<string, { unit: string; values: number[] }> = {};
  for (let run = 0; run < RUNS; run += 1) {
    process.stderr.write(`\r${name} ${run + 1}/${RUNS}\u001b[K`);
    for (const { what, value, unit } of await scenario(root))
      (results[what] ??= { unit, values: [] }).values.push(value);
  }
  process.stderr.write("\r\u001b[K");
  for (const [what, { unit, values }] of Object.entries(results)) {
    values.sort((a, b) => a - b);
    const shown = [values[0]!, values[values.length >> 1]!, values.at(-1)!].map((value) =>
      value.toFixed(value < 10 ? 2 : 0).padStart(10),
    );
    process.stdout.write(`${`${name} ${what}`.padEnd(34)} ${shown.join(" ")}  ${unit}\n`);
  }
}
const cpu = /model name\s*:\s*(.*)/.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? process.arch;
process.stdout.write(`\nNode ${process.version}, ${cpu}. Sources: ${join("tools", "src", "bench-scenarios.ts")}\n`);
