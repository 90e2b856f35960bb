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
  /** When the first of those that wait has waited enough for others, by the monotonic clock. */
  #due = Infinity;
  /** Ends the wait for others. */
  #hurry: () => void = () => {};

  constructor(deps: GroupCommitDeps<Write, Result>) {
    this.#deps = deps;
  }

  /** @param patienceMs How long it may wait for others that share its batch. */
  add(write: Write, patienceMs = 0): void {
    this.#waiting.push(write);
    const due = this.#deps.clock.monotonic() + patienceMs;
    if (due < this.#due) {
      this.#due = due;
      this.#hurry();
    }
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
    void this.#workAll();
  }

  async #workAll(): Promise<void> {
    const { clock } = this.#deps;
    while (this.#waiting.length > 0 || this.#alone.length > 0) {
      const alone = this.#alone.shift();
      if (alone !== undefined) await clock.track(alone());
      if (this.#waiting.length === 0) continue;
      await this.#gather();
      await clock.track(this.#write());
    }
    this.#isWorking = false;
  }

  /** Whoever writes in this turn of the loop, or was woken by the commit before, shares the commit; and others, while all have patience. */
  async #gather(): Promise<void> {
    const { clock } = this.#deps;
    for (;;) {
      await clock.track(new Promise<void>((resolve) => setImmediate(resolve)));
      const ms = this.#due - clock.monotonic();
      if (ms <= 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      const cancel = clock.after(ms, resolve);
      this.#hurry = resolve;
      await promise;
      cancel();
    }
  }

  async #write(): Promise<void> {
    const { write, landed, failed } = this.#deps;
    const batch = this.#waiting;
    this.#waiting = [];
    this.#due = Infinity;
    try {
      landed(batch, await write(batch));
    } catch (error) {
      const writes = [...batch, ...this.#waiting];
      this.#waiting = [];
      failed(writes, error);
    }
  }
}
