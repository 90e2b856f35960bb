import { ApiError, jsonEqual } from "@tsukube/api";
import type { CronJob, CronJobStatus, Job } from "@tsukube/api/types/batch-v1";
import type { ObjectReference } from "@tsukube/api/types/core-v1";
import {
  controllerOf,
  type EventType,
  type Informer,
  isControlledBy,
  type Key,
  keyOf,
  type Outcome,
  referenceTo,
  SETTLED,
  startController,
  type WorkQueue,
} from "@tsukube/client";
import { formatTime, messageOf } from "@tsukube/foundation";
import { type ControllerContext, CRON_JOBS, JOBS } from "../context.ts";
import { outcomeOf, uidOf } from "../job/job-state.ts";
import { untilWallClock } from "../job/wall-clock.ts";
import { jobFromTemplate } from "./job-from-template.ts";
import { type Plan, plan } from "./plan.ts";

/** Starts a Job at each time of a CronJob's schedule and keeps the last finished ones. */
export class CronJobController {
  readonly #context: ControllerContext;
  readonly #cronJobs: Informer<CronJob>;
  readonly #jobs: Informer<Job>;
  /** resourceVersion of our latest write of each CronJob, by uid. */
  readonly #written = new Map<string, number>();
  /** When the schedule of a CronJob was seen to change, by uid. */
  readonly #changed = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#cronJobs = context.informers.informer<CronJob>(CRON_JOBS);
    this.#jobs = context.informers.informer<Job>(JOBS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own("cronjob", startController({ name: "cronjob", clock, logger, queues, reconcile }));
    const owner = (job: Job): void => {
      const reference = controllerOf(job);
      if (reference?.kind === "CronJob") queue.add(`${job.metadata?.namespace}/${reference.name}`);
    };
    lifetime.add(
      "cron jobs",
      this.#cronJobs.onChange({
        added: (cronJob) => queue.add(keyOf(cronJob)),
        updated: (before, cronJob) => this.#updated(queue, before, cronJob),
        deleted: (cronJob) => this.#deleted(cronJob),
      }),
    );
    lifetime.add("jobs", this.#jobs.onChange({ added: owner, updated: (_, job) => owner(job), deleted: owner }));
  }

  /** What a new schedule would have asked for before was not missed. */
  #updated(queue: WorkQueue, before: CronJob, cronJob: CronJob): void {
    const { schedule, timeZone } = cronJob.spec;
    if (before.spec.schedule !== schedule || before.spec.timeZone !== timeZone)
      this.#changed.set(uidOf(cronJob), this.#context.clock.now());
    queue.add(keyOf(cronJob));
  }

  #deleted(cronJob: CronJob): void {
    this.#written.delete(uidOf(cronJob));
    this.#changed.delete(uidOf(cronJob));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const cronJob = this.#cronJobs.get(key);
    // a cache behind our own write does not know which Jobs are ours: the update that is under way wakes us
    if (cronJob === undefined || this.#isStale(cronJob)) return SETTLED;
    const candidates = this.#jobs.byIndex("namespace", cronJob.metadata?.namespace ?? "");
    const jobs = candidates.filter((job) => isControlledBy(job, cronJob));
    const missing = await this.#missing(cronJob, jobs);
    const changed = this.#changed.get(uidOf(cronJob)) ?? 0;
    const planned = plan({ cronJob, jobs, missing, changed, now: this.#context.clock.now() });
    for (const { type, reason, message } of planned.announcements) this.#event(cronJob, type, reason, message);
    const status = await this.#run(cronJob, planned);
    const pruned = await this.#prune(cronJob, planned.prune);
    await this.#write(cronJob, withoutActive(status, pruned));
    const { recheckAfterMs } = planned;
    return recheckAfterMs === undefined ? SETTLED : { recheckAfterMs: untilWallClock(recheckAfterMs) };
  }

  /** Active Jobs that the cache does not show may just be too new for it. */
  async #missing(cronJob: CronJob, jobs: readonly Job[]): Promise<ReadonlySet<string>> {
    const known = new Set(jobs.map(uidOf));
    const client = this.#context.client.resource<Job>(JOBS, cronJob.metadata?.namespace);
    const missing = new Set<string>();
    for (const { uid = "", name = "" } of cronJob.status?.active ?? []) {
      if (known.has(uid)) continue;
      const job = await client.get(name).catch((error: unknown) => {
        if (ApiError.is(error, "NotFound")) return undefined;
        throw error;
      });
      if (job?.metadata?.uid !== uid) missing.add(uid);
    }
    return missing;
  }

  /** Starts the run that is due. @returns the status afterwards. */
  async #run(cronJob: CronJob, { status, start, replace }: Plan): Promise<CronJobStatus> {
    if (start === undefined) return status;
    const replaced = new Set<string>();
    for (const reference of replace) {
      await this.#delete(cronJob, reference);
      replaced.add(reference.uid ?? "");
    }
    const { active = [] } = withoutActive(status, replaced);
    const job = await this.#create(cronJob, jobFromTemplate(cronJob, start));
    if (job === undefined) return withoutActive(status, replaced);
    const isListed = outcomeOf(job) !== undefined || active.some(({ uid }) => uid === job.metadata?.uid);
    const listed = isListed ? active : [...active, referenceTo(job, "batch/v1", "Job")];
    return { ...status, ...(listed.length > 0 && { active: listed }), lastScheduleTime: formatTime(start) };
  }

  /** @returns the Job of the run, which may have been started before; undefined where another has taken its name. */
  async #create(cronJob: CronJob, job: Job): Promise<Job | undefined> {
    const client = this.#context.client.resource<Job>(JOBS, cronJob.metadata?.namespace);
    try {
      const created = await client.create(job);
      this.#event(cronJob, "Normal", "SuccessfulCreate", `Created job ${created.metadata?.name}`);
      return created;
    } catch (error) {
      const present = ApiError.is(error, "AlreadyExists") ? await client.get(job.metadata?.name ?? "") : undefined;
      if (present !== undefined && isControlledBy(present, cronJob)) return present;
      this.#event(cronJob, "Warning", "FailedCreate", `Error creating job: ${messageOf(error)}`);
      if (present !== undefined) return undefined;
      throw error;
    }
  }

  async #prune(cronJob: CronJob, jobs: readonly Job[]): Promise<ReadonlySet<string>> {
    const pruned = new Set<string>();
    for (const job of jobs) {
      await this.#delete(cronJob, { name: job.metadata?.name ?? "", uid: uidOf(job) });
      pruned.add(uidOf(job));
    }
    return pruned;
  }

  async #delete(cronJob: CronJob, { name = "", uid = "" }: ObjectReference): Promise<void> {
    const client = this.#context.client.resource<Job>(JOBS, cronJob.metadata?.namespace);
    try {
      await client.delete(name, { propagationPolicy: "Background", preconditions: { uid } });
      this.#event(cronJob, "Normal", "SuccessfulDelete", `Deleted job ${name}`);
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return;
      this.#event(cronJob, "Warning", "FailedDelete", `Deleted job: ${messageOf(error)}`);
      throw error;
    }
  }

  async #write(cronJob: CronJob, status: CronJobStatus): Promise<void> {
    if (jsonEqual(cronJob.status ?? {}, status)) return;
    const written = await this.#context.client.resource<CronJob>(CRON_JOBS).updateStatus({ ...cronJob, status });
    this.#written.set(uidOf(cronJob), Number(written.metadata?.resourceVersion ?? 0));
  }

  #isStale(cronJob: CronJob): boolean {
    return Number(cronJob.metadata?.resourceVersion ?? 0) < (this.#written.get(uidOf(cronJob)) ?? 0);
  }

  #event(cronJob: CronJob, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(cronJob, "batch/v1", "CronJob"), type, reason, message);
  }
}

function withoutActive({ active = [], ...rest }: CronJobStatus, gone: ReadonlySet<string>): CronJobStatus {
  const left = active.filter(({ uid = "" }) => !gone.has(uid));
  return left.length === 0 ? rest : { ...rest, active: left };
}
