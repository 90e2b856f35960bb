import { parseDuration } from "@tsukube/api";
import { messageOf } from "@tsukube/foundation";
import { Cron } from "croner";
import { FIELDS, type Field, parseField, ScheduleError } from "./schedule-field.ts";

export { ScheduleError };

/** When something recurs. Times are in ms since the epoch, always whole seconds. */
export interface Schedule {
  /** The first time after `after`; undefined: never. */
  next(after: number): number | undefined;
  /** The last time after `after` that is not past `until`. */
  latest(after: number, until: number): number | undefined;
}

const DESCRIPTORS: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};
const EVERY = "@every ";

/**
 * Reads a CronJob's schedule in the dialect of robfig/cron: five fields, "@daily" and the like, "@every 1h30m". If neither
 * day of month nor day of week is "*", one of them is enough. Runs at each instant whose local time fits: a time that is
 * skipped when clocks go forward has no run, one that comes twice when they go back has two.
 * @param timeZone Of the tz database, such as "Europe/Berlin".
 * @throws {ScheduleError} `invalid-schedule`
 */
export function parseSchedule(text: string, timeZone = "UTC"): Schedule {
  const schedule = text.trim();
  if (schedule.startsWith(EVERY)) return every(schedule);
  const fields = (Object.hasOwn(DESCRIPTORS, schedule) ? DESCRIPTORS[schedule]! : schedule).split(/\s+/);
  if (schedule.startsWith("@") && fields.length !== FIELDS.length) throw new ScheduleError(text, "no such descriptor");
  if (fields.length !== FIELDS.length) throw new ScheduleError(text, `${fields.length} fields, expected 5`);
  return calendar(
    fields.map((field, index) => parseField(field, FIELDS[index]!, text)),
    timeZone,
  );
}

/** True for a time zone that schedules can use. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function every(text: string): Schedule {
  const step = Math.max(1000, Math.floor(durationOf(text) / 1000) * 1000);
  return {
    next: (after) => Math.floor(after / 1000) * 1000 + step,
    latest(after, until) {
      const from = Math.floor(after / 1000) * 1000;
      const count = Math.floor((until - from) / step);
      return count < 1 ? undefined : from + count * step;
    },
  };
}

function durationOf(text: string): number {
  try {
    return Number(parseDuration(text.slice(EVERY.length).trim()) / 1_000_000n);
  } catch (error) {
    throw new ScheduleError(text, messageOf(error));
  }
}

function calendar(fields: readonly Field[], timezone: string): Schedule {
  const cron = new Cron(fields.map(patternOf).join(" "), { timezone, mode: "5-part", paused: true });
  const next = (after: number): number | undefined => cron.nextRun(new Date(after))?.getTime();
  return {
    next,
    latest(after, until) {
      if ((next(after) ?? Number.POSITIVE_INFINITY) > until) return undefined;
      // one run is after `low` and none after `high`; years of minutes take 30 steps
      let [low, high] = [after, until];
      while (high - low > 1000) {
        const middle = Math.floor((low + high) / 2);
        if ((next(middle) ?? Number.POSITIVE_INFINITY) <= until) low = middle;
        else high = middle;
      }
      return next(low);
    },
  };
}

/** Croner gives single times another meaning when clocks change, unless they are written as ranges with a step. */
function patternOf({ values, isAny }: Field): string {
  return isAny ? "*" : values.map((value) => `${value}-${value}/1`).join(",");
}
