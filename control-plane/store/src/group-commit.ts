import type { Clock } from "@tsukube/foundation";

export interface GroupCommitDeps<Write, Result> {
  readonly clock: Clock;
  /** Makes a batch durable. */
  write(batch: readonly Write[]): Promise<Result>;
  landed(batch: readonly Write[], result: Result): void;
  /** They are not durable: neither the batch nor what came after it. */
  failed(writes: readonly Write[], error: unknown): void;
}

/**
 * Gathers writes into batches, of which one at a time is on its way: whoever writes in one turn of the loop, or meanwhile, shares a batch. To part
 * many writers in two, so that one half is made ready while the other is written, was tried: the further sync costs more (0.6 of raw LMDB, not 0.75).
 */
export class GroupCommit<Write, Result> {
  readonly #deps: GroupCommitDeps<Write, Result>;
  #waiting: Write[] = [];
  readonly #alone: (() => Promise<void>)[] = [];
  #isWorking = false;

  constructor(deps: GroupCommitDeps<Write, Result>) {
    this.#deps = deps;
  }

  add(write: Write): void {
    this.#waiting.push(write);
    this.#work();
  }

  /** Does something while nothing is written. @param work Never throws. */
  alone(work: () => Promise<void>): void {
    this.#alone.push(work);
    this.#work();
  }

  #work(): void {
    if (this.#isWorking) return;
    this.#isWorking = true;
    void this.#deps.clock.track(this.#workAll());
  }

  async #workAll(): Promise<void> {
    while (this.#waiting.length > 0 || this.#alone.length > 0) {
      await this.#alone.shift()?.();
      if (this.#waiting.length === 0) continue;
      // whoever writes in this turn of the loop, or was woken by the commit before, shares the commit
      await new Promise<void>((resolve) => setImmediate(resolve));
      await this.#write();
    }
    this.#isWorking = false;
  }

  async #write(): Promise<void> {
    const { write, landed, failed } = this.#deps;
    const batch = this.#waiting;
    this.#waiting = [];
    try {
      landed(batch, await write(batch));
    } catch (error) {
      const writes = [...batch, ...this.#waiting];
      this.#waiting = [];
      failed(writes, error);
    }
  }
}
