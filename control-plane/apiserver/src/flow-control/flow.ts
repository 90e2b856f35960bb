import type { FlowSchema } from "@tsukube/api/types/flowcontrol-v1";
import type { AuthorizationAttributes } from "../contracts.ts";
import type { FlowMetrics, FlowSeries } from "./flow-metrics.ts";
import { covers } from "./flow-rules.ts";
import type { PriorityLevel } from "./priority-level.ts";
import { handOf } from "./shuffle-sharding.ts";

/** Flows whose hands are remembered. */
const MOST_HANDS = 4096;

/** A FlowSchema in force: which requests are its, and where they get their seats. */
export class Flow {
  readonly schema: string;
  readonly schemaUid: string;
  readonly level: PriorityLevel;
  readonly #object: FlowSchema;
  readonly #metrics: FlowMetrics;
  readonly #hands = new Map<string, readonly number[]>();
  #series: FlowSeries | undefined;

  constructor(object: FlowSchema, level: PriorityLevel, metrics: FlowMetrics) {
    this.schema = object.metadata?.name ?? "";
    this.schemaUid = object.metadata?.uid ?? "";
    this.level = level;
    this.#object = object;
    this.#metrics = metrics;
  }

  get series(): FlowSeries {
    this.#series ??= this.#metrics.seriesOf(this.level.name, this.schema);
    return this.#series;
  }

  covers(attributes: AuthorizationAttributes): boolean {
    const { rules } = this.#object.spec;
    if (rules === undefined || rules === null) return false;
    for (const rule of rules) if (covers(rule, attributes)) return true;
    return false;
  }

  /** What tells flows of this schema apart: a user, a namespace, or nothing. */
  distinguisherOf({ user, namespace }: Pick<AuthorizationAttributes, "user" | "namespace">): string {
    switch (this.#object.spec.distinguisherMethod?.type) {
      case "ByUser":
        return user.name;
      case "ByNamespace":
        return namespace;
      default:
        return "";
    }
  }

  /** The queues of one flow. */
  handOf(distinguisher: string, queues: number, handSize: number): readonly number[] {
    let hand = this.#hands.get(distinguisher);
    if (hand === undefined) {
      if (this.#hands.size >= MOST_HANDS) this.#hands.clear();
      hand = handOf(this.schema, distinguisher, queues, handSize);
      this.#hands.set(distinguisher, hand);
    }
    return hand;
  }
}
