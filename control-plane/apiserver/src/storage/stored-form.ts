import type { Mutation, OpenStore, Range, RangeOptions, Store, StoredRecord, StoreEvent } from "@tsukube/store";

/** An object as caches hold it: JSON in the storage version, and its index. */
export interface ReadableBytes {
  readonly value: Uint8Array;
  readonly index: Uint8Array;
}

/** How objects lie in the store, where that is not as caches hold them: protobuf, or encrypted. */
export interface StoredForm {
  /** @returns undefined for what is no object of the API: it is left alone. @throws when it should be one and cannot be read. */
  read(key: string, stored: ReadableBytes): ReadableBytes | undefined | Promise<ReadableBytes | undefined>;
  write(key: string, value: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Values lie as caches hold them. */
export const sameForm: StoredForm = { read: (_key, stored) => stored, write: (_key, value) => value };

/** A store whose reader sees every value in its readable form. */
export function formedStore(open: OpenStore, form: StoredForm): OpenStore {
  return async (visit) => {
    const waiting: Promise<void>[] = [];
    const store = await open((record) => {
      const shown = readable(form, record);
      if (shown instanceof Promise)
        waiting.push(shown.then((late) => late !== undefined && visit(late)).then(() => {}));
      else if (shown !== undefined) visit(shown);
    });
    try {
      await Promise.all(waiting);
    } catch (error) {
      await store.close();
      throw error;
    }
    return new FormedStore(store, form);
  };
}

function readable(
  form: StoredForm,
  record: StoredRecord,
): StoredRecord | undefined | Promise<StoredRecord | undefined> {
  const shown = form.read(record.key, record);
  if (shown instanceof Promise) return shown.then((late) => late && { ...record, ...late });
  return shown && { ...record, ...shown };
}

class FormedStore implements Store {
  readonly #store: Store;
  readonly #form: StoredForm;

  constructor(store: Store, form: StoredForm) {
    this.#store = store;
    this.#form = form;
  }

  get isShared(): boolean {
    return this.#store.isShared;
  }

  get revision(): number {
    return this.#store.revision;
  }

  get compactedRevision(): number {
    return this.#store.compactedRevision;
  }

  async get(key: string, options?: { readonly revision?: number }): Promise<StoredRecord | undefined> {
    const record = await this.#store.get(key, options);
    return record && readable(this.#form, record);
  }

  async range(prefix: string, options?: RangeOptions): Promise<Range> {
    const range = await this.#store.range(prefix, options);
    const shown = await Promise.all(range.records.map((record) => readable(this.#form, record)));
    return { ...range, records: shown.filter((record) => record !== undefined) };
  }

  latest(): Promise<number> {
    return this.#store.latest();
  }

  async commit(mutations: readonly Mutation[]): Promise<number> {
    return this.#store.commit(await Promise.all(mutations.map((mutation) => this.#written(mutation))));
  }

  async *watch(prefix: string, revision: number, signal: AbortSignal): AsyncIterable<StoreEvent> {
    for await (const event of this.#store.watch(prefix, revision, signal)) {
      if (event.type === "progress") {
        yield event;
        continue;
      }
      const now = event.type === "put" ? readable(this.#form, event.record) : undefined;
      const before = event.previous && readable(this.#form, event.previous);
      const record = now instanceof Promise ? await now : now;
      const previous = before instanceof Promise ? await before : before;
      if (event.type === "put" && record !== undefined) yield { ...event, record, previous };
      else if (event.type === "delete" && previous !== undefined) yield { ...event, previous };
    }
  }

  compact(revision: number): Promise<void> {
    return this.#store.compact(revision);
  }

  copy(): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#store.copy();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #written(mutation: Mutation): Promise<Mutation> {
    if (mutation.type === "delete") return mutation;
    return { ...mutation, value: await this.#form.write(mutation.key, mutation.value) };
  }
}
