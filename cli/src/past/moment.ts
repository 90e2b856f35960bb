import { TsukubeError } from "@tsukube/foundation";
import type { Past } from "@tsukube/store/past";

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "90s", "10m", "1h30m", "7d" in ms; undefined: none of these. */
export function durationOf(text: string): number | undefined {
  if (!/^(\d+[smhd])+$/.test(text)) return undefined;
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce(
    (sum, [, number, unit]) => sum + Number(number) * UNITS[unit!]!,
    0,
  );
}

/** NaN for what is no time. JavaScript takes nearly everything for one: "-5" would be in May. */
function timeOf(text: string): number {
  return /^\d{4}-\d\d-\d\d(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
}

/** The revision that people name: a number, "now", a time ("2026-01-31T12:00:00Z"), or how long ago ("10m"). @throws {TsukubeError} `usage`. */
export async function revisionNamed(past: Past, text: string, now: number): Promise<number> {
  if (/^\d+$/.test(text)) return Number(text);
  if (text === "now") return past.revision;
  const ago = durationOf(text);
  const time = ago === undefined ? timeOf(text) : now - ago;
  if (Number.isNaN(time)) {
    throw new TsukubeError(
      "usage",
      `Cannot look back to "${text}": expected a revision, a time such as 2026-01-31T12:00:00Z, or how long ago, such as 10m`,
    );
  }
  return past.revisionAt(time);
}
