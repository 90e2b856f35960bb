import type { CronJob, CronJobStatus, Job } from "@tsukube/api/types/batch-v1";
import type { ObjectReference } from "@tsukube/api/types/core-v1";
import type { EventType } from "@tsukube/client";
import { outcomeOf, uidOf } from "../job/job-state.ts";
import { jobNameAt } from "./job-from-template.ts";
import { isTimeZone, parseSchedule, type Schedule, ScheduleError } from "./schedule.ts";

/** More missed runs than this are worth a warning; the last of them is made up for in any case. */
const MANY = 100;

/** What a reconciliation goes by. */
export interface Observed {
  readonly cronJob: CronJob;
  /** Those that the CronJob controls. */
  readonly jobs: readonly Job[];
  /** uids in `status.active` of Jobs that the server does not know any more. */
  readonly missing: ReadonlySet<string>;
  /** When the schedule changed, in ms since the epoch: before, it asked for nothing. 0 if that is not known. */
  readonly changed: number;
  /** ms since the epoch. */
  readonly now: number;
}

interface Announcement {
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
}

export interface Plan {
  /** What the Jobs say, before anything is started or removed. */
  readonly status: CronJobStatus;
  /** The time of the run that shall start now. */
  readonly start: number | undefined;
  /** Jobs that run and give way to it. */
  readonly replace: readonly ObjectReference[];
  /** Finished Jobs beyond the history limits. */
  readonly prune: readonly Job[];
  readonly announcements: readonly Announcement[];
  /** Until the next run. */
  readonly recheckAfterMs: number | undefined;
}

/** Pure: what a CronJob asks for now. */
export function plan(observed: Observed): Plan {
  const { cronJob, jobs } = observed;
  const { status, announcements } = statusOf(observed);
  const run = cronJob.metadata?.deletionTimestamp === undefined ? nextRun(observed, status) : NO_RUN;
  return {
    status,
    replace: [],
    start: undefined,
    recheckAfterMs: undefined,
    ...run,
    prune: pruned(cronJob, jobs),
    announcements: [...announcements, ...(run.announcements ?? [])],
  };
}

type Run = Partial<Pick<Plan, "start" | "replace" | "announcements" | "recheckAfterMs">>;
const NO_RUN: Run = {};

/** Ended Jobs leave the list of active ones, and so do lost ones. */
function statusOf({ cronJob, jobs, missing }: Observed): Pick<Plan, "status" | "announcements"> {
  const announcements: Announcement[] = [];
  const before = cronJob.status ?? {};
  const listed = new Set((before.active ?? []).map(({ uid = "" }) => uid));
  const ended = new Set<string>();
  let { lastSuccessfulTime } = before;
  for (const job of jobs) {
    const outcome = outcomeOf(job);
    const { name } = job.metadata ?? {};
    if (outcome === undefined) {
      const message = `Saw a job that the controller did not create or forgot: ${name}`;
      if (!listed.has(uidOf(job))) announcements.push({ type: "Warning", reason: "UnexpectedJob", message });
      continue;
    }
    ended.add(uidOf(job));
    const message = `Saw completed job: ${name}, condition: ${outcome}`;
    if (listed.has(uidOf(job))) announcements.push({ type: "Normal", reason: "SawCompletedJob", message });
    if (outcome === "Complete") lastSuccessfulTime = later(lastSuccessfulTime, job.status?.completionTime);
  }
  const active = (before.active ?? []).filter(({ uid = "", name }) => {
    const message = `Active job went missing: ${name}`;
    if (missing.has(uid)) announcements.push({ type: "Normal", reason: "MissingJob", message });
    return !ended.has(uid) && !missing.has(uid);
  });
  return { status: statusWith(before, active, lastSuccessfulTime), announcements };
}

function statusWith(
  { active: _active, ...rest }: CronJobStatus,
  active: readonly ObjectReference[],
  lastSuccessfulTime: string | undefined,
): CronJobStatus {
  return {
    ...rest,
    ...(active.length > 0 && { active }),
    ...(lastSuccessfulTime !== undefined && { lastSuccessfulTime }),
  };
}

function later(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Date.parse(b) > Date.parse(a) ? b : a;
}

function nextRun(observed: Observed, status: CronJobStatus): Run {
  const { cronJob, now } = observed;
  const { schedule, timeZone, suspend } = cronJob.spec;
  if (timeZone !== undefined && !isTimeZone(timeZone))
    return warning("UnknownTimeZone", `invalid timeZone: "${timeZone}"`);
  if (suspend === true) return NO_RUN;
  try {
    const parsed = parseSchedule(schedule, timeZone);
    const since = sinceOf(observed);
    const latest = parsed.latest(since, now);
    const next = parsed.next(latest ?? since);
    if (next === undefined && latest === undefined)
      return warning(
        "InvalidSchedule",
        `invalid schedule: ${schedule} : time difference between two schedules is less than 1 second`,
      );
    const wait = next === undefined ? {} : { recheckAfterMs: Math.max(1, next - now) };
    return latest === undefined ? wait : { ...due(observed, status, parsed, latest), ...wait };
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error;
    return warning("UnparseableSchedule", `unparseable schedule: "${schedule}" : ${error.message}`);
  }
}

/** Runs count from the last one that is known, or from the CronJob's creation. */
function sinceOf({ cronJob: { metadata, status }, changed }: Observed): number {
  return Math.max(changed, Date.parse(status?.lastScheduleTime ?? metadata?.creationTimestamp ?? "") || 0);
}

/** What becomes of the run at `time`, the latest that is due. */
function due(observed: Observed, { active = [] }: CronJobStatus, schedule: Schedule, time: number): Run {
  const { cronJob, now } = observed;
  const { concurrencyPolicy, startingDeadlineSeconds } = cronJob.spec;
  const earliest = startingDeadlineSeconds === undefined ? 0 : now - startingDeadlineSeconds * 1000;
  if (time < earliest) {
    const when = new Date(time).toUTCString().replace("GMT", "+0000");
    return warning("MissSchedule", `Missed scheduled time to start a job: ${when}`);
  }
  if (active.some(({ name }) => name === jobNameAt(cronJob, time))) return NO_RUN;
  const missed = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
  const announcements = isMany(schedule, Math.max(sinceOf(observed), earliest), now)
    ? [{ type: "Warning", reason: "TooManyMissedTimes", message: missed } as const]
    : [];
  if (concurrencyPolicy === "Forbid" && active.length > 0) {
    const message = "Not starting job because prior execution is running and concurrency policy is Forbid";
    return { announcements: [...announcements, { type: "Normal", reason: "JobAlreadyActive", message }] };
  }
  return { start: time, replace: concurrencyPolicy === "Replace" ? active : [], announcements };
}

function isMany(schedule: Schedule, since: number, now: number): boolean {
  let time: number | undefined = since;
  for (let count = 0; count <= MANY; count += 1) {
    time = schedule.next(time);
    if (time === undefined || time > now) return false;
  }
  return true;
}

function warning(reason: string, message: string): Run {
  return { announcements: [{ type: "Warning", reason, message }] };
}

/** Of each outcome the latest are kept; those that started first go first. */
function pruned({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const beyond = (outcome: "Complete" | "Failed", limit: number | undefined): readonly Job[] => {
    const finished = jobs.filter((job) => outcomeOf(job) === outcome && job.metadata?.deletionTimestamp === undefined);
    if (limit === undefined || finished.length <= limit) return [];
    return finished.sort((a, b) => (startOf(a) < startOf(b) ? -1 : 1)).slice(0, finished.length - limit);
  };
  return [...beyond("Complete", spec.successfulJobsHistoryLimit), ...beyond("Failed", spec.failedJobsHistoryLimit)];
}

/** Sorts by start, then name; those without a start last. */
function startOf({ metadata, status }: Job): string {
  return `${status?.startTime ?? "~"} ${metadata?.name}`;
}
