import { ApiError } from "@tsukube/api";
import type { Job } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import {
  controllerOf,
  type Informer,
  isControlledBy,
  type Key,
  keyOf,
  type Outcome,
  SETTLED,
  startController,
} from "@tsukube/client";
import { type ControllerContext, JOBS, PODS } from "../context.ts";
import { isManagedElsewhere, isTracked, outcomeOf } from "./job-state.ts";
import { releaseFinalizer } from "./release-finalizer.ts";

/**
 * Frees pods that hold the tracking finalizer although no Job will count them: theirs is gone, has ended, or has let go of
 * them. Without it they could never be deleted.
 */
export class OrphanPods {
  readonly #context: ControllerContext;
  readonly #jobs: Informer<Job>;
  readonly #pods: Informer<Pod>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#jobs = context.informers.informer<Job>(JOBS);
    this.#pods = context.informers.informer<Pod>(PODS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const running = lifetime.own(
      "job orphans",
      startController({ name: "job-orphans", queueName: "job_orphan_pod", clock, logger, queues, reconcile }),
    );
    const look = (pod: Pod): void => {
      if (isTracked(pod) && this.#mayBeOrphan(pod)) running.queue.add(keyOf(pod));
    };
    const lookAtAll = (job: Job): void => {
      for (const pod of this.#pods.byIndex("namespace", job.metadata?.namespace ?? ""))
        if (isControlledBy(pod, job)) look(pod);
    };
    lifetime.add("orphan pods", this.#pods.onChange({ added: look, updated: (_, pod) => look(pod) }));
    lifetime.add(
      "jobs of orphans",
      this.#jobs.onChange({
        updated: (_, job) => {
          if (outcomeOf(job) !== undefined) lookAtAll(job);
        },
        deleted: lookAtAll,
      }),
    );
  }

  async reconcile(key: Key): Promise<Outcome> {
    const pod = this.#pods.get(key);
    if (pod === undefined || !isTracked(pod) || !this.#mayBeOrphan(pod)) return SETTLED;
    if (await this.#isOwned(pod)) return SETTLED;
    await releaseFinalizer(this.#context.client, pod);
    return SETTLED;
  }

  /** As far as the cache knows, which may not know a new Job yet. */
  #mayBeOrphan(pod: Pod): boolean {
    const owner = controllerOf(pod);
    if (owner === undefined) return true;
    if (owner.kind !== "Job" || !owner.apiVersion.startsWith("batch/")) return false;
    const job = this.#jobs.get(`${pod.metadata?.namespace}/${owner.name}`);
    return job === undefined || job.metadata?.uid !== owner.uid || isDone(job);
  }

  async #isOwned(pod: Pod): Promise<boolean> {
    const owner = controllerOf(pod);
    if (owner === undefined) return false;
    try {
      const job = await this.#context.client.resource<Job>(JOBS, pod.metadata?.namespace).get(owner.name);
      return job.metadata?.uid === owner.uid && !isDone(job);
    } catch (error) {
      if (ApiError.is(error, "NotFound")) return false;
      throw error;
    }
  }
}

/** Nobody counts its pods any more; those of Jobs that others manage are theirs. */
function isDone(job: Job): boolean {
  return !isManagedElsewhere(job) && outcomeOf(job) !== undefined;
}
