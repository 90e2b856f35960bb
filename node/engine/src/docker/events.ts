import type { Clock } from "@tsukube/foundation";
import { EventBus } from "../cri/event-bus.ts";

/** An event of the Engine API (EventMessage). */
export interface DockerEvent {
  readonly Type: "container" | "image" | "network" | "volume" | "builder" | "daemon";
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly scope: "local";
  /** Seconds and nanoseconds since the epoch. */
  readonly time: number;
  readonly timeNano: number;
}

const KEPT = 1000;

/** What happened, for `docker events`: told to who listens, and the latest kept. */
export class DockerEvents {
  readonly #bus = new EventBus<DockerEvent>();
  readonly #clock: Pick<Clock, "now">;
  #kept: DockerEvent[] = [];

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  publish(Type: DockerEvent["Type"], Action: string, ID: string, Attributes: Readonly<Record<string, string>>): void {
    const now = this.#clock.now();
    const actor = { ID, Attributes };
    const time = { time: Math.floor(now / 1000), timeNano: Math.floor(now * 1000) * 1000 };
    const event: DockerEvent = { Type, Action, Actor: actor, scope: "local", ...time };
    this.#kept.push(event);
    if (this.#kept.length > 2 * KEPT) this.#kept = this.#kept.slice(-KEPT);
    this.#bus.publish(event);
  }

  /** Kept ones from `since` on (milliseconds), then new ones until the signal aborts. */
  async *stream(since: number | undefined, signal: AbortSignal): AsyncGenerator<DockerEvent> {
    const past = since === undefined ? [] : this.#kept.filter(({ timeNano }) => timeNano / 1e6 >= since);
    const next = this.#bus.subscribe(signal);
    const first = next.next(); // listens from here on
    yield* past;
    const { value, done } = await first;
    if (done === true) return;
    yield value;
    yield* next;
  }
}
