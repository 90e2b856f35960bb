import { isAlive } from "@tsukube/host";
import type { ContainerRecord, Containers } from "../../containers/containers.ts";
import { Turns } from "../../turns.ts";

type Stills = Pick<Containers, "find" | "pause" | "resume" | "isFrozen">;

interface Hold {
  /** Of the run's first process: the next run is another matter. */
  readonly pid: number;
  readonly count: number;
}

/**
 * Makes the processes of containers stand still. Several may want that of one at once, a client that pauses it and work that its
 * processes must not disturb: it goes on when the last of them is done.
 */
export class Freezer {
  readonly #containers: Stills;
  readonly #canHold: boolean;
  readonly #holds = new Map<string, Hold>();
  readonly #turns = new Turns();

  /** @param canHold Whether processes can be made to stand still; where not, work goes on beside them. */
  constructor(containers: Stills, canHold = true) {
    this.#containers = containers;
    this.#canHold = canHold;
  }

  /** Until {@link resume}. */
  pause(id: string): Promise<void> {
    return this.#hold(id, this.#pidOf(id));
  }

  /** Also of one that an engine which was killed left standing. */
  resume(id: string): Promise<void> {
    return this.#release(id, this.#pidOf(id));
  }

  /**
   * It runs since before this engine started.
   * @param isPaused By a client; where not, work of an engine that was killed may have left it standing: it goes on.
   */
  async adopt(id: string, isPaused: boolean): Promise<void> {
    const pid = this.#pidOf(id);
    if (pid === undefined) return;
    if (isPaused) this.#holds.set(id, { pid, count: 1 });
    else if (this.#canHold && (await this.#containers.isFrozen(id))) await this.resume(id);
  }

  /** Who does not run disturbs nothing. */
  async during<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (!this.#canHold) return work();
    const pid = this.#pidOf(id);
    await this.#hold(id, pid);
    try {
      return await work();
    } finally {
      await this.#release(id, pid);
    }
  }

  #hold(id: string, pid: number | undefined): Promise<void> {
    return this.#turns.take(id, async () => {
      if (pid === undefined) return;
      const known = this.#holds.get(id);
      const count = known?.pid === pid ? known.count : 0;
      if (count === 0) await this.#unlessEnded(id, this.#containers.pause(id));
      this.#holds.set(id, { pid, count: count + 1 });
    });
  }

  #release(id: string, pid: number | undefined): Promise<void> {
    return this.#turns.take(id, async () => {
      const { pid: held = pid, count = 1 } = this.#holds.get(id) ?? {};
      if (pid === undefined || held !== pid) return;
      if (count > 1) return void this.#holds.set(id, { pid, count: count - 1 });
      this.#holds.delete(id);
      if (this.#pidOf(id) === pid) await this.#unlessEnded(id, this.#containers.resume(id));
    });
  }

  async #unlessEnded(id: string, done: Promise<void>): Promise<void> {
    try {
      await done;
    } catch (error) {
      if (this.#pidOf(id) !== undefined) throw error;
    }
  }

  #pidOf(id: string): number | undefined {
    const { pid, startTime, exit }: Partial<ContainerRecord> = this.#containers.find(id) ?? {};
    return exit === undefined && pid !== undefined && isAlive(pid, startTime) ? pid : undefined;
  }
}
