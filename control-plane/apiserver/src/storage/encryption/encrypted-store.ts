import { type Cancel, codeOf, type Logger, messageOf } from "@tsukube/foundation";
import { type OpenStore, pagesOf, type Store, type StoredRecord, StoreError } from "@tsukube/store";
import { formedStore, type StoredForm } from "../stored-form.ts";
import type { Encryption } from "./encryption.ts";

/** Events end by themselves, and writing one again would take its end away. */
const PASSING = "/registry/events/";

/**
 * A store whose values lie encrypted. What lies otherwise than it would be written now is written again, in the background: at the start, and
 * whenever keys change.
 */
export function encryptedStore(open: OpenStore, form: StoredForm, encryption: Encryption, logger: Logger): OpenStore {
  return async (visit) => {
    let bare: Store | undefined;
    // noted while everything is read anyway
    const stale: string[] = [];
    const formed = await formedStore(async (show) => {
      bare = await open((record) => {
        show(record);
        if (isStale(encryption, record)) stale.push(record.key);
      });
      return bare;
    }, encryption.over(form))(visit);
    const rewriter = new Rewriter(bare!, encryption, logger);
    if (stale.length > 0) rewriter.start(stale);
    const stop = encryption.onChange(() => rewriter.start());
    const close = formed.close.bind(formed);
    return Object.assign(formed, {
      close: async () => {
        stop();
        await rewriter.close();
        encryption.close();
        await close();
      },
    });
  };
}

/** What lies plain and is to lie plain is most of it. */
function isStale(encryption: Encryption, { key, value }: StoredRecord): boolean {
  if (key.startsWith(PASSING)) return false;
  const isEncrypted = value[0] === 0x6b && value[3] === 0x3a; // "k8s:"
  return (isEncrypted || encryption.concerns(key)) && encryption.isStale(key, value);
}

const RETRY_MS = 60_000;

type Wanted = readonly string[] | "all";

/** Writes values again that lie otherwise than they would be written now. */
class Rewriter {
  readonly #store: Store;
  readonly #encryption: Encryption;
  readonly #logger: Logger;
  #running: Promise<void> | undefined;
  #next: Wanted | undefined;
  #retry: Cancel | undefined;
  #closed = false;
  /** Why, of each that no key opens: the others are written again nevertheless. */
  #unreadable: unknown[] = [];

  constructor(store: Store, encryption: Encryption, logger: Logger) {
    this.#store = store;
    this.#encryption = encryption;
    this.#logger = logger;
  }

  /** @param wanted Keys to look at; all by default. */
  start(wanted: Wanted = "all"): void {
    this.#retry?.();
    this.#retry = undefined;
    this.#next = wanted;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    this.#retry?.();
  }

  async #run(): Promise<void> {
    while (this.#next !== undefined && !this.#closed) {
      const wanted = this.#next;
      this.#next = undefined;
      this.#unreadable = [];
      try {
        const count = wanted === "all" ? await this.#rewriteAll() : await this.#rewriteThese(wanted);
        if (count > 0) this.#logger.info("encrypted again with the first key", { objects: count });
        const [first] = this.#unreadable;
        if (first !== undefined)
          this.#logger.warn("cannot encrypt again", { objects: this.#unreadable.length, error: messageOf(first) });
      } catch (error) {
        this.#logger.warn("cannot encrypt again, tried anew in a minute", { error: messageOf(error) });
        this.#retry ??= this.#encryption.clock.after(RETRY_MS, () => this.start(), { background: true });
      }
    }
  }

  async #rewriteThese(keys: readonly string[]): Promise<number> {
    let count = 0;
    for (const key of keys) {
      const record = this.#closed ? undefined : await this.#store.get(key);
      if (record !== undefined && (await this.#rewrite(record))) count += 1;
    }
    return count;
  }

  async #rewriteAll(): Promise<number> {
    let count = 0;
    for await (const records of pagesOf(this.#store, "/registry/"))
      for (const record of records) if (!this.#closed && (await this.#rewrite(record))) count += 1;
    return count;
  }

  /** @returns whether it was. */
  async #rewrite(record: StoredRecord): Promise<boolean> {
    const { key, value, index, revision } = record;
    try {
      if (!isStale(this.#encryption, record)) return false;
      const next = await this.#encryption.renew(key, value);
      await this.#store.commit([{ type: "put", key, value: next, index, expected: revision }]);
      return true;
    } catch (error) {
      // who was faster wrote with the first key
      if (error instanceof StoreError && error.code === "conflict") return false;
      if (codeOf(error) !== "undecryptable") throw error;
      this.#unreadable.push(error);
      return false;
    }
  }
}
