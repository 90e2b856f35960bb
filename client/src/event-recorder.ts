import type { KubeObject } from "@tsukube/api";
import type { Event, ObjectReference } from "@tsukube/api/types/core-v1";
import { type Clock, formatTime, type Logger, messageOf } from "@tsukube/foundation";
import type { Client } from "./types.ts";

export type EventType = "Normal" | "Warning";

/** Tells users what was done about an object and why. Never fails: an Event that cannot be written is logged and dropped. */
export interface EventRecorder {
  event(about: ObjectReference, type: EventType, reason: string, message: string): void;
  /** Resolves once what was recorded is written. */
  close(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** "deployment-controller". */
  readonly component: string;
  /** The node, for what runs on one. */
  readonly host?: string;
}

/** Client-go's defaults (tools/record, EventCorrelator). */
const SIMILAR_WINDOW_MS = 600_000;
const SIMILAR_LIMIT = 10;
const BURST = 25;
const REFILL_MS = 300_000;
const REMEMBERED = 4096;
const MAX_WAITING = 1000;

interface Series {
  readonly name: string;
  readonly first: number;
  count: number;
}

/** How an Event says which object it is about. `fieldPath` names a part, "spec.containers{web}". */
export function referenceTo(object: KubeObject, apiVersion: string, kind: string, fieldPath?: string): ObjectReference {
  const { name = "", namespace, uid = "", resourceVersion = "" } = object.metadata ?? {};
  return {
    apiVersion,
    kind,
    name,
    uid,
    resourceVersion,
    ...(namespace === undefined ? {} : { namespace }),
    ...(fieldPath === undefined ? {} : { fieldPath }),
  };
}

/**
 * Records events as client-go does: an equal one counts up, after ten similar ones within ten minutes they share one Event
 * "(combined from similar events)", and an object gets 25 at once, then one every five minutes.
 */
export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series = new Map<string, Series>();
  readonly #similar = new Map<string, { readonly messages: Set<string>; last: number }>();
  readonly #budgets = new Map<string, { left: number; at: number }>();
  #waiting = 0;
  #written: Promise<void> = Promise.resolve();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  event(about: ObjectReference, type: EventType, reason: string, message: string): void {
    const now = this.#options.clock.now();
    const object = [about.kind, about.namespace, about.name, about.uid, about.fieldPath].join("|");
    if (!this.#spend(object, now)) return;
    const kind = `${object}|${type}|${reason}`;
    const combined = this.#isFlood(kind, message, now);
    const text = combined ? `(combined from similar events): ${message}` : message;
    const key = combined ? kind : `${kind}|${message}`;
    this.#enqueue(() => this.#write(key, about, type, reason, text, now));
  }

  close(): Promise<void> {
    return this.#written;
  }

  #spend(object: string, now: number): boolean {
    const before = this.#budgets.get(object) ?? { left: BURST, at: now };
    const left = Math.min(BURST, before.left + (now - before.at) / REFILL_MS);
    remember(this.#budgets, object, { left: left < 1 ? left : left - 1, at: now });
    return left >= 1;
  }

  #isFlood(kind: string, message: string, now: number): boolean {
    const before = this.#similar.get(kind);
    const fresh = before === undefined || now - before.last > SIMILAR_WINDOW_MS;
    const messages = fresh ? new Set<string>() : before.messages;
    if (messages.size < SIMILAR_LIMIT) messages.add(message);
    remember(this.#similar, kind, { messages, last: now });
    return messages.size >= SIMILAR_LIMIT;
  }

  /** One after the other: a series must know its Event before it counts up. */
  #enqueue(write: () => Promise<void>): void {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting += 1;
    this.#written = this.#written.then(async () => {
      try {
        await write();
      } catch (error) {
        this.#options.logger.debug("cannot write an event", { error: messageOf(error) });
      } finally {
        this.#waiting -= 1;
      }
    });
  }

  async #write(
    key: string,
    about: ObjectReference,
    type: EventType,
    reason: string,
    message: string,
    now: number,
  ): Promise<void> {
    const namespace = about.namespace ?? "default"; // events about cluster-scoped objects live there
    const events = this.#options.client.resource<Event>({ group: "", version: "v1", resource: "events" }, namespace);
    const series = this.#series.get(key);
    const lastTimestamp = formatTime(now);
    if (series !== undefined) {
      const body = { count: series.count + 1, lastTimestamp, message };
      try {
        await events.patch(series.name, { type: "strategic", body });
        series.count += 1;
        remember(this.#series, key, series);
        return;
      } catch {
        this.#series.delete(key); // it expired: a new one
      }
    }
    const { component, host } = this.#options;
    const name = `${about.name}.${(Math.round(now * 1e6) + this.#serial()).toString(16)}`;
    await events.create({
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace, name },
      involvedObject: about,
      type,
      reason,
      message,
      source: { component, ...(host === undefined ? {} : { host }) },
      firstTimestamp: lastTimestamp,
      lastTimestamp,
      count: 1,
      reportingComponent: component,
      reportingInstance: host ?? "",
    });
    remember(this.#series, key, { name, first: now, count: 1 });
  }

  #made = 0;

  /** Upstream names events by nanoseconds; a clock of milliseconds needs a serial number below them. */
  #serial(): number {
    this.#made = (this.#made + 1) % 1000;
    return this.#made * 1000;
  }
}

/** Sets as the youngest entry and forgets the oldest beyond the limit. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > REMEMBERED) map.delete(map.keys().next().value as string);
}
