import { mkdir, readdir, rm } from "node:fs/promises";
import { type Clock, TsukubeError } from "@tsukube/foundation";
import { readRecord, writeRecord } from "@tsukube/host";
import { Turns } from "../turns.ts";
import {
  type DocumentParts,
  documentOf,
  type ImageConfig,
  type ImageHistory,
  writeDocument,
} from "./image-document.ts";
import { LayerRecords } from "./layer-records.ts";
import type { LayerMetadata } from "./layer-tar.ts";
import { OWN_PLATFORM, type Platform } from "./platform.ts";
import { formatReference, parseReference } from "./reference.ts";

export type { ImageConfig } from "./image-document.ts";

/** An image on this machine. One checksummed file each. */
export interface ImageRecord extends DocumentParts {
  /** sha256 of its configuration. */
  readonly id: string;
  /** Its OCI configuration, byte for byte; {@link documentOf} reads it. */
  readonly document: string;
  /** Digests of its layers' archives, uncompressed; lowest first. */
  readonly diffIds: readonly string[];
  /** Whole names with tags, "docker.io/library/busybox:latest". */
  readonly names: readonly string[];
  /** When it was last given a name with a tag; milliseconds since the epoch. Absent: never, or by an older version. */
  readonly taggedAt?: number;
  /** Whole names with digests. */
  readonly digests: readonly string[];
  readonly config: ImageConfig;
  /** Names of its layers' snapshots, one for each diff id; lowest first. */
  readonly chain: readonly string[];
  /** Blobs that it holds: manifest, configuration, layers. Layers made here have none. */
  readonly blobs: readonly string[];
  readonly sizeBytes: number;
  /** Not to be collected as garbage. */
  readonly pinned: boolean;
  /** Their blobs are among its own. */
  readonly attestations?: readonly Attestation[];
}

/** A statement about an image. It goes to registries beside the image. */
export interface Attestation {
  /** "https://slsa.dev/provenance/v1", "https://spdx.dev/Document". */
  readonly predicateType: string;
  /** Of the predicate, a JSON document that is kept as a blob. */
  readonly digest: string;
}

/** A record of an older version: a real image is made of it after the start. */
export type OldImageRecord = Omit<ImageRecord, keyof DocumentParts> & Pick<ImageRecord, "id" | "config">;

/** A layer that was made here and lies in the snapshotter. */
export interface NewLayer {
  /** Of what `writeLayerTar(snapshotter.layerFolder(chainId), { metadata })` gives. */
  readonly diffId: string;
  /** That it was committed as: `chainIds([...base.diffIds, ...new])` or any other name. */
  readonly chainId: string;
  /** Of the uncompressed archive, in bytes. */
  readonly size: number;
  /** "kept" by default. */
  readonly metadata?: LayerMetadata;
  /** Kept with the layer's record, to find it again. */
  readonly source?: string;
}

/** An image made here. */
export interface NewImage {
  /** The image below; from scratch without one. Its platform and history go on. */
  readonly base?: ImageRecord;
  /** Above the base, lowest first; none for an image that differs in its configuration alone. */
  readonly layers: readonly NewLayer[];
  /** The whole configuration: nothing of the base's is added. */
  readonly config: ImageConfig;
  /** Steps after the base's, with one entry for each new layer, and `empty_layer` entries between them. */
  readonly history?: readonly ImageHistory[];
  /** RFC 3339. The id depends on it. */
  readonly created?: string;
  readonly author?: string;
  /** The base's, or this machine's. */
  readonly platform?: Platform;
  /** Which steps made its layers, for builds elsewhere. */
  readonly buildCache?: object;
  /** Whole names with tags; the images that had them lose them. */
  readonly names: readonly string[];
  readonly digests?: (id: string) => readonly string[];
  readonly pinned?: boolean;
  readonly attestations?: readonly Attestation[];
}

/** The images of this machine, in memory and on disk. */
export class ImageStore {
  /** What is known of the archives of their layers. */
  readonly layers: LayerRecords;
  readonly #folder: string;
  readonly #clock: Pick<Clock, "now">;
  readonly #images = new Map<string, ImageRecord>();
  readonly #old = new Map<string, OldImageRecord>();
  readonly #turns = new Turns();

  constructor(folder: string, clock: Pick<Clock, "now">) {
    this.#folder = folder;
    this.#clock = clock;
    this.layers = new LayerRecords(`${folder}/.layers`);
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      if (name.startsWith(".")) continue;
      const record = await readRecord<ImageRecord | OldImageRecord>(`${this.#folder}/${name}`);
      if (record === undefined) continue;
      if ("document" in record) this.#images.set(record.id, record);
      else this.#old.set(record.id, record);
    }
    await this.layers.load();
  }

  get all(): readonly ImageRecord[] {
    return [...this.#images.values()];
  }

  /** Records of an older version, which are no images before `migrateImages`; they hold their layers and blobs. */
  get old(): readonly OldImageRecord[] {
    return [...this.#old.values()];
  }

  /** By id ("sha256:…", its hex, or the first 12 and more digits of it), tag or digest; undefined when there is none. */
  find(name: string): ImageRecord | undefined {
    const byId = this.#images.get(name) ?? this.#images.get(`sha256:${name}`);
    if (byId !== undefined) return byId;
    const whole = wholeName(name);
    const named = this.all.find((image) => image.names.includes(whole) || image.digests.includes(whole));
    if (named !== undefined || !/^(sha256:)?[0-9a-f]{12,63}$/.test(name)) return named;
    const fitting = this.all.filter(({ id }) => id.startsWith(`sha256:${name.replace("sha256:", "")}`));
    return fitting.length === 1 ? fitting[0] : undefined;
  }

  /**
   * Adds an image that was made here; what a builder does at its end:
   * 1. `release = await garbage.hold()`, so that layers without an image stay;
   * 2. for each layer a folder, from `snapshotter.stage()` or the writable folder of a container that ended;
   * 3. `{ digest: diffId, size } = await digestOf(writeLayerTar(folder))`, `chainId` from `chainIds`;
   * 4. `await snapshotter.commit(chainId, parents, { staged: folder })`, which moves it;
   * 5. `await images.create({ base, layers, config, history, names })`, then `release()`.
   */
  async create(image: NewImage): Promise<ImageRecord> {
    return this.put(await this.describe(image));
  }

  /** What {@link create} would add; none of the images. */
  async describe(image: NewImage): Promise<ImageRecord> {
    const { base, layers, config, history = [], created, author, names } = image;
    const below = base === undefined ? undefined : documentOf(base);
    const { os = OWN_PLATFORM.os, architecture = OWN_PLATFORM.architecture, variant } = image.platform ?? below ?? {};
    const parts = writeDocument({
      ...(created === undefined ? {} : { created }),
      ...(author === undefined ? {} : { author }),
      os,
      architecture,
      ...(variant === undefined ? {} : { variant }),
      config,
      rootfs: { type: "layers", diff_ids: [...(base?.diffIds ?? []), ...layers.map((layer) => layer.diffId)] },
      history: [...(below?.history ?? []), ...history],
      ...(image.buildCache === undefined ? {} : { "tsukube.buildcache.v1": image.buildCache }),
    });
    for (const { diffId, size, metadata = "kept", source } of layers)
      await this.layers.made(diffId, { size, metadata, ...(source === undefined ? {} : { source }) });
    return {
      ...parts,
      names,
      digests: image.digests?.(parts.id) ?? [],
      chain: [...(base?.chain ?? []), ...layers.map((layer) => layer.chainId)],
      blobs: [...(base?.blobs ?? []), ...(image.attestations ?? []).map(({ digest }) => digest)],
      ...(image.attestations === undefined ? {} : { attestations: image.attestations }),
      sizeBytes: (base?.sizeBytes ?? 0) + layers.reduce((sum, layer) => sum + layer.size, 0),
      pinned: image.pinned ?? false,
    };
  }

  /** Adds an image, or names and blobs to one that is there; a tag leaves the image that had it. */
  put(image: ImageRecord): Promise<ImageRecord> {
    return this.#exclusive(() => this.#put(image));
  }

  /**
   * Gives names to an image that is there.
   * @param names With tags, whole; the images that had them lose them.
   * @param digests With digests, whole.
   * @throws {TsukubeError} `not-found` when it is gone.
   */
  name(id: string, names: readonly string[], digests: readonly string[] = []): Promise<ImageRecord> {
    return this.#exclusive(async () => {
      const image = this.#images.get(id);
      if (image === undefined) throw new TsukubeError("not-found", `No such image: ${id}`);
      return this.#put({ ...image, names, digests });
    });
  }

  async #put(image: ImageRecord): Promise<ImageRecord> {
    for (const other of this.all) {
      const names = other.names.filter((name) => !image.names.includes(name));
      if (other.id !== image.id && names.length < other.names.length) await this.#write({ ...other, names });
    }
    const known = this.#images.get(image.id);
    const attestations = image.attestations ?? known?.attestations;
    const merged = {
      ...image,
      ...(attestations === undefined ? {} : { attestations }),
      names: [...new Set([...(known?.names ?? []), ...image.names])],
      ...(image.names.length === 0 ? {} : { taggedAt: this.#clock.now() }),
      digests: [...new Set([...(known?.digests ?? []), ...image.digests])],
      pinned: image.pinned || known?.pinned === true,
      blobs: [...new Set([...(known?.blobs ?? []), ...image.blobs])],
    };
    await this.#write(merged);
    return merged;
  }

  /** Takes a name, with tag or digest, from an image, which stays; false when the image has no such name. */
  untag(id: string, name: string): Promise<boolean> {
    return this.#exclusive(async () => {
      const image = this.#images.get(id);
      const whole = wholeName(name);
      if (image === undefined || !(image.names.includes(whole) || image.digests.includes(whole))) return false;
      const without = (names: readonly string[]) => names.filter((other) => other !== whole);
      await this.#write({ ...image, names: without(image.names), digests: without(image.digests) });
      return true;
    });
  }

  /**
   * @param isHeld Asked right before the image is gone: true keeps it.
   * @returns what was removed; undefined when it is held, or was not there.
   */
  remove(id: string, isHeld: (image: ImageRecord) => boolean = () => false): Promise<ImageRecord | undefined> {
    return this.#exclusive(async () => {
      const image = this.#images.get(id);
      if (image !== undefined && isHeld(image)) return undefined;
      this.#images.delete(id); // at once: nobody begins to use it while the disk is written
      this.#old.delete(id);
      await rm(this.#path(id), { force: true });
      return image;
    });
  }

  /** Names move between images: whoever changes one reads all that others have written. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.take("", work);
  }

  async #write(image: ImageRecord): Promise<void> {
    await writeRecord(this.#path(image.id), image);
    this.#images.set(image.id, image);
    this.#old.delete(image.id);
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
