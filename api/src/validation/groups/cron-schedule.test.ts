import { expect, test } from "vitest";
import { scheduleProblem } from "./cron-schedule.ts";

test.each([
  "* * * * *",
  "0 12 * * 1-5",
  "*/5 0,12 1 jan-mar ?",
  "@daily",
  "@every 1h30m",
  "TZ=Europe/Berlin 0 0 * * *",
  "CRON_TZ=UTC @hourly",
])("%s is a schedule", (schedule) => {
  expect(scheduleProblem(schedule)).toBeUndefined();
});

test.each([
  ["", "empty spec string"],
  ["* * *", "expected exactly 5 fields, found 3: [* * *]"],
  ["60 * * * *", "end of range (60) above maximum (59): 60"],
  ["* * 0 * *", "beginning of range (0) below minimum (1): 0"],
  ["5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"],
  ["*/0 * * * *", "step of range should be a positive number: */0"],
  ["1-2-3 * * * *", "too many hyphens: 1-2-3"],
  ["1/2/3 * * * *", "too many slashes: 1/2/3"],
  ["x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ["@never", "unrecognized descriptor: @never"],
  ["@every soon", 'failed to parse duration @every soon: time: invalid duration "soon"'],
  ["TZ=Mars/Base * * * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"],
])("%j is none: %s", (schedule, problem) => {
  expect(scheduleProblem(schedule)).toBe(problem);
});
