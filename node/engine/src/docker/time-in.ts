import { TsukubeError } from "@tsukube/foundation";

/** What a timer of Node waits for at most: some three weeks. */
export const LONGEST_WAIT_MS = 2 ** 31 - 1;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds since the epoch for what clients send: seconds with a fraction, RFC 3339, or (with `now`) how long ago: "1h30m".
 * undefined for nothing and "0".
 */
export function timeIn(text: string | null | undefined, now?: number): number | undefined {
  if (text == null || text === "" || text === "0") return undefined;
  const ago = /^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text) ? text.matchAll(/([\d.]+)(ms|s|m|h)/g) : undefined;
  if (ago !== undefined && now !== undefined)
    return [...ago].reduce((at, [, amount, unit]) => at - Number(amount) * (UNITS[unit ?? ""] ?? 0), now);
  const at = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!Number.isNaN(at)) return at;
  throw new TsukubeError("invalid", `Cannot read the time "${text}": expected seconds since the epoch, or RFC 3339`);
}

/** The same in nanoseconds, of which clients that go on where they were send all. */
export function nanosecondsIn(text: string | null | undefined): bigint | undefined {
  const at = timeIn(text);
  if (at === undefined) return undefined;
  const [, fraction = ""] = /\.(\d+)/.exec(text ?? "") ?? [];
  return BigInt(Math.floor(at / 1000)) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}
