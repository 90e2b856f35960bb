import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { realClock, systemRandom } from "@tsukube/host";
import { systemMounts } from "@tsukube/kernel";
import { ContentStore } from "./content-store.ts";
import { ImageArchive } from "./image-archive.ts";
import { ImageGarbage } from "./image-garbage.ts";
import type { ImageConfig, ImageRecord } from "./image-store.ts";
import { ImageStore } from "./image-store.ts";
import { ImageTransfer } from "./image-transfer.ts";
import { digestOf, writeLayerTar } from "./layer-tar.ts";
import { OverlaySnapshotter } from "./overlay-snapshotter.ts";
import { RegistryClient } from "./registry-client.ts";
import { chainIds, type Fill, type Snapshotter } from "./snapshotter.ts";

/** Reads archives to their end and keeps their size: unpacking needs root and has tests of its own. Staged folders stay. */
export class ReadingSnapshotter implements Snapshotter {
  readonly driver = "reading";
  readonly sizes = new Map<string, number>();
  readonly #staged = new Map<string, string>();
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  has = (chainId: string): boolean => this.sizes.has(chainId);
  async commit(chainId: string, _: readonly string[], fill: Fill): Promise<void> {
    if (this.has(chainId)) return;
    let size = 0;
    if ("staged" in fill) this.#staged.set(chainId, fill.staged);
    if ("tar" in fill) for await (const part of fill.tar()) size += part.length;
    this.sizes.set(chainId, size);
  }
  mount = async (): Promise<void> => {};
  view = async (): Promise<void> => {};
  remove = async (): Promise<void> => {};
  writtenBytes = async (): Promise<number> => 0;
  changes = <T>(id: string, use: (folder: string | undefined) => Promise<T>): Promise<T> => use(id);
  clearLent = async (): Promise<void> => {};
  written = async (): Promise<readonly string[]> => [];
  stage = (): Promise<string> => mkdtemp(join(this.#folder, "staged-"));
  layerFolder = (chainId: string): string => this.#staged.get(chainId) ?? "";
  chains = async (): Promise<readonly string[]> => [...this.sizes.keys()];
  removeChain = async (chainId: string): Promise<void> => void this.sizes.delete(chainId);
}

/** A machine's images in a folder, with everything around them, for tests. Layers are real where a test is root. */
export class ImagesUnderTest<S extends Snapshotter = Snapshotter> {
  readonly folder: string;
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: S;
  readonly garbage: ImageGarbage;
  readonly transfer: ImageTransfer;
  readonly archive: ImageArchive;

  constructor(folder: string, snapshotter: S) {
    this.folder = folder;
    this.snapshotter = snapshotter;
    this.images = new ImageStore(`${folder}/images`, realClock);
    this.content = new ContentStore(`${folder}/blobs`, systemRandom);
    this.garbage = new ImageGarbage(this);
    const client = new RegistryClient({
      hosts: `${folder}/certs.d`,
      clock: realClock,
      random: systemRandom,
      stallMs: 10_000,
      backoffMs: 1,
    });
    this.transfer = new ImageTransfer({ ...this, client });
    this.archive = new ImageArchive(this);
  }

  static async reading(folder: string): Promise<ImagesUnderTest<ReadingSnapshotter>> {
    const machine = new ImagesUnderTest(folder, new ReadingSnapshotter(folder));
    await machine.images.load();
    return machine;
  }

  /** @param folder Where overlays work: in a scratch folder. */
  static async overlay(folder: string): Promise<ImagesUnderTest<OverlaySnapshotter>> {
    const machine = new ImagesUnderTest(folder, new OverlaySnapshotter(`${folder}/s`, systemMounts));
    await machine.images.load();
    return machine;
  }

  /** Makes an image as a builder does: a layer of what `fill` puts into a folder, above `base`. */
  async make(
    name: string,
    fill: (folder: string) => void | Promise<void>,
    config: ImageConfig = {},
    base?: ImageRecord,
  ): Promise<ImageRecord> {
    const release = await this.garbage.hold();
    const staged = await this.snapshotter.stage();
    await fill(staged);
    const { digest: diffId, size } = await digestOf(writeLayerTar(staged));
    const chainId = chainIds([...(base?.diffIds ?? []), diffId]).at(-1) as string;
    await this.snapshotter.commit(chainId, base?.chain ?? [], { staged });
    const image = await this.images.create({
      ...(base === undefined ? {} : { base }),
      layers: [{ diffId, chainId, size }],
      config,
      history: [{ created_by: "a test" }],
      names: [name],
    });
    await release();
    return image;
  }

  /** Everything that images leave on disk, to see that nothing is left. */
  async leftovers(): Promise<readonly string[]> {
    const blobs = await this.content.list();
    const unfinished = await Promise.all(
      [`${this.folder}/blobs/incoming`, `${this.folder}/s/new`].map((folder) => readdir(folder).catch(() => [])),
    );
    return [...blobs, ...(await this.snapshotter.chains()), ...unfinished.flat()];
  }
}
