import type { Difference } from "./compare.ts";

/** Differences of one sort. */
export interface Group {
  /** What they have in common: kind of scenario, part, and the shape of both sides. */
  readonly shape: string;
  readonly differences: readonly Difference[];
}

/** Differences by their sort, the most frequent first. */
export function grouped(differences: readonly Difference[]): readonly Group[] {
  const groups = Map.groupBy(differences, shapeOf);
  return [...groups]
    .map(([shape, members]) => ({ shape, differences: members }))
    .sort((x, y) => y.differences.length - x.differences.length);
}

const SHAPE_LENGTH = 160;

function shapeOf({ scenario, part, a, b }: Difference): string {
  const family = scenario.replace(/ of .*/, "").replace(/^variant .*/, "variant");
  const side = (text: string) => general(text).slice(0, SHAPE_LENGTH);
  return `${family}: ${general(part)}\n    ${side(a)}\n    ${side(b)}`;
}

/** A text without what makes it one of many: names in quotes, numbers, places in lists. */
function general(text: string): string {
  return text
    .replace(/\\"/g, '"')
    .replace(/"[^"]*"/g, '"…"')
    .replace(/\d+/g, "N")
    .replace(
      /^(\.(?:paths|definitions|components\.schemas))\.[^ ]*?(\.(?:get|put|post|delete|patch|properties)\b|$)/,
      "$1.…$2",
    );
}
