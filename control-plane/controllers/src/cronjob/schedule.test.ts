import fc from "fast-check";
import { expect, test } from "vitest";
import { isTimeZone, parseSchedule, type Schedule, ScheduleError } from "./schedule.ts";

const NEW_YORK = "America/New_York";

function runs(schedule: Schedule, from: string, count: number): readonly string[] {
  const found: string[] = [];
  for (let time = schedule.next(Date.parse(from)); time !== undefined; time = schedule.next(time)) {
    found.push(new Date(time).toISOString().replace(".000Z", "Z"));
    if (found.length === count) break;
  }
  return found;
}

test.each([
  ["* * * * *", "2025-01-01T00:00:00Z", "2025-01-01T00:01:00Z"],
  ["*/15 * * * *", "2025-01-01T00:01:00Z", "2025-01-01T00:15:00Z"],
  ["50/5 * * * *", "2025-01-01T00:51:00Z", "2025-01-01T00:55:00Z"],
  ["50/5 * * * *", "2025-01-01T00:56:00Z", "2025-01-01T01:50:00Z"],
  ["0 6-16/4 * * 1-5", "2025-01-03T15:00:00Z", "2025-01-06T06:00:00Z"],
  ["30 9 ? JAN,jul MON", "2025-01-28T00:00:00Z", "2025-07-07T09:30:00Z"],
  ["0 0 1,15 * *", "2025-01-02T00:00:00Z", "2025-01-15T00:00:00Z"],
  ["0 0 29 2 *", "2025-01-01T00:00:00Z", "2028-02-29T00:00:00Z"],
  ["@yearly", "2025-06-01T00:00:00Z", "2026-01-01T00:00:00Z"],
  ["@monthly", "2025-06-02T00:00:00Z", "2025-07-01T00:00:00Z"],
  ["@weekly", "2025-01-01T00:00:00Z", "2025-01-05T00:00:00Z"],
  ["@daily", "2025-01-01T00:00:00Z", "2025-01-02T00:00:00Z"],
  ["@hourly", "2025-01-01T00:59:59Z", "2025-01-01T01:00:00Z"],
  ["@every 1h30m", "2025-01-01T00:00:10Z", "2025-01-01T01:30:10Z"],
  ["@every 10ms", "2025-01-01T00:00:10.5Z", "2025-01-01T00:00:11Z"],
])("%s after %s is %s", (text, from, next) => {
  expect(runs(parseSchedule(text), from, 1)).toEqual([next]);
});

test("either day is enough when both are restricted, else both must fit", () => {
  const days = (text: string) => runs(parseSchedule(text), "2025-01-01T00:00:00Z", 3).map((run) => run.slice(0, 10));
  expect(days("0 0 10 * FRI")).toEqual(["2025-01-03", "2025-01-10", "2025-01-17"]);
  expect(days("0 0 10 * ?")).toEqual(["2025-01-10", "2025-02-10", "2025-03-10"]);
  expect(days("0 0 * * FRI")).toEqual(["2025-01-03", "2025-01-10", "2025-01-17"]);
  // a step restricts, as in robfig/cron
  expect(days("0 0 */15 * FRI")).toEqual(["2025-01-03", "2025-01-10", "2025-01-16"]);
});

test("a time that clocks skip in spring has no run", () => {
  expect(runs(parseSchedule("0 2 * * *", NEW_YORK), "2012-03-11T05:00:00Z", 1)).toEqual(["2012-03-12T06:00:00Z"]);
  expect(runs(parseSchedule("30 2 11 Mar ?", NEW_YORK), "2012-03-11T05:00:00Z", 1)).toEqual(["2013-03-11T06:30:00Z"]);
  expect(runs(parseSchedule("0 * * * *", NEW_YORK), "2012-03-11T05:00:00Z", 3)).toEqual([
    "2012-03-11T06:00:00Z",
    "2012-03-11T07:00:00Z",
    "2012-03-11T08:00:00Z",
  ]);
});

test("a time that comes twice in autumn has two runs", () => {
  expect(runs(parseSchedule("0 1 * * *", NEW_YORK), "2012-11-04T04:00:00Z", 3)).toEqual([
    "2012-11-04T05:00:00Z",
    "2012-11-04T06:00:00Z",
    "2012-11-05T06:00:00Z",
  ]);
});

test("half-hour shifts and midnights that do not exist", () => {
  expect(runs(parseSchedule("30 1 * * *", "Australia/Lord_Howe"), "2024-04-06T13:00:00Z", 2)).toEqual([
    "2024-04-06T14:30:00Z",
    "2024-04-06T15:00:00Z",
  ]);
  expect(runs(parseSchedule("0 0 * * *", "America/Sao_Paulo"), "2018-11-03T12:00:00Z", 1)).toEqual([
    "2018-11-05T02:00:00Z",
  ]);
});

test.each([
  "",
  "* * * *",
  "* * * * * *",
  "60 * * * *",
  "* 24 * * *",
  "* * 0 * *",
  "* * * 13 *",
  "* * * * 7",
  "5-1 * * * *",
  "*/0 * * * *",
  "1-2-3 * * * *",
  "-1 * * * *",
  "* * L * *",
  "* * 15W * *",
  "* * * * FRI#2",
  "* * * * FRIDAY",
  "1.5 * * * *",
  ",1 * * * *",
  "@reboot",
  "@every",
  "@every 5",
  "@every soon",
  "TZ=UTC * * * * *",
  "constructor",
])("%j is no schedule", (text) => {
  expect(() => parseSchedule(text)).toThrow(ScheduleError);
});

test("a date that does not exist never comes", () => {
  expect(parseSchedule("0 0 31 2 *").next(Date.UTC(2025, 0))).toBeUndefined();
  expect(parseSchedule("0 0 31 2 *").latest(Date.UTC(2025, 0), Date.UTC(2026, 0))).toBeUndefined();
});

test("the latest run is found however long ago it was, and however many there were", () => {
  const latest = (text: string, from: string, until: string) => {
    const time = parseSchedule(text).latest(Date.parse(from), Date.parse(until));
    return time === undefined ? undefined : new Date(time).toISOString();
  };
  expect(latest("0,1 0 1 1 *", "2024-06-01T00:00:00Z", "2025-12-31T00:00:00Z")).toBe("2025-01-01T00:01:00.000Z");
  expect(latest("* * * * *", "2005-01-01T00:00:00Z", "2025-01-01T00:00:30Z")).toBe("2025-01-01T00:00:00.000Z");
  expect(latest("0 * * * *", "2025-01-01T00:00:00Z", "2025-01-01T00:59:59Z")).toBeUndefined();
  expect(latest("0 * * * *", "2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z")).toBe("2025-01-01T01:00:00.000Z");
  expect(latest("@every 7m", "2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z")).toBe("2025-01-01T00:56:00.000Z");
  expect(latest("@every 7m", "2025-01-01T00:00:00Z", "2025-01-01T00:06:59Z")).toBeUndefined();
});

test("time zones are those of the tz database", () => {
  expect(["Europe/Berlin", "Etc/UTC", "UTC"].every(isTimeZone)).toBe(true);
  expect(["Mars/Olympus", "", "+25:00"].some(isTimeZone)).toBe(false);
});

const ZONES = ["UTC", NEW_YORK, "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Casablanca"];
/** Near changes of clocks. */
const STARTS = ["2012-03-10T12:00:00Z", "2012-11-03T12:00:00Z", "2018-11-03T12:00:00Z", "2024-04-06T06:00:00Z"];

function fieldOf(first: number, last: number): fc.Arbitrary<string> {
  const value = fc.integer({ min: first, max: last });
  const range = fc.tuple(value, value).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
  const body = fc.oneof(fc.constant("*"), fc.constant("?"), value.map(String), range);
  const step = fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined });
  const one = fc.tuple(body, step).map(([text, by]) => (by === undefined ? text : `${text}/${by}`));
  return fc.array(one, { minLength: 1, maxLength: 3 }).map((parts) => parts.join(","));
}

const FIELDS = fc.tuple(fieldOf(0, 59), fieldOf(0, 23), fieldOf(1, 31), fieldOf(1, 12), fieldOf(0, 6));

/** Says for itself whether a local time fits: another reading of the dialect, one value at a time. */
function fits(fields: readonly string[], local: readonly number[]): boolean {
  const limits = [59, 23, 31, 12, 6];
  const parts = fields.map((field) => field.split(",").map((part) => part.split("/")));
  const isAny = parts.map((list) => list.some(([body = "", step = "1"]) => "*?".includes(body) && step === "1"));
  const holds = parts.map((list, index) =>
    list.some(([body = "", step]) => {
      const [low, high] = body.split("-");
      const any = "*?".includes(body);
      const from = any ? (index === 2 || index === 3 ? 1 : 0) : Number(low);
      const to = any ? limits[index]! : Number(high ?? (step === undefined ? low : limits[index]));
      const value = local[index]!;
      return value >= from && value <= to && (value - from) % Number(step ?? 1) === 0;
    }),
  );
  const days = isAny[2] || isAny[4] ? holds[2] && holds[4] : holds[2] || holds[4];
  return [holds[0], holds[1], holds[3], days].every(Boolean);
}

function localTime(format: Intl.DateTimeFormat, time: number): readonly number[] {
  const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
  const [year, month, day] = [Number(parts["year"]), Number(parts["month"]), Number(parts["day"])];
  const weekday = new Date(Date.UTC(year, month - 1, day)).getUTCDay();
  return [Number(parts["minute"]), Number(parts["hour"]), day, month, weekday];
}

test("the next run is the first minute whose local time fits, and the latest run the last", () => {
  const check = (fields: readonly string[], timeZone: string, start: string): void => {
    const schedule = parseSchedule(fields.join(" "), timeZone);
    const from = Date.parse(start);
    const until = from + 26 * 3_600_000;
    const options = { year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric" } as const;
    const format = new Intl.DateTimeFormat("en", { ...options, timeZone, hourCycle: "h23" });
    const expected: number[] = [];
    for (let time = from + 60_000; time <= until; time += 60_000)
      if (fits(fields, localTime(format, time))) expected.push(time);
    const found: number[] = [];
    for (let time = schedule.next(from); time !== undefined && time <= until; time = schedule.next(time))
      found.push(time);
    expect(found).toEqual(expected);
    expect(schedule.latest(from, until)).toBe(expected.at(-1));
  };
  fc.assert(fc.property(FIELDS, fc.constantFrom(...ZONES), fc.constantFrom(...STARTS), check), { numRuns: 50 });
});

test("any text is read or refused with the text in the message", () => {
  const piece = fc.oneof(
    fc.constantFrom(..."0123456789*?/-,@ LW#".split("")),
    fc.constantFrom("JAN", "sun", "@every ", "1h"),
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join("")),
  );
  const check = (some: string): void => {
    try {
      const next = parseSchedule(some).next(0);
      expect(next === undefined || next % 1000 === 0).toBe(true);
    } catch (error) {
      expect(error).toBeInstanceOf(ScheduleError);
      expect((error as Error).message).toContain(some.trim());
    }
  };
  fc.assert(fc.property(text, check), { numRuns: 2000 });
});
