import type { Cancel, Clock } from "@tsukube/foundation";
import type { DockerContainer } from "./container-record.ts";
import { restartDelay } from "./restart-policy.ts";

/** Containers that wait for their next start, longer each time that one fails soon. */
export class RestartTimers {
  readonly #clock: Pick<Clock, "after">;
  readonly #start: (id: string) => void;
  readonly #pending = new Map<string, Cancel>();
  readonly #delays = new Map<string, number>();

  constructor(clock: Pick<Clock, "after">, start: (id: string) => void) {
    this.#clock = clock;
    this.#start = start;
  }

  later({ id, state }: DockerContainer): void {
    const ran = (state.finishedAt ?? 0) - (state.startedAt ?? 0);
    const delay = restartDelay(this.#delays.get(id) ?? 0, ran);
    this.#delays.set(id, delay);
    const due = (): void => {
      this.#pending.delete(id);
      this.#start(id);
    };
    this.#pending.set(id, this.#clock.after(delay, due, { background: true }));
  }

  /** @returns whether it waited. */
  cancel(id: string): boolean {
    this.#pending.get(id)?.();
    this.#delays.delete(id);
    return this.#pending.delete(id);
  }

  cancelAll(): void {
    for (const cancel of this.#pending.values()) cancel();
    this.#pending.clear();
  }
}
