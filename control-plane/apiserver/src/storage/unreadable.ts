import { ApiError } from "@tsukube/api";
import { type Clock, detach, type Logger, messageOf } from "@tsukube/foundation";
import type { Store, StoredRecord } from "@tsukube/store";

const RETRY_MS = 5000;

/**
 * Objects that are in the store and cannot be read: their key is not there, or whoever keeps it does not answer. Requests for them
 * are refused while all else goes on; they are tried again until they can be read, deleted or written anew.
 */
export class Unreadable {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #problems = new Map<string, unknown>();
  readonly #recovered = new Map<string, StoredRecord>();
  #cancel: (() => void) | undefined;

  constructor(store: Store, clock: Clock, logger: Logger) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  add(key: string, problem: unknown): void {
    if (!this.#problems.has(key)) this.#logger.error("cannot read an object", { key, error: messageOf(problem) });
    this.#problems.set(key, problem);
    this.#recovered.delete(key);
    this.#schedule();
  }

  /** The object can be read again, or is gone. */
  remove(key: string): void {
    if (this.#problems.delete(key)) this.#logger.info("can read an object again", { key });
    this.#recovered.delete(key);
  }

  /** @param key Of an object, or a prefix of keys. @throws {ApiError} 500 when an object there cannot be read. */
  mustBeReadable(key: string): void {
    if (this.#problems.size === 0) return;
    for (const [lost, problem] of this.#problems)
      if (lost === key || (key.endsWith("/") && lost.startsWith(key))) throw ApiError.internal(problem);
  }

  /** What can be read again, as of a revision: a part of the change of that revision then. */
  recovered(revision: number): readonly StoredRecord[] {
    if (this.#recovered.size === 0) return [];
    return [...this.#recovered.values()].filter((record) => record.revision <= revision);
  }

  close(): void {
    this.#cancel?.();
    this.#problems.clear();
  }

  #schedule(): void {
    if (this.#problems.size === 0) return;
    const retry = (): void => {
      this.#cancel = undefined;
      detach(this.#clock.track(this.#retry()), this.#logger, "cannot try to read objects again");
    };
    this.#cancel ??= this.#clock.after(RETRY_MS, retry, { background: true });
  }

  async #retry(): Promise<void> {
    for (const key of [...this.#problems.keys()]) {
      if (this.#recovered.has(key)) continue;
      const record = await this.#store.get(key).catch(() => undefined);
      if (record !== undefined && this.#problems.has(key)) this.#recovered.set(key, record);
    }
    this.#schedule();
  }
}
