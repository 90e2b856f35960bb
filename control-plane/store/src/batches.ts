/** etcd takes 128 operations in one transaction, */
const MAX_ENTRIES = 100;
/** and 1.5 MiB in one request, with what surrounds them. */
const MAX_BYTES = 1_000_000;

/** Gathers what is written into transactions: not too many entries in one, nor too many bytes. */
export class Batches<Entry> {
  readonly #write: (batch: readonly Entry[]) => Promise<unknown>;
  #entries: Entry[] = [];
  #bytes = 0;

  constructor(write: (batch: readonly Entry[]) => Promise<unknown>) {
    this.#write = write;
  }

  async add(entry: Entry, bytes: number): Promise<void> {
    if (this.#entries.length === MAX_ENTRIES || this.#bytes + bytes > MAX_BYTES) await this.flush();
    this.#entries.push(entry);
    this.#bytes += bytes;
  }

  async flush(): Promise<void> {
    const batch = this.#entries;
    this.#entries = [];
    this.#bytes = 0;
    if (batch.length > 0) await this.#write(batch);
  }
}
