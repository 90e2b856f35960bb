import { readdir, rm } from "node:fs/promises";
import type { ContentStore } from "./content-store.ts";
import type { ImageStore } from "./image-store.ts";
import { type Snapshotter, shortName } from "./snapshotter.ts";

interface Deps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
}

/** Removes blobs and layers that no image holds. Who is making an image holds it off meanwhile. */
export class ImageGarbage {
  readonly #deps: Deps;
  #holders = 0;
  #wanted = false;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Keeps everything until released: layers of an image are there before its record is. */
  hold(): () => Promise<void> {
    this.#holders++;
    let held = true;
    return async () => {
      if (!held) return;
      held = false;
      this.#holders--;
      if (this.#wanted && this.#holders === 0) await this.collect();
    };
  }

  /** Collects now, or when the last holder is done. */
  async collect(): Promise<void> {
    this.#wanted = this.#holders > 0;
    if (this.#wanted) return;
    const { images, content, snapshotter } = this.#deps;
    const layers = new Set(images.all.flatMap((image) => image.chain.map(shortName)));
    const blobs = new Set(images.all.flatMap((image) => image.blobs));
    for (const chain of await snapshotter.chains()) {
      if (this.#holders > 0) break;
      if (!layers.has(shortName(chain))) await snapshotter.removeChain(chain);
    }
    for (const blob of await content.list()) if (!blobs.has(blob) && this.#holders === 0) await content.remove(blob);
    this.#wanted = this.#holders > 0;
  }

  /** At the start: also what was being written when the engine ended. */
  async collectAfterStart(folders: readonly string[]): Promise<void> {
    for (const folder of folders)
      for (const name of await readdir(folder).catch(() => []))
        await rm(`${folder}/${name}`, { recursive: true, force: true });
    await this.collect();
  }
}
