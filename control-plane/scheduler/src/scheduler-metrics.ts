import type { Clock, Counter, Histogram, Labels, Metrics, Sample } from "@tsukube/foundation";

/** What the scheduler holds, at the time. */
export interface Held {
  readonly active: number;
  readonly backoff: number;
  readonly unschedulable: number;
  readonly gated: number;
  readonly nodes: number;
  readonly pods: number;
  readonly assumed: number;
}

export type AttemptResult = "scheduled" | "unschedulable" | "error";

/** A pod that is to be placed. In ms of the monotonic clock. */
interface Waiting {
  readonly since: number;
  attempts: number;
  began: number;
  /** An attempt is under way. */
  isTried: boolean;
}

const doubling = (first: number, count: number): readonly number[] =>
  Array.from({ length: count }, (_, power) => first * 2 ** power);

/** Attempts to place pods, under upstream's names. */
export class SchedulerMetrics {
  readonly #clock: Clock;
  readonly #results: Readonly<Record<AttemptResult, Labels>>;
  readonly #waiting = new Map<string, Waiting>();
  readonly #attempts: Counter;
  readonly #attemptTook: Histogram;
  readonly #algorithmTook: Histogram;
  readonly #attemptsOfPods: Histogram;
  readonly #podTook: Histogram;
  readonly #preemptions: Counter;
  readonly #victims: Histogram;

  /** @param profile Name of the scheduler. */
  constructor(metrics: Metrics, clock: Clock, profile: string, held: () => Held) {
    this.#clock = clock;
    const of = (result: AttemptResult) => Object.freeze({ result, profile });
    this.#results = { scheduled: of("scheduled"), unschedulable: of("unschedulable"), error: of("error") };
    const histogram = (name: string, help: string, buckets: readonly number[], labels: readonly string[] = []) =>
      metrics.histogram(`scheduler_${name}`, help, buckets, labels);
    const attempts =
      "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.";
    const labels = ["result", "profile"];
    this.#attempts = metrics.counter("scheduler_schedule_attempts_total", attempts, labels);
    const took = "Scheduling attempt latency in seconds (scheduling algorithm + binding)";
    this.#attemptTook = histogram("scheduling_attempt_duration_seconds", took, doubling(0.001, 15), labels);
    const decided = "Scheduling algorithm latency in seconds";
    this.#algorithmTook = histogram("scheduling_algorithm_duration_seconds", decided, doubling(0.001, 15));
    const many = "Number of attempts to successfully schedule a pod.";
    this.#attemptsOfPods = histogram("pod_scheduling_attempts", many, doubling(1, 5));
    const whole =
      "E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.";
    this.#podTook = histogram("pod_scheduling_sli_duration_seconds", whole, doubling(0.01, 20), ["attempts"]);
    this.#preemptions = metrics.counter(
      "scheduler_preemption_attempts_total",
      "Total preemption attempts in the cluster till now",
    );
    this.#preemptions.inc(undefined, 0);
    const gone = "Number of selected preemption victims for preemption initiated by a single pod";
    this.#victims = histogram("preemption_victims", gone, doubling(1, 7));
    const pending = "Number of pending pods, by the queue type.";
    metrics.collected("scheduler_pending_pods", pending, (): readonly Sample[] => {
      const { active, backoff, unschedulable, gated } = held();
      return Object.entries({ active, backoff, unschedulable, gated }).map(([queue, count]) => [{ queue }, count]);
    });
    const cached = "Number of nodes, pods, and assumed (bound) pods in the scheduler cache.";
    metrics.collected("scheduler_cache_size", cached, (): readonly Sample[] => {
      const { nodes, pods, assumed } = held();
      return Object.entries({ nodes, pods, assumed_pods: assumed }).map(([type, count]) => [{ type }, count]);
    });
  }

  /** A pod is to be placed, from its first time on. */
  queued(key: string): void {
    if (this.#waiting.has(key)) return;
    const now = this.#clock.monotonic();
    this.#waiting.set(key, { since: now, attempts: 0, began: now, isTried: false });
  }

  began(key: string): void {
    this.queued(key);
    const pod = this.#waiting.get(key)!;
    pod.attempts += 1;
    pod.began = this.#clock.monotonic();
    pod.isTried = true;
  }

  /** The place was chosen, or found to be nowhere. */
  decided(key: string): void {
    this.#algorithmTook.observe(this.#since(this.#waiting.get(key)?.began));
  }

  /** What an attempt came to first counts: an error after that is none of the attempt. */
  ended(key: string, result: AttemptResult): void {
    const pod = this.#waiting.get(key);
    if (pod?.isTried !== true) return;
    pod.isTried = false;
    const labels = this.#results[result];
    this.#attempts.inc(labels);
    this.#attemptTook.observe(this.#since(pod.began), labels);
    if (result !== "scheduled") return;
    this.#attemptsOfPods.observe(pod.attempts);
    this.#podTook.observe(this.#since(pod.since), { attempts: pod.attempts >= 15 ? "15+" : String(pod.attempts) });
    this.#waiting.delete(key);
  }

  preempted(victims: number): void {
    this.#victims.observe(victims);
  }

  triedToPreempt(): void {
    this.#preemptions.inc();
  }

  /** Nobody is to place it any more, which ends the attempt that is under way. */
  forget(key: string): void {
    this.ended(key, "error");
    this.#waiting.delete(key);
  }

  #since(began: number | undefined): number {
    const now = this.#clock.monotonic();
    return (now - (began ?? now)) / 1000;
  }
}
