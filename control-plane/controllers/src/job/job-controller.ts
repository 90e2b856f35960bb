import { ApiError, jsonEqual } from "@tsukube/api";
import type { Job, JobStatus } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import {
  type EventType,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  referenceTo,
  SETTLED,
  startController,
} from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, JOBS, PODS } from "../context.ts";
import { Expectations } from "../pods/expectations.ts";
import { ownedPods } from "../pods/owned-pods.ts";
import { claimPods } from "../pods/pod-claims.ts";
import { allSettled, slowStart } from "../pods/slow-start.ts";
import type { Observed } from "./census.ts";
import { JobMemory } from "./job-memory.ts";
import { podOf } from "./job-pod.ts";
import { isManagedElsewhere, outcomeOf, TRACKING_FINALIZER, uidOf } from "./job-state.ts";
import { OrphanPods } from "./orphan-pods.ts";
import { type Plan, plan } from "./plan.ts";
import { type Applied, conclude, heldPods, type Progress, progress } from "./progress.ts";
import { releaseFinalizer } from "./release-finalizer.ts";
import { untilWallClock } from "./wall-clock.ts";

/** Pods end in bursts: what they change is looked at together. Upstream waits for a second. */
const BATCH_MS = 100;

/** A quota or a policy that lets no pod be is not asked time and again, nor forgotten. */
const RETRY_WAITS = { firstMs: 1000, longestMs: 60_000 };

/** Runs the pods of each Job until enough have succeeded, or too many have failed; counts each pod exactly once. */
export class JobController {
  readonly #context: ControllerContext;
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: Expectations;
  readonly #memory = new JobMemory();
  readonly #orphans: OrphanPods;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#jobs = context.informers.informer<Job>(JOBS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#expectations = new Expectations(context.clock);
    this.#orphans = new OrphanPods(context);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "job",
      startController({ name: "job", clock, logger, queues, reconcile, retryWaits: RETRY_WAITS }),
    );
    const soon = (key: Key): void => queue.addAfter(key, BATCH_MS);
    const updated = (before: Job, job: Job): void => {
      if (before.metadata?.generation === job.metadata?.generation) soon(keyOf(job));
      else queue.add(keyOf(job));
    };
    const changes = {
      added: (job: Job) => queue.add(keyOf(job)),
      updated,
      deleted: (job: Job) => queue.add(keyOf(job)),
    };
    lifetime.add("jobs", this.#jobs.onChange(changes));
    const pods = ownedPods({
      kind: "Job",
      owners: this.#jobs,
      selectorOf: (job) => job.spec?.selector,
      expectations: this.#expectations,
      add: soon,
    });
    lifetime.add("pods", this.#pods.onChange(pods));
    this.#orphans.start();
  }

  async reconcile(key: Key): Promise<Outcome> {
    const job = this.#jobs.get(key);
    if (job === undefined || outcomeOf(job) !== undefined) {
      this.#memory.forget(key);
      this.#expectations.forget(key);
      return SETTLED; // what is left of its pods' finalizers is taken by OrphanPods
    }
    // a cache behind our own write would count pods again: the update that is under way wakes us
    if (isManagedElsewhere(job) || this.#memory.isStale(key, job)) return SETTLED;
    const observed = await this.#observe(key, job);
    const planned = plan(observed);
    const { applied, failure } = await this.#apply(key, job, planned);
    const failures = [failure, await this.#account(key, observed, planned, progress(observed, planned, applied))];
    for (const error of failures) if (error !== undefined) throw error;
    const { recheckAfterMs } = planned;
    return recheckAfterMs === undefined ? SETTLED : { recheckAfterMs: untilWallClock(recheckAfterMs) };
  }

  async #observe(key: Key, job: Job): Promise<Observed> {
    const { client, clock } = this.#context;
    // before the pods are read: one that shows up in between must not settle what they do not show
    const settled = this.#expectations.fulfilled(key);
    const candidates = this.#pods.byIndex("namespace", job.metadata?.namespace ?? "");
    const claimant = {
      owner: job,
      apiVersion: "batch/v1",
      kind: "Job",
      selector: job.spec?.selector,
      finalizer: TRACKING_FINALIZER,
    };
    const pods = await claimPods(client, claimant, candidates);
    const released = this.#memory.releasedAmong(key, job, pods);
    return { job, pods, released, settled, backoff: this.#memory.backoff(key, job, pods), now: clock.now() };
  }

  /** Carries out as much of the plan as works; what did not is told along with the failure. */
  async #apply(
    key: Key,
    job: Job,
    { create, remove, uncounted }: Plan,
  ): Promise<{ applied: Applied; failure: unknown }> {
    const removed: Pod[] = [];
    let created = 0;
    if (create.length + remove.length === 0) return { applied: { created, removed }, failure: undefined };
    this.#expectations.expect(key, create.length, remove.map(uidOf));
    try {
      await allSettled(
        remove.map(async (pod) => {
          await this.#remove(key, job, pod, uncounted);
          removed.push(pod);
        }),
      );
      const make = async (index: number): Promise<void> => {
        await this.#create(key, job, podOf(job, create[index]!));
        created += 1;
      };
      await slowStart(create.length, make, () => this.#expectations.created(key));
    } catch (failure) {
      return { applied: { created, removed }, failure };
    }
    return { applied: { created, removed }, failure: undefined };
  }

  async #create(key: Key, job: Job, pod: Pod): Promise<void> {
    try {
      const made = await this.#context.client.resource<Pod>(PODS, job.metadata?.namespace).create(pod);
      this.#event(job, "Normal", "SuccessfulCreate", `Created pod: ${made.metadata?.name}`);
    } catch (error) {
      this.#expectations.created(key);
      this.#event(job, "Warning", "FailedCreate", `Error creating: ${messageOf(error)}`);
      throw error;
    }
  }

  async #remove(key: Key, job: Job, pod: Pod, uncounted: boolean): Promise<void> {
    const { name = "", namespace } = pod.metadata ?? {};
    try {
      if (uncounted) await releaseFinalizer(this.#context.client, pod);
      await this.#context.client.resource<Pod>(PODS, namespace).delete(name, { preconditions: { uid: uidOf(pod) } });
      this.#event(job, "Normal", "SuccessfulDelete", `Deleted pod: ${name}`);
    } catch (error) {
      this.#expectations.deleted(key, uidOf(pod));
      if (ApiError.is(error, "NotFound")) return;
      this.#event(job, "Warning", "FailedDelete", `Error deleting: ${messageOf(error)}`);
      throw error;
    }
  }

  /** Writes the pods' uids down, frees them, then turns uids into numbers. @returns what kept pods from being freed. */
  async #account(key: Key, observed: Observed, planned: Plan, reached: Progress): Promise<unknown> {
    const { job, now } = observed;
    const listed = await this.#write(key, job, reached.status);
    this.#memory.setBackoff(key, job, planned.backoff);
    if (reached.turned === "Suspended") this.#event(job, "Normal", "Suspended", "Job suspended");
    if (reached.turned === "Resumed") this.#event(job, "Normal", "Resumed", "Job resumed");
    const held = heldPods(observed);
    const releases = reached.release.map(async (pod) => {
      await releaseFinalizer(this.#context.client, pod);
      this.#memory.released(key, job, uidOf(pod));
      held.delete(uidOf(pod));
    });
    const failure = await allSettled(releases).then(
      () => undefined,
      (error: unknown) => error,
    );
    const ended = await this.#write(key, listed, conclude(reached, held, now));
    this.#announce(ended);
    return failure;
  }

  async #write(key: Key, job: Job, status: JobStatus): Promise<Job> {
    if (jsonEqual(job.status ?? {}, status)) return job;
    const written = await this.#context.client.resource<Job>(JOBS).updateStatus({ ...job, status });
    this.#memory.wrote(key, written);
    return written;
  }

  #announce(job: Job): void {
    const outcome = outcomeOf(job);
    if (outcome === undefined) return;
    if (outcome === "Failed") {
      const { reason = "", message = "" } = job.status?.conditions?.find(({ type }) => type === "Failed") ?? {};
      this.#event(job, "Warning", reason, message);
      return;
    }
    if ((job.status?.succeeded ?? 0) > (job.spec?.completions ?? Number.POSITIVE_INFINITY)) {
      const message = "Too many succeeded pods running after completion count reached";
      this.#event(job, "Warning", "TooManySucceededPods", message);
    }
    this.#event(job, "Normal", "Completed", "Job completed");
  }

  #event(job: Job, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(job, "batch/v1", "Job"), type, reason, message);
  }
}
