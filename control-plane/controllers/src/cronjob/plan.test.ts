import type { CronJob, CronJobSpec, CronJobStatus, Job } from "@tsukube/api/types/batch-v1";
import { expect, test } from "vitest";
import { jobFromTemplate, jobNameAt } from "./job-from-template.ts";
import { type Observed, type Plan, plan } from "./plan.ts";

const NOON = Date.parse("2025-01-01T12:00:00Z");
const NONE: ReadonlySet<string> = new Set();

function cronJob(spec: Partial<CronJobSpec> = {}, status: CronJobStatus = {}): CronJob {
  return {
    metadata: { name: "tick", namespace: "ns", uid: "c", creationTimestamp: "2025-01-01T11:30:00Z" },
    spec: { schedule: "0 * * * *", jobTemplate: { spec: { template: {} } }, ...spec },
    status,
  };
}

function job(name: string, outcome?: "Complete" | "Failed", startTime?: string, completionTime?: string): Job {
  const conditions = outcome === undefined ? [] : [{ type: outcome, status: "True" }];
  return {
    metadata: { name, uid: `uid-${name}` },
    status: {
      conditions,
      ...(startTime !== undefined && { startTime }),
      ...(completionTime !== undefined && { completionTime }),
    },
  };
}

const reference = (name: string) => ({ kind: "Job", name, uid: `uid-${name}` });
const observe = (some: CronJob, more: Partial<Observed> = {}): Plan =>
  plan({ cronJob: some, jobs: [], missing: NONE, changed: 0, now: NOON, ...more });
const reasons = ({ announcements }: Plan): unknown => announcements.map(({ reason }) => reason);

test("the run that is due starts, and the next is waited for", () => {
  expect(observe(cronJob())).toMatchObject({ start: NOON, recheckAfterMs: 3_600_000, announcements: [] });
  expect(observe(cronJob(), { now: NOON - 60_000 })).toMatchObject({ start: undefined, recheckAfterMs: 60_000 });
});

test("a run that was started is not started again", () => {
  const lastScheduleTime = "2025-01-01T12:00:00Z";
  const done = observe(cronJob({}, { lastScheduleTime }), { now: NOON + 1000 });
  expect(done).toMatchObject({ start: undefined, recheckAfterMs: 3_599_000 });
  const active = [reference(jobNameAt(cronJob(), NOON))];
  const jobs = [job(active[0]!.name)];
  expect(observe(cronJob({}, { active }), { jobs }).start).toBeUndefined();
});

test("of several missed runs only the last is made up for", () => {
  const late = observe(cronJob({}, { lastScheduleTime: "2025-01-01T08:00:00Z" }), { now: NOON + 60_000 });
  expect(late).toMatchObject({ start: NOON, announcements: [] });
});

test("more than 100 missed runs are worth a warning; a starting deadline limits how far back they count", () => {
  const long = { lastScheduleTime: "2024-12-01T00:00:00Z" };
  expect(reasons(observe(cronJob({}, long)))).toEqual(["TooManyMissedTimes"]);
  expect(observe(cronJob({}, long)).start).toBe(NOON);
  expect(reasons(observe(cronJob({ startingDeadlineSeconds: 3600 }, long)))).toEqual([]);
});

test("a run is too late after its starting deadline", () => {
  const spec = { startingDeadlineSeconds: 60 };
  expect(observe(cronJob(spec), { now: NOON + 60_000 }).start).toBe(NOON);
  const missed = observe(cronJob(spec), { now: NOON + 61_000 });
  expect(missed).toMatchObject({ start: undefined, recheckAfterMs: 3_539_000 });
  expect(missed.announcements).toEqual([
    {
      type: "Warning",
      reason: "MissSchedule",
      message: "Missed scheduled time to start a job: Wed, 01 Jan 2025 12:00:00 +0000",
    },
  ]);
});

test("a short starting deadline does not keep @every from running", () => {
  const spec = { schedule: "@every 30m", startingDeadlineSeconds: 10 };
  expect(observe(cronJob(spec)).start).toBe(NOON);
});

test("with Forbid a run waits for the one before, with Replace it takes its place, with Allow neither", () => {
  const [active, jobs] = [[reference("old")], [job("old")]];
  const forbidden = observe(cronJob({ concurrencyPolicy: "Forbid" }, { active }), { jobs });
  expect([forbidden.start, reasons(forbidden)]).toEqual([undefined, ["JobAlreadyActive"]]);
  const replacing = observe(cronJob({ concurrencyPolicy: "Replace" }, { active }), { jobs });
  expect([replacing.start, replacing.replace]).toEqual([NOON, active]);
  const allowed = observe(cronJob({ concurrencyPolicy: "Allow" }, { active }), { jobs });
  expect([allowed.start, allowed.replace]).toEqual([NOON, []]);
});

test("a job that has just ended does not forbid the next run", () => {
  const status = { active: [reference("old")] };
  const some = cronJob({ concurrencyPolicy: "Forbid" }, status);
  expect(observe(some, { jobs: [job("old", "Failed")] }).start).toBe(NOON);
});

test("a suspended, a deleted and an unreadable CronJob start nothing", () => {
  expect(observe(cronJob({ suspend: true }))).toMatchObject({ start: undefined, recheckAfterMs: undefined });
  const going = cronJob();
  const metadata = { ...going.metadata, deletionTimestamp: "2025-01-01T00:00:00Z" };
  expect(observe({ ...going, metadata })).toMatchObject({ start: undefined, recheckAfterMs: undefined });
  expect(reasons(observe(cronJob({ schedule: "61 * * * *" })))).toEqual(["UnparseableSchedule"]);
  const { announcements } = observe(cronJob({ schedule: "0 0 31 2 *" }));
  const message = "invalid schedule: 0 0 31 2 * : time difference between two schedules is less than 1 second";
  expect(announcements).toMatchObject([{ reason: "InvalidSchedule", message }]);
  expect(reasons(observe(cronJob({ timeZone: "Mars/Olympus" })))).toEqual(["UnknownTimeZone"]);
});

test("a changed schedule asks for nothing before the change", () => {
  const changed = NOON + 60_000;
  const moved = observe(cronJob(), { changed, now: changed });
  expect(moved).toMatchObject({ start: undefined, recheckAfterMs: 3_540_000 });
});

test("ended and lost jobs leave the active ones, and the last success is noted", () => {
  const active = ["a", "b", "c", "gone"].map(reference);
  const jobs = [
    job("a", "Complete", "2025-01-01T10:00:00Z", "2025-01-01T10:05:00Z"),
    job("b", "Failed"),
    job("c"),
    job("stray"),
  ];
  const suspended = cronJob({ suspend: true }, { active, lastSuccessfulTime: "2025-01-01T09:00:00Z" });
  const seen = observe(suspended, { jobs, missing: new Set(["uid-gone"]) });
  expect(seen.status).toEqual({ active: [reference("c")], lastSuccessfulTime: "2025-01-01T10:05:00Z" });
  expect(reasons(seen)).toEqual(["SawCompletedJob", "SawCompletedJob", "UnexpectedJob", "MissingJob"]);
});

test("the last success never goes back", () => {
  const jobs = [job("a", "Complete", "2025-01-01T07:00:00Z", "2025-01-01T08:00:00Z")];
  const status = { lastSuccessfulTime: "2025-01-01T09:00:00Z" };
  expect(observe(cronJob({ suspend: true }, status), { jobs }).status).toEqual(status);
});

test("finished jobs beyond the limits go, those that started first first", () => {
  const jobs = [
    job("late", "Complete", "2025-01-01T03:00:00Z"),
    job("early", "Complete", "2025-01-01T01:00:00Z"),
    job("failed", "Failed", "2025-01-01T02:00:00Z"),
    job("runs"),
  ];
  const pruned = (spec: Partial<CronJobSpec>): unknown =>
    observe(cronJob({ suspend: true, ...spec }), { jobs }).prune.map(({ metadata }) => metadata?.name);
  expect(pruned({ successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1 })).toEqual(["early"]);
  expect(pruned({ successfulJobsHistoryLimit: 0, failedJobsHistoryLimit: 0 })).toEqual(["early", "late", "failed"]);
  expect(pruned({})).toEqual([]);
});

test("a job is named and stamped after its run", () => {
  const metadata = { labels: { a: "b" }, annotations: { c: "d" } };
  const jobTemplate = { metadata, spec: { template: {} } };
  const made = jobFromTemplate(cronJob({ jobTemplate, timeZone: "America/St_Johns" }), NOON);
  expect(made.metadata).toMatchObject({
    name: `tick-${NOON / 60_000}`,
    namespace: "ns",
    labels: { a: "b" },
    annotations: { c: "d", "batch.kubernetes.io/cronjob-scheduled-timestamp": "2025-01-01T08:30:00-03:30" },
    ownerReferences: [{ kind: "CronJob", name: "tick", uid: "c", controller: true }],
  });
  expect(jobFromTemplate(cronJob(), NOON).metadata?.annotations).toEqual({
    "batch.kubernetes.io/cronjob-scheduled-timestamp": "2025-01-01T12:00:00Z",
  });
});
