import { readdir, rm } from "node:fs/promises";
import type { ContentStore } from "./content-store.ts";
import { migrateImages } from "./image-migration.ts";
import type { ImageStore } from "./image-store.ts";
import { type Snapshotter, shortName } from "./snapshotter.ts";

interface Deps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
}

/** Who holds layers, records of them, and blobs: an image does. */
export interface LayerHolder {
  readonly chain: readonly string[];
  readonly diffIds: readonly string[];
  readonly blobs: readonly string[];
}

/** Removes blobs and layers that no image holds. Who is making an image holds it off meanwhile. */
export class ImageGarbage {
  readonly #deps: Deps;
  readonly #others: (() => Iterable<LayerHolder>)[] = [];
  #holders = 0;
  #wanted = false;
  #collecting: Promise<void> = Promise.resolve();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Keeps everything until released: layers of an image are there before its record is. A collection that is under way ends with
   * what it is removing, and is waited for: what is there afterwards is there as a whole, and stays.
   */
  async hold(): Promise<() => Promise<void>> {
    this.#holders++;
    await this.#collecting;
    let held = true;
    return async () => {
      if (!held) return;
      held = false;
      this.#holders--;
      if (this.#wanted && this.#holders === 0) await this.collect();
    };
  }

  /** Keeps what others hold besides images, such as a cache of builds. Asked at each collection. */
  keep(others: () => Iterable<LayerHolder>): void {
    this.#others.push(others);
  }

  /** Collects now, or when the last holder is done. */
  async collect(): Promise<void> {
    this.#wanted = this.#holders > 0;
    if (this.#wanted) return;
    const collected = this.#collecting.then(() => this.#collect());
    this.#collecting = collected.catch(() => {});
    await collected;
  }

  async #collect(): Promise<void> {
    const { images, content, snapshotter } = this.#deps;
    const old = images.old.map((image) => ({ ...image, diffIds: [] }));
    const holders = [...images.all, ...old, ...this.#others.flatMap((others) => [...others()])];
    const layers = new Set(holders.flatMap((image) => image.chain.map(shortName)));
    const blobs = new Set(holders.flatMap((image) => image.blobs));
    const diffIds = new Set(holders.flatMap((image) => image.diffIds));
    for (const chain of await snapshotter.chains()) {
      if (this.#holders > 0) break;
      if (!layers.has(shortName(chain))) await snapshotter.removeChain(chain);
    }
    for (const blob of await content.list()) if (!blobs.has(blob) && this.#holders === 0) await content.remove(blob);
    for (const { diffId } of images.layers.all)
      if (!diffIds.has(diffId) && this.#holders === 0) await images.layers.remove(diffId);
    this.#wanted = this.#holders > 0;
  }

  /** At the start: brings records of an older version up to date, then removes also what was being written when the engine ended. */
  async collectAfterStart(folders: readonly string[]): Promise<void> {
    await migrateImages(this.#deps); // first: what they hold must be known
    for (const folder of folders)
      for (const name of await readdir(folder).catch(() => []))
        await rm(`${folder}/${name}`, { recursive: true, force: true });
    await this.collect();
  }
}
