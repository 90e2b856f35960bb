import { TsukubeError } from "@tsukube/foundation";

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
