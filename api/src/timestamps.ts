import { TsukubeError } from "@tsukube/foundation";

/** Text that is no RFC 3339 time; the message is Go's. */
export class TimeError extends TsukubeError<"invalid-time"> {}

const SECONDS_LAYOUT = "2006-01-02T15:04:05Z07:00";
const MICRO_LAYOUT = "2006-01-02T15:04:05.000000Z07:00";
const CANONICAL = /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$/;

const CANONICAL_MICRO = new RegExp(CANONICAL.source.replace("Z$", "\\.[0-9]{6}Z$"));

/** Seconds since the epoch of Go's zero time, 0001-01-01T00:00:00Z. */
export const ZERO_TIME_SECONDS = -62135596800;

/** An instant: whole seconds since the epoch, and nanoseconds within the second. */
export interface Instant {
  readonly seconds: number;
  readonly nanos: number;
}

/** The form of metav1.Time: RFC 3339 in UTC with seconds; null for the zero time. @throws {TimeError} */
export function canonicalTime(text: string): string | null {
  if (CANONICAL.test(text) && !text.startsWith("0001-01-01T00:00:00")) return text;
  return formatSeconds(parseTime(text, false).seconds);
}

/** The form of metav1.MicroTime: with six decimals; the input must have them. @throws {TimeError} */
export function canonicalMicroTime(text: string): string | null {
  if (CANONICAL_MICRO.test(text) && !text.startsWith("0001-01-01T00:00:00")) return text;
  return formatMicro(parseTime(text, true));
}

/** RFC 3339 of seconds since the epoch, null for the zero time. */
export function formatSeconds(seconds: number): string | null {
  return seconds === ZERO_TIME_SECONDS ? null : `${iso(seconds)}Z`;
}

/** RFC 3339 with six decimals, null for the zero time. */
export function formatMicro(instant: Instant): string | null {
  if (instant.seconds === ZERO_TIME_SECONDS && instant.nanos === 0) return null;
  return `${iso(instant.seconds)}.${String(Math.floor(instant.nanos / 1000)).padStart(6, "0")}Z`;
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(/\.\d+Z$/, "");
}

const PIECES: readonly {
  readonly layout: string;
  readonly form: RegExp;
  readonly range?: readonly [string, number, number];
}[] = [
  { layout: "2006", form: /^\d{4}/ },
  { layout: "-", form: /^-/ },
  { layout: "01", form: /^\d{2}/, range: ["month", 1, 12] },
  { layout: "-", form: /^-/ },
  { layout: "02", form: /^\d{2}/, range: ["day", 1, 31] },
  { layout: "T", form: /^T/ },
  { layout: "15", form: /^\d{2}/, range: ["hour", 0, 23] },
  { layout: ":", form: /^:/ },
  { layout: "04", form: /^\d{2}/, range: ["minute", 0, 59] },
  { layout: ":", form: /^:/ },
  { layout: "05", form: /^\d{2}/, range: ["second", 0, 59] },
];

/** Parses RFC 3339 with any offset; `micro` wants exactly six decimals. @throws {TimeError} */
export function parseTime(text: string, micro: boolean): Instant {
  if (micro ? CANONICAL_MICRO.test(text) : CANONICAL.test(text))
    return {
      seconds: Date.parse(`${text.slice(0, 19)}Z`) / 1000,
      nanos: micro ? Number(text.slice(20, 26)) * 1000 : 0,
    };
  const layout = micro ? MICRO_LAYOUT : SECONDS_LAYOUT;
  const fail = (state: string): never => {
    throw new TimeError("invalid-time", `parsing time ${JSON.stringify(text)}${state}`);
  };
  const cannot = (rest: string, piece: string) =>
    fail(` as "${layout}": cannot parse ${JSON.stringify(rest)} as "${piece}"`);
  let rest = text;
  const numbers: number[] = [];
  for (const piece of PIECES) {
    const found = piece.form.exec(rest)?.[0];
    if (found === undefined) return cannot(rest, piece.layout);
    rest = rest.slice(found.length);
    if (/^\d/.test(found)) numbers.push(Number(found));
    if (piece.range !== undefined && (Number(found) < piece.range[1] || Number(found) > piece.range[2])) {
      return fail(`: ${piece.range[0]} out of range`);
    }
  }
  const fraction = (micro ? /^\.\d{6}(?!\d)/ : /^[.,]\d+/).exec(rest)?.[0] ?? "";
  if (micro && fraction === "") return cannot(rest, ".000000");
  rest = rest.slice(fraction.length);
  const zone = /^(?:Z|([+-])(\d{2}):(\d{2}))/.exec(rest);
  if (zone === null) return cannot(rest, "Z07:00");
  if (rest.length > zone[0].length) return fail(`: extra text: ${JSON.stringify(rest.slice(zone[0].length))}`);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = numbers;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  if (date.getUTCDate() !== day) return fail(": day out of range");
  const offset = (Number(zone[2] ?? 0) * 3600 + Number(zone[3] ?? 0) * 60) * (zone[1] === "-" ? -1 : 1);
  const nanos = Number(fraction.slice(1, 10).padEnd(9, "0"));
  return { seconds: date.getTime() / 1000 - offset, nanos };
}
