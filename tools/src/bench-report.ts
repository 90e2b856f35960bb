import type { Scenario } from "./bench-scenarios.ts";

/** One figure over all runs of a scenario, in the order of the runs. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly goal?: string;
  readonly values: readonly number[];
}

/** What a scenario gave, and where and when. */
export interface Result {
  /** RFC 3339. */
  readonly time: string;
  readonly commit: string;
  readonly machine: string;
  readonly figures: readonly Figure[];
}

/** By the scenario's name. */
export type Results = Readonly<Record<string, Result>>;

export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { min: sorted[0] ?? 0, median: sorted[sorted.length >> 1] ?? 0, max: sorted.at(-1) ?? 0 };
}

/** Whether a value is as the goal says: "< 5", "<= 0.5", ">= 0.7". */
export function meets(goal: string, value: number): boolean {
  const [sign = "", limit = ""] = goal.split(" ");
  if (sign === "<") return value < Number(limit);
  if (sign === "<=") return value <= Number(limit);
  if (sign === ">=") return value >= Number(limit);
  throw new Error(`Cannot judge by goal "${goal}": expected such as "< 5" or ">= 0.7"`);
}

export function shown(value: number): string {
  return Math.abs(value) < 10 ? value.toFixed(2) : Math.round(value).toLocaleString("en-US");
}

/** The figures as docs/performance.md shows them. Scenarios that were never run are left out. */
export function reportOf(results: Results, scenarios: Readonly<Record<string, Scenario>>): string {
  const sections = Object.entries(scenarios).flatMap(([name, scenario]) => {
    const result = results[name];
    return result === undefined ? [] : [sectionOf(name, scenario, result)];
  });
  return `${[HEAD, ...sections].join("\n\n")}\n`;
}

const HEAD = `# Performance

Written by \`npm run bench -- --report\` from [performance.json](performance.json); run it again to see your machine's figures.

The machine of these figures is shared: other work ran beside. So compare ratios, which come from one run of both sides, and CPU
time; times alone are upper bounds. Each figure is minimum, median and maximum of its runs.`;

function sectionOf(name: string, { how, limit }: Scenario, { time, commit, machine, figures }: Result): string {
  const runs = Math.max(...figures.map(({ values }) => values.length));
  const rows = figures.map((figure) => {
    const { min, median, max } = spreadOf(figure.values);
    const cells = [figure.what, figure.unit, shown(min), shown(median), shown(max), verdict(figure.goal, median)];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    `## ${name}`,
    "",
    `${how}`,
    "",
    `Physical limit: ${limit}`,
    "",
    "| figure | unit | min | median | max | goal |",
    "|---|---|---:|---:|---:|---|",
    ...rows,
    "",
    `${runs === 1 ? "One run" : `${runs} runs`} on ${time.slice(0, 10)} at commit ${commit}: ${machine}.`,
  ].join("\n");
}

function verdict(goal: string | undefined, value: number): string {
  if (goal === undefined) return "";
  return `${goal}: ${meets(goal, value) ? "met" : "missed"}`;
}
