import { TsukubeError } from "@tsukube/foundation";

/** Text that is no duration; the message is Go's. */
export class DurationError extends TsukubeError<"invalid-duration"> {}

const UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const LIMIT = (1n << 63n) - 1n;
/** More digits than anybody has time for. */
const LONGEST = 1000;

/** Parses Go's duration text ("1h2m3.5s", "-100ms", "0") to nanoseconds. @throws {DurationError} */
export function parseDuration(text: string): bigint {
  const negative = text.startsWith("-");
  const body = text.replace(/^[-+]/, "");
  if (body === "0") return 0n;
  const quoted = JSON.stringify(text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);
  if (body === "" || body.length > LONGEST)
    throw new DurationError("invalid-duration", `time: invalid duration ${quoted}`);
  let total = 0n;
  let rest = body;
  while (rest !== "") {
    const match = /^([0-9]*)(?:\.([0-9]*))?([^0-9.]*)/.exec(rest);
    const [all = "", whole = "", fraction = "", unit = ""] = match ?? [];
    if (whole === "" && fraction === "")
      throw new DurationError("invalid-duration", `time: invalid duration ${quoted}`);
    if (unit === "") throw new DurationError("invalid-duration", `time: missing unit in duration ${quoted}`);
    const scale = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
    if (scale === undefined) {
      throw new DurationError("invalid-duration", `time: unknown unit ${JSON.stringify(unit)} in duration ${quoted}`);
    }
    total += BigInt(whole || "0") * scale + (BigInt(fraction || "0") * scale) / 10n ** BigInt(fraction.length);
    if (total > LIMIT) throw new DurationError("invalid-duration", `time: invalid duration ${quoted}`);
    rest = rest.slice(all.length);
  }
  return negative ? -total : total;
}

/** Go's text of nanoseconds: "1h2m3s", "1.5s", "100ms", "0s". */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const magnitude = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  if (magnitude < 1_000n) return `${sign}${magnitude}ns`;
  if (magnitude < 1_000_000n) return `${sign}${decimal(magnitude, 3)}µs`;
  if (magnitude < 1_000_000_000n) return `${sign}${decimal(magnitude, 6)}ms`;
  const minutes = magnitude / 60_000_000_000n;
  const seconds = `${decimal(magnitude % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  return minutes < 60n ? `${sign}${minutes}m${seconds}` : `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

/** `value` / 10^places without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, "0");
  const fraction = digits.slice(-places).replace(/0+$/, "");
  return fraction === "" ? digits.slice(0, -places) : `${digits.slice(0, -places)}.${fraction}`;
}

/** Milliseconds of Go's duration text, with fractions. @throws {DurationError} */
export function durationMs(text: string): number {
  return Number(parseDuration(text)) / 1e6;
}
