import type { Unstructured } from "@tsukube/api";
import type { FlowSchema, FlowSchemaCondition } from "@tsukube/api/types/flowcontrol-v1";
import { type Cancel, type Clock, detach, formatTime, type Lifetime, type Logger } from "@tsukube/foundation";
import { statusAppliedByServer } from "../ownership/own-fields.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { LEVELS, SCHEMAS } from "./flow-objects.ts";

/** Who says in FlowSchemas whether they dangle. */
export const FLOW_STATUS_WRITER = "api-priority-and-fairness-config-consumer-v1";

export interface FlowSchemaStatusDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
}

const MINUTE_MS = 60_000;
/** Of each FlowSchema in a minute, as upstream: somebody who thinks otherwise may write as often. */
const MOST_WRITES = 6;

/** Keeps the Dangling condition of every FlowSchema true to whether its priority level exists. */
export class FlowSchemaStatus {
  readonly #deps: FlowSchemaStatusDeps;
  /** When each was written lately, by key. */
  readonly #written = new Map<string, readonly number[]>();
  readonly #waiting = new Map<string, Cancel>();

  constructor(deps: FlowSchemaStatusDeps) {
    this.#deps = deps;
    const { cache } = deps.store;
    const lookAtAll = (): void => {
      for (const [key] of cache.head.range(SCHEMAS)) this.#look(key);
    };
    const unsubscribe = cache.subscribe(SCHEMAS, (events) => {
      for (const { key, current } of events)
        if (current !== undefined) this.#look(key);
        else this.#written.delete(key);
    });
    deps.lifetime.add("FlowSchemas", unsubscribe);
    deps.lifetime.add("priority levels", cache.subscribe(LEVELS, lookAtAll));
    deps.lifetime.add("FlowSchemas written too often", () => {
      for (const cancel of this.#waiting.values()) cancel();
    });
    lookAtAll();
  }

  #look(key: string): void {
    const { store, clock, logger } = this.#deps;
    const schema = store.cache.get(key)?.object as (FlowSchema & Unstructured) | undefined;
    if (schema === undefined || withDangling(schema, this.#dangling(schema)) === schema) return;
    const now = clock.monotonic();
    const recent = (this.#written.get(key) ?? []).filter((at) => at > now - MINUTE_MS);
    this.#written.set(key, recent);
    if (recent.length >= MOST_WRITES) this.#lookLater(key, recent[0]! + MINUTE_MS - now);
    else detach(clock.track(this.#report(key)), logger, "cannot write the status of a FlowSchema");
  }

  #lookLater(key: string, ms: number): void {
    const look = (): void => {
      this.#waiting.delete(key);
      this.#look(key);
    };
    if (!this.#waiting.has(key)) this.#waiting.set(key, this.#deps.clock.after(ms, look, { background: true }));
  }

  async #report(key: string): Promise<void> {
    const { store, registry, clock } = this.#deps;
    const definition = registry.get("flowcontrol.apiserver.k8s.io", "v1", "flowschemas")!;
    await store.update(definition, key, async (live) => {
      if (live === undefined) return { type: "none" };
      const schema = live as FlowSchema & Unstructured;
      const next = withDangling(schema, this.#dangling(schema));
      if (next === schema) return { type: "none" };
      this.#written.set(key, [...(this.#written.get(key) ?? []), clock.monotonic()]);
      const { status = {} } = next;
      return {
        type: "put",
        object: statusAppliedByServer(this.#deps, definition, live, status, FLOW_STATUS_WRITER),
      };
    });
  }

  #dangling({ spec }: FlowSchema): FlowSchemaCondition {
    const name = spec.priorityLevelConfiguration?.name ?? "";
    const exists = this.#deps.store.cache.get(LEVELS + name) !== undefined;
    const about = `This FlowSchema references the PriorityLevelConfiguration object named ${JSON.stringify(name)}`;
    return {
      type: "Dangling",
      status: exists ? "False" : "True",
      lastTransitionTime: formatTime(this.#deps.clock.now()),
      reason: exists ? "Found" : "NotFound",
      message: exists ? `${about} and it exists` : `${about} but there is no such object`,
    };
  }
}

/** The same object when the condition says so already. */
function withDangling(schema: FlowSchema & Unstructured, wanted: FlowSchemaCondition): FlowSchema & Unstructured {
  const conditions = schema.status?.conditions ?? [];
  const before = conditions.find(({ type }) => type === "Dangling");
  if (before?.status === wanted.status && before?.message === wanted.message) return schema;
  const others = conditions.filter(({ type }) => type !== "Dangling");
  return { ...schema, status: { conditions: [...others, wanted] } } as FlowSchema & Unstructured;
}
