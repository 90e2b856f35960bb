import { type Logger, messageOf } from "@tsukube/foundation";
import { type OpenStore, type Store, StoreError } from "@tsukube/store";
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
    const formed = await formedStore(async (show) => {
      bare = await open(show);
      return bare;
    }, encryption.over(form))(visit);
    const rewriter = new Rewriter(bare!, encryption, logger);
    rewriter.start();
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

/** Writes values again that lie otherwise than they would be written now. */
class Rewriter {
  readonly #store: Store;
  readonly #encryption: Encryption;
  readonly #logger: Logger;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(store: Store, encryption: Encryption, logger: Logger) {
    this.#store = store;
    this.#encryption = encryption;
    this.#logger = logger;
  }

  start(): void {
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      try {
        const count = await this.#rewrite();
        if (count > 0) this.#logger.info("encrypted again with the first key", { objects: count });
      } catch (error) {
        this.#logger.warn("cannot encrypt again", { error: messageOf(error) });
      }
    }
  }

  async #rewrite(): Promise<number> {
    let count = 0;
    const { records } = await this.#store.range("/registry/");
    for (const { key, value, index, revision } of records) {
      if (this.#closed || key.startsWith(PASSING)) continue;
      if (!this.#isStale(key, value)) continue;
      const next = await this.#encryption.renew(key, value);
      try {
        await this.#store.commit([{ type: "put", key, value: next, index, expected: revision }]);
        count += 1;
      } catch (error) {
        // who was faster wrote with the first key
        if (!(error instanceof StoreError && error.code === "conflict")) throw error;
      }
    }
    return count;
  }

  /** What lies plain and is to lie plain is most of it. */
  #isStale(key: string, value: Uint8Array): boolean {
    const isEncrypted = value[0] === 0x6b && value[3] === 0x3a; // "k8s:"
    return (isEncrypted || this.#encryption.concerns(key)) && this.#encryption.isStale(key, value);
  }
}
