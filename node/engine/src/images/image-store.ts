import { mkdir, readdir, rm } from "node:fs/promises";
import { readRecord, writeRecord } from "@tsukube/host";
import { formatReference, parseReference } from "./reference.ts";

/** The `config` of an OCI image configuration (image spec, config.md). */
export interface ImageConfig {
  readonly User?: string;
  readonly Env?: readonly string[];
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly StopSignal?: string;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
}

/** An image on this machine. One checksummed file each. */
export interface ImageRecord {
  /** Digest of its configuration. */
  readonly id: string;
  /** Whole names with tags, "docker.io/library/busybox:latest". */
  readonly names: readonly string[];
  /** Whole names with digests. */
  readonly digests: readonly string[];
  readonly config: ImageConfig;
  /** Chain ids of its layers, lowest first. */
  readonly chain: readonly string[];
  /** Blobs that it holds: manifest, configuration, layers. */
  readonly blobs: readonly string[];
  readonly sizeBytes: number;
  /** Not to be collected as garbage. */
  readonly pinned: boolean;
}

/** The images of this machine, in memory and on disk. */
export class ImageStore {
  readonly #folder: string;
  readonly #images = new Map<string, ImageRecord>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith(".")) continue;
      const record = await readRecord<ImageRecord>(`${this.#folder}/${name}`);
      if (record !== undefined) this.#images.set(record.id, record);
    }
  }

  get all(): readonly ImageRecord[] {
    return [...this.#images.values()];
  }

  /** By id ("sha256:…", or its hex), tag or digest; undefined when there is none. */
  find(name: string): ImageRecord | undefined {
    const byId = this.#images.get(name) ?? this.#images.get(`sha256:${name}`);
    if (byId !== undefined) return byId;
    const whole = wholeName(name);
    return this.all.find((image) => image.names.includes(whole) || image.digests.includes(whole));
  }

  /** Adds an image, or names to one that is there; a tag leaves the image that had it. */
  async put(image: ImageRecord): Promise<ImageRecord> {
    for (const other of this.all) {
      const names = other.names.filter((name) => !image.names.includes(name));
      if (other.id !== image.id && names.length < other.names.length) await this.#write({ ...other, names });
    }
    const known = this.#images.get(image.id);
    const merged = {
      ...image,
      names: [...new Set([...(known?.names ?? []), ...image.names])],
      digests: [...new Set([...(known?.digests ?? []), ...image.digests])],
    };
    await this.#write(merged);
    return merged;
  }

  async remove(id: string): Promise<void> {
    await rm(this.#path(id), { force: true });
    this.#images.delete(id);
  }

  async #write(image: ImageRecord): Promise<void> {
    await writeRecord(this.#path(image.id), image);
    this.#images.set(image.id, image);
  }

  #path(id: string): string {
    return `${this.#folder}/${id.replace(":", "-")}`;
  }
}

function wholeName(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}
