import { ApiError } from "@tsukube/api";
import type { Job } from "@tsukube/api/types/batch-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, splitKey, startController } from "@tsukube/client";
import { type ControllerContext, JOBS } from "../context.ts";
import { uidOf } from "../job/job-state.ts";
import { untilWallClock } from "../job/wall-clock.ts";
import { expiresIn } from "./plan.ts";

/** Deletes each finished Job after `spec.ttlSecondsAfterFinished`, its pods first. */
export class TtlAfterFinishedController {
  readonly #context: ControllerContext;
  readonly #jobs: Informer<Job>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#jobs = context.informers.informer<Job>(JOBS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "ttl-after-finished";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "ttl_jobs_to_delete", clock, logger, queues, reconcile }),
    );
    const look = (job: Job): void => {
      if (expiresIn(job, clock.now()) !== undefined) queue.add(keyOf(job));
    };
    lifetime.add("jobs", this.#jobs.onChange({ added: look, updated: (_, job) => look(job) }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const cached = this.#jobs.get(key);
    const wait = cached && expiresIn(cached, this.#context.clock.now());
    if (wait === undefined) return SETTLED;
    if (wait > 0) return { recheckAfterMs: untilWallClock(wait) };
    return this.#remove(key);
  }

  /** Somebody may have given the Job more time, which the cache does not show yet: the server decides. */
  async #remove(key: Key): Promise<Outcome> {
    const { namespace, name } = splitKey(key);
    const jobs = this.#context.client.resource<Job>(JOBS, namespace);
    try {
      const job = await jobs.get(name);
      const wait = expiresIn(job, this.#context.clock.now());
      if (wait === undefined) return SETTLED;
      if (wait > 0) return { recheckAfterMs: untilWallClock(wait) };
      const preconditions = { uid: uidOf(job), resourceVersion: job.metadata?.resourceVersion ?? "" };
      await jobs.delete(name, { propagationPolicy: "Foreground", preconditions });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }
}
