import { mkdir, readdir, rm } from "node:fs/promises";
import { readRecord, writeRecord } from "@tsukube/host";
import type { LayerMetadata } from "./layer-tar.ts";
import type { Descriptor } from "./manifest.ts";

/** A blob that holds a layer's archive, compressed or not. */
interface LayerForm extends Descriptor {
  /** Repositories ("registry/name") that have it: others of the same registry can mount it. */
  readonly repositories: readonly string[];
}

/** What is known of a layer's archive. One checksummed file each. */
export interface LayerRecord {
  /** Digest of the archive, uncompressed. */
  readonly diffId: string;
  /** Of a layer made here, which keeps no archive: it is written again from the snapshot, with these options. */
  readonly made?: {
    /** Of the uncompressed archive, in bytes. */
    readonly size: number;
    readonly metadata: LayerMetadata;
    /** Tells whether the files that it was made from are the same as before. */
    readonly source?: string;
  };
  /** Kept, or known to be in a registry. */
  readonly forms: readonly LayerForm[];
}

/** The layers of this machine's images, by diff id. */
export class LayerRecords {
  readonly #folder: string;
  readonly #records = new Map<string, LayerRecord>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith(".")) continue;
      const record = await readRecord<LayerRecord>(`${this.#folder}/${name}`);
      if (record !== undefined) this.#records.set(record.diffId, record);
    }
  }

  get(diffId: string): LayerRecord | undefined {
    return this.#records.get(diffId);
  }

  get all(): readonly LayerRecord[] {
    return [...this.#records.values()];
  }

  /** Remembers how a layer was made here. */
  async made(diffId: string, made: NonNullable<LayerRecord["made"]>): Promise<void> {
    const known = this.#records.get(diffId);
    const same = known?.made !== undefined && JSON.stringify(known.made) === JSON.stringify(made);
    if (!same) await this.#write({ diffId, forms: known?.forms ?? [], made });
  }

  /** Remembers a blob with the layer, and where it is. */
  async found(diffId: string, { mediaType, digest, size }: Descriptor, repository?: string): Promise<void> {
    const known = this.#records.get(diffId);
    const before = known?.forms.find((form) => form.digest === digest);
    const repositories = [
      ...new Set([...(before?.repositories ?? []), ...(repository === undefined ? [] : [repository])]),
    ];
    if (before !== undefined && before.repositories.length === repositories.length) return;
    const others = (known?.forms ?? []).filter((form) => form.digest !== digest);
    await this.#write({ ...known, diffId, forms: [...others, { mediaType, digest, size, repositories }] });
  }

  async remove(diffId: string): Promise<void> {
    await rm(this.#path(diffId), { force: true });
    this.#records.delete(diffId);
  }

  async #write(record: LayerRecord): Promise<void> {
    await writeRecord(this.#path(record.diffId), record);
    this.#records.set(record.diffId, record);
  }

  #path(diffId: string): string {
    return `${this.#folder}/${diffId.replace(":", "-")}`;
  }
}
