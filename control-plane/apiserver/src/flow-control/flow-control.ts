import type { Cancel, Clock, Metrics } from "@tsukube/foundation";
import type { AuthorizationAttributes } from "../contracts.ts";
import type { ObjectCache } from "../storage/contract.ts";
import { dump } from "./dumps.ts";
import { Flow } from "./flow.ts";
import { FlowMetrics } from "./flow-metrics.ts";
import { flowSchemas, LEVELS, nameOf, priorityLevels, SCHEMAS } from "./flow-objects.ts";
import { levelConfigs } from "./level-configs.ts";
import { PriorityLevel, REBALANCE_MS } from "./priority-level.ts";
import { rebalance } from "./rebalance.ts";
import { RetryAfter } from "./retry-after.ts";
import type { Asked, Asker } from "./seating.ts";
import { seatsFor, type WorkEstimateOptions } from "./work-estimate.ts";

export interface FlowControlDeps extends WorkEstimateOptions {
  readonly cache: ObjectCache;
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** How many there are for all requests that are not exempt. */
  readonly seats: number;
}

/**
 * API Priority and Fairness (KEP-1040): the FlowSchema of lowest precedence whose rules cover a request is its flow, and has its
 * seats from a priority level; where there are none, it waits its turn or is refused.
 */
export class FlowControl {
  readonly #deps: FlowControlDeps;
  readonly #metrics: FlowMetrics;
  readonly #subscriptions: readonly Cancel[];
  readonly #retries = new Map<string, RetryAfter>();
  #levels: readonly PriorityLevel[] = [];
  #flows: readonly Flow[] = [];
  /** Objects have changed that requests have not felt. */
  #isStale = true;
  /** Of the next look at what levels lend; none while nobody asks for seats. */
  #timer: Cancel | undefined;
  #wasAsked = false;

  constructor(deps: FlowControlDeps) {
    this.#deps = deps;
    this.#metrics = new FlowMetrics(deps.metrics);
    this.#subscriptions = [SCHEMAS, LEVELS].map((prefix) => deps.cache.subscribe(prefix, () => this.#change()));
  }

  /** Whose seats a request takes. */
  flowOf(attributes: AuthorizationAttributes): Flow {
    if (this.#isStale) this.#digest();
    for (const flow of this.#flows) if (flow.covers(attributes)) return flow;
    return this.#flows.find(({ schema }) => schema === "catch-all")!; // of users in neither of its groups
  }

  /** As {@link PriorityLevel.seat}. */
  seat(flow: Flow, asked: Asked, patienceMs: number, asker: Asker): ReturnType<PriorityLevel["seat"]> {
    this.#wasAsked = true;
    if (this.#timer === undefined) this.#rebalanceLater();
    const { level } = flow;
    return level.seat(flow, asked, seatsFor(asked.info, level, this.#deps), patienceMs, asker);
  }

  /** A request of this flow was refused. @returns after how many seconds it may come again. */
  refused({ level }: Flow): number {
    const retry = this.#retries.get(level.name) ?? new RetryAfter();
    this.#retries.set(level.name, retry);
    retry.refuse(this.#deps.clock.now());
    return retry.seconds;
  }

  /** What is at /debug/api_priority_and_fairness/ under this name; undefined: nothing. */
  dump(name: string, details: boolean): string | undefined {
    if (this.#isStale) this.#digest();
    const levels = this.#levels.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    return dump(name, { levels, clock: this.#deps.clock, details });
  }

  close(): void {
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    this.#timer?.();
  }

  /** Who waits may have more seats now; others feel it when they come. */
  #change(): void {
    this.#isStale = true;
    if (this.#levels.some(({ waiting }) => waiting > 0)) this.#digest();
  }

  #digest(): void {
    this.#isStale = false;
    const { cache, clock, seats } = this.#deps;
    const wanted = priorityLevels(cache);
    const names = new Set(wanted.map(nameOf));
    const leaving = this.#levels.filter((level) => !names.has(level.name) && !level.isIdle);
    const before = new Map(this.#levels.map((level) => [level.name, level]));
    this.#levels = levelConfigs([...wanted, ...leaving.map(({ object }) => object)], seats).map((config) => {
      const name = nameOf(config.object);
      const level = before.get(name) ?? new PriorityLevel(name, config, clock, this.#metrics);
      level.configure(config);
      level.isQuiescing = !names.has(name);
      return level;
    });
    const byName = new Map(this.#levels.map((level) => [level.name, level]));
    this.#flows = flowSchemas(cache, names).map(
      (schema) => new Flow(schema, byName.get(schema.spec.priorityLevelConfiguration?.name ?? "")!, this.#metrics),
    );
    this.#rebalance();
  }

  #rebalanceLater(): void {
    this.#timer = this.#deps.clock.after(
      REBALANCE_MS,
      () => {
        this.#timer = undefined;
        if (this.#levels.some((level) => level.isQuiescing && level.isIdle)) this.#digest();
        else this.#rebalance();
        if (this.#wasAsked || this.#levels.some((level) => !level.isIdle)) this.#rebalanceLater();
        this.#wasAsked = false;
      },
      { background: true },
    );
  }

  #rebalance(): void {
    rebalance(this.#levels, this.#metrics, this.#deps.clock.monotonic());
  }
}
