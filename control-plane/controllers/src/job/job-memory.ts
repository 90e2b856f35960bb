import type { Job } from "@tsukube/api/types/batch-v1";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { Key } from "@tsukube/client";
import { type Backoff, NO_BACKOFF, nextBackoff } from "./back-off.ts";
import { hasFailed, hasSucceeded, isTracked, uidOf } from "./job-state.ts";

interface Entry {
  readonly uid: string;
  readonly released: Set<string>;
  backoff: Backoff | undefined;
  /** resourceVersion of our latest write. */
  written: number;
}

/** What this process knows of each Job beyond its caches, which lag behind its own writes. Losing it loses no count. */
export class JobMemory {
  readonly #entries = new Map<Key, Entry>();

  /** The cache shows the Job as it was before our latest write: its counts are not to be built upon. */
  isStale(key: Key, job: Job): boolean {
    return Number(job.metadata?.resourceVersion ?? 0) < this.#of(key, job).written;
  }

  wrote(key: Key, job: Job): void {
    this.#of(key, job).written = Number(job.metadata?.resourceVersion ?? 0);
  }

  released(key: Key, job: Job, uid: string): void {
    this.#of(key, job).released.add(uid);
  }

  /** Of `pods` those that have lost the finalizer but do not show it; forgets the others. */
  releasedAmong(key: Key, job: Job, pods: readonly Pod[]): ReadonlySet<string> {
    const { released } = this.#of(key, job);
    const shown = new Set(pods.filter(isTracked).map(uidOf));
    for (const uid of released) if (!shown.has(uid)) released.delete(uid);
    return new Set(released);
  }

  /** After a restart the pods that were counted before tell how the Job fared. */
  backoff(key: Key, job: Job, pods: readonly Pod[]): Backoff {
    const entry = this.#of(key, job);
    if (entry.backoff !== undefined) return entry.backoff;
    const { succeeded = [], failed = [] } = job.status?.uncountedTerminatedPods ?? {};
    const listed = new Set([...succeeded, ...failed]);
    const before = pods.filter((pod) => !isTracked(pod) || listed.has(uidOf(pod)));
    return nextBackoff(
      NO_BACKOFF,
      before.filter(hasSucceeded),
      before.filter((pod) => hasFailed(pod, job)),
    );
  }

  setBackoff(key: Key, job: Job, backoff: Backoff): void {
    this.#of(key, job).backoff = backoff;
  }

  forget(key: Key): void {
    this.#entries.delete(key);
  }

  #of(key: Key, job: Job): Entry {
    const present = this.#entries.get(key);
    if (present?.uid === uidOf(job)) return present;
    const made = { uid: uidOf(job), released: new Set<string>(), backoff: undefined, written: 0 };
    this.#entries.set(key, made);
    return made;
  }
}
