import type { Difference } from "./compare.ts";
import { grouped } from "./groups.ts";

/** What a run found. */
export interface Findings {
  readonly scenarios: number;
  readonly requests: number;
  readonly unexplained: readonly Difference[];
  /** How many differences each reason explains. */
  readonly explained: ReadonlyMap<string, number>;
}

const SHOWN = 400;
/** How much is shown of what both sides begin with. */
const CONTEXT = 60;

/** A difference with its request: both sides from where they begin to differ. */
export function differenceText({ scenario, line, part, a, b }: Difference, names: readonly [string, string]): string {
  const start = Math.max(0, commonPrefix(a, b) - CONTEXT);
  const sides = [a, b].map((side, index) => `    ${names[index]}: ${excerpt(side, start)}\n`);
  return `${scenario}: ${line}\n  ${part}\n${sides.join("")}`;
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length += 1;
  return length;
}

function excerpt(text: string, start: number): string {
  const end = start + SHOWN;
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${text.length > end ? "…" : ""}`;
}

/** Differences by their sort with an example of each, reasons by how much they explain, and a line that says it all. */
export function reportText(findings: Findings, names: readonly [string, string]): string {
  const { scenarios, requests, unexplained, explained } = findings;
  const groups = grouped(unexplained).map(({ differences }) => {
    const [example] = differences;
    return example === undefined ? "" : `\n${differences.length} like this\n${differenceText(example, names)}`;
  });
  const reasons = [...explained].sort(([, a], [, b]) => b - a).map(([because, count]) => `${count}  ${because}`);
  const total = [...explained.values()].reduce((sum, count) => sum + count, 0);
  return [
    ...groups,
    ...(reasons.length > 0 ? ["\nexplained:\n", ...reasons.map((line) => `  ${line}\n`)] : []),
    `\n${requests} requests in ${scenarios} scenarios: ${unexplained.length} differences unexplained (${groups.length} sorts), ${total} explained by ${explained.size} reasons\n`,
  ].join("");
}
