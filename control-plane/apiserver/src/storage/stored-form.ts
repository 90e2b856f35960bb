import type { Mutation, OpenStore, Range, RangeOptions, Store, StoredRecord, StoreEvent } from "@tsukube/store";

/** An object as caches hold it: JSON in the storage version, and its index. */
export interface ReadableBytes {
  readonly value: Uint8Array;
  readonly index: Uint8Array;
  /** Whether it lies in another version than it would be written in now. */
  readonly isOutdated?: boolean;
}

/** How objects lie in the store, where that is not as caches hold them: protobuf, or encrypted. */
export interface StoredForm {
  /** @returns undefined for what is no object of the API: it is left alone. @throws when it should be one and cannot be read. */
  read(key: string, stored: ReadableBytes): ReadableBytes | undefined | Promise<ReadableBytes | undefined>;
  /** Reads what could not be read, whatever is remembered of why; absent: nothing is. */
  readAnew?(key: string, stored: ReadableBytes): ReturnType<StoredForm["read"]>;
  write(key: string, value: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** A record of a {@link formedStore} that is there and whose value cannot be read. */
interface UnreadableRecord extends StoredRecord {
  readonly problem: unknown;
  readAnew(): Promise<unknown>;
}

/** Why the value of a record cannot be read; undefined: it can. */
export function problemOf(record: StoredRecord): unknown {
  return (record as Partial<UnreadableRecord>).problem;
}

/** Whether the value of a record cannot be read now, whatever was remembered of why. */
export async function isUnreadable(record: StoredRecord): Promise<boolean> {
  if (problemOf(record) === undefined) return false;
  return (record as UnreadableRecord).readAnew().then(
    () => false,
    () => true,
  );
}

/** Values lie as caches hold them. */
export const sameForm: StoredForm = { read: (_key, stored) => stored, write: (_key, value) => value };

/**
 * A store whose reader sees every value in its readable form. What cannot be read is an error where it is asked for, and when the
 * store is opened; watches and ranges go on with a record that {@link problemOf} tells of. `previous` of events comes as it lies.
 */
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
  if (shown instanceof Promise) return shown.then((late) => late && shownAs(record, late));
  return shown === record ? record : shown && shownAs(record, shown); // most lie as they are
}

function shownAs<Shown extends object>({ key, revision, createRevision }: StoredRecord, shown: Shown) {
  return { key, revision, createRevision, ...shown };
}

function shownAnyhow(form: StoredForm, record: StoredRecord): ReturnType<typeof readable> {
  const readAnew = async (): Promise<unknown> => (form.readAnew ?? form.read)(record.key, record);
  const unreadable = (problem: unknown): UnreadableRecord =>
    shownAs(record, { value: NOTHING, index: NOTHING, problem, readAnew });
  try {
    const shown = readable(form, record);
    return shown instanceof Promise ? shown.catch(unreadable) : shown;
  } catch (problem) {
    return unreadable(problem);
  }
}

const NOTHING = new Uint8Array(0);

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
    const shown = await Promise.all(range.records.map((record) => shownAnyhow(this.#form, record)));
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
      if (event.type !== "put") {
        yield event;
        continue;
      }
      const shown = shownAnyhow(this.#form, event.record);
      const record = shown instanceof Promise ? await shown : shown;
      if (record !== undefined) yield { ...event, record };
    }
  }

  compact(revision: number): Promise<void> {
    return this.#store.compact(revision);
  }

  copy(): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#store.copy();
  }

  size(): Promise<number | undefined> {
    return this.#store.size();
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #written(mutation: Mutation): Promise<Mutation> {
    if (mutation.type === "delete") return mutation;
    return { ...mutation, value: await this.#form.write(mutation.key, mutation.value) };
  }
}
