import type { PriorityLevelConfiguration } from "@tsukube/api/types/flowcontrol-v1";
import type { Clock } from "@tsukube/foundation";
import { FairQueues } from "./fair-queues.ts";
import type { Flow } from "./flow.ts";
import type { FlowMetrics, Refusal, SeatLimits } from "./flow-metrics.ts";
import { SeatDemand } from "./seat-demand.ts";
import { type Asked, type Asker, Seating } from "./seating.ts";

/** What happens to requests for which there are no seats. */
export type LevelResponse =
  | { readonly type: "exempt" }
  | { readonly type: "reject" }
  | {
      readonly type: "queue";
      readonly queues: number;
      readonly handSize: number;
      readonly queueLengthLimit: number;
    };

/** A PriorityLevelConfiguration as far as requests feel it. */
export interface LevelConfig {
  readonly object: PriorityLevelConfiguration;
  readonly response: LevelResponse;
  readonly limits: SeatLimits;
}

/** Limits of seats are looked at again so often. */
export const REBALANCE_MS = 10_000;

/** The part of all seats that one request has at most. */
const WIDEST = 0.15;

/** Seats that requests of some FlowSchemas share, and the queues of those for which there are none. */
export class PriorityLevel {
  readonly name: string;
  readonly demand: SeatDemand;
  /** Since the server started. */
  readonly counts = { dispatched: 0, refused: 0, timedOut: 0, cancelled: 0 };
  readonly executing = new Set<Seating>();
  /** Its object is gone: it ends when its last request has. */
  isQuiescing = false;
  waiting = 0;
  readonly queues: FairQueues;
  readonly #clock: Clock;
  readonly #metrics: FlowMetrics;
  #config: LevelConfig;
  #limit: number;
  #inUse = 0;
  #waitingSeats = 0;

  constructor(name: string, config: LevelConfig, clock: Clock, metrics: FlowMetrics) {
    this.name = name;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#config = config;
    this.#limit = 0;
    this.queues = new FairQueues(clock.monotonic());
    this.demand = new SeatDemand(clock.monotonic(), REBALANCE_MS);
    this.configure(config);
  }

  get object(): PriorityLevelConfiguration {
    return this.#config.object;
  }

  get uid(): string {
    return this.#config.object.metadata?.uid ?? "";
  }

  get limits(): SeatLimits {
    return this.#config.limits;
  }

  get isExempt(): boolean {
    return this.#config.response.type === "exempt";
  }

  get isIdle(): boolean {
    return this.waiting === 0 && this.executing.size === 0;
  }

  /** What one request may ask for; undefined: whatever it needs. */
  get widest(): number | undefined {
    const { response, limits } = this.#config;
    if (response.type !== "queue") return undefined;
    return Math.max(1, Math.min(Math.ceil(limits.nominal * WIDEST), Math.floor(limits.nominal / response.handSize)));
  }

  configure(config: LevelConfig): void {
    this.#config = config;
    this.#metrics.limits(this.name, config.limits);
    this.queues.resize(config.response.type === "queue" ? config.response.queues : 0);
  }

  /** Seats that it has from now on. */
  set limit(seats: number) {
    const now = this.#clock.monotonic();
    this.queues.advance(now, this.#limit);
    this.#limit = seats;
    this.#dispatch(now);
  }

  get limit(): number {
    return this.#limit;
  }

  /**
   * Seats for a request. There is a promise only where it has to wait.
   * @param patienceMs How long it waits at most.
   * @returns undefined: it is refused.
   */
  seat(
    flow: Flow,
    asked: Asked,
    seats: number,
    patienceMs: number,
    asker: Asker,
  ): Seating | Promise<Seating | undefined> | undefined {
    const { response } = this.#config;
    const { series } = flow;
    const now = this.#clock.monotonic();
    series.seats.observe(seats);
    if (response.type !== "queue") {
      if (response.type === "reject" && !this.#fits(seats)) return this.#refuse(flow, "concurrency-limit");
      return this.#begin(new Seating(flow, asked, "", seats, undefined, now), now);
    }
    const { queues, handSize, queueLengthLimit } = response;
    this.queues.advance(now, this.#limit);
    const distinguisher = queues > 1 ? flow.distinguisherOf({ user: asked.user, namespace: asked.info.namespace }) : "";
    const queue = this.queues.pick(flow.handOf(distinguisher, queues, handSize));
    if (this.#inUse >= this.#limit && queue.waiting.length >= queueLengthLimit) return this.#refuse(flow, "queue-full");
    const seating = new Seating(flow, asked, distinguisher, seats, queue, now);
    series.queueLength.observe(queue.waiting.length + 1);
    if (this.waiting === 0 && this.#inUse < this.#limit && this.#fits(seats)) {
      this.queues.start(queue, seats);
      return this.#begin(seating, now);
    }
    return this.#wait(seating, patienceMs, asker, now);
  }

  /** A request gives its seats back. */
  finish(seating: Seating): void {
    const { flow, seats, queue, started, asked } = seating;
    const now = this.#clock.monotonic();
    const took = now - (started ?? now);
    this.queues.advance(now, this.#limit);
    this.executing.delete(seating);
    this.#inUse -= seats;
    if (queue !== undefined) this.queues.finish(queue, seats, took);
    this.demand.set(this.#inUse + this.#waitingSeats, now);
    const { executing, executingSeats, executed, watched } = flow.series;
    executing.add(-1);
    executingSeats.add(-seats);
    (asked.info.verb === "watch" ? watched : executed).observe(took / 1000);
    if (this.waiting > 0) this.#dispatch(now);
  }

  /** A request that is wider than the level has it for itself; nobody begins in queues of a level without seats. */
  #fits(seats: number): boolean {
    return seats > this.#limit ? this.executing.size === 0 : this.#inUse + seats <= this.#limit;
  }

  #refuse(flow: Flow, reason: Refusal, waitedMs = 0): undefined {
    this.counts.refused += 1;
    this.#metrics.refuse(this.name, flow.schema, reason, waitedMs);
  }

  #begin(seating: Seating, now: number): Seating {
    const { flow, seats } = seating;
    seating.started = now;
    this.executing.add(seating);
    this.#inUse += seats;
    this.demand.set(this.#inUse + this.#waitingSeats, now);
    this.counts.dispatched += 1;
    const { dispatched, executing, executingSeats, waited } = flow.series;
    dispatched.inc();
    executing.add(1);
    executingSeats.add(seats);
    if (!this.isExempt) waited.observe((now - seating.arrived) / 1000);
    return seating;
  }

  #wait(seating: Seating, ms: number, { signal }: Asker, now: number): Promise<Seating | undefined> {
    this.queues.wait(seating.queue!, seating);
    this.#countWaiting(seating, 1, now);
    const decision = new Promise<Seating | undefined>((resolve) => {
      const late = (): void => this.#giveUp(seating, "timedOut");
      const gone = (): void => this.#giveUp(seating, "cancelled");
      const cancel = this.#clock.after(ms, late);
      signal?.addEventListener("abort", gone, { once: true });
      seating.decide = (granted) => {
        cancel();
        signal?.removeEventListener("abort", gone);
        resolve(granted ? seating : undefined);
      };
    });
    if (signal?.aborted === true) this.#giveUp(seating, "cancelled");
    else this.#dispatch(now);
    return decision;
  }

  #giveUp(seating: Seating, how: "timedOut" | "cancelled"): void {
    const now = this.#clock.monotonic();
    const { flow, queue, arrived, decide } = seating;
    this.queues.advance(now, this.#limit);
    this.queues.leave(queue!, seating);
    this.#countWaiting(seating, -1, now);
    this.counts[how] += 1;
    this.#refuse(flow, "time-out", now - arrived);
    decide?.(false);
    this.#dispatch(now); // it may have been too wide for those behind it
  }

  #countWaiting({ flow, seats }: Seating, by: 1 | -1, now: number): void {
    this.waiting += by;
    this.#waitingSeats += by * seats;
    flow.series.waiting.add(by);
    flow.series.waitingSeats.add(by * seats);
    this.demand.set(this.#inUse + this.#waitingSeats, now);
  }

  /** As many as there are seats for, in the order that is fair; one that is too wide is waited for. */
  #dispatch(now: number): void {
    while (this.waiting > 0 && this.#inUse < this.#limit) {
      const queue = this.queues.next();
      const oldest = queue?.waiting[0];
      if (queue === undefined || oldest === undefined) return;
      if (!this.#fits(oldest.seats)) {
        this.#metrics.unaccommodated(this.name, oldest.flow.schema);
        return;
      }
      this.queues.take(queue);
      this.#countWaiting(oldest, -1, now);
      this.#begin(oldest, now);
      oldest.decide?.(true);
    }
  }
}
