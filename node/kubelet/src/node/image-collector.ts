import { type Cancel, type Clock, type Logger, messageOf } from "@tsukube/foundation";
import type { Image } from "@tsukube/node-contracts/cri";
import type { Cri } from "../cri/runtime.ts";
import type { FileSystemUsage } from "../stats/node-usage.ts";

export interface ImageCollectorDeps {
  readonly cri: Pick<Cri, "runtime" | "images">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of the file system of the images. */
  usage(): Promise<FileSystemUsage>;
}

interface Seen {
  readonly first: number;
  lastUsed: number;
}

const EVERY_MS = 300_000;
/** An image that has just come is about to be used. */
const LEAST_AGE_MS = 120_000;
const GIB = 2 ** 30;
/** Less than 15 % free is too little, until 20 % are; of large disks some gigabytes do. */
const LOW = { part: 0.15, most: 4 * GIB };
const ENOUGH = { part: 0.2, most: 6 * GIB };

/** Removes images that no container uses, the longest unused first, when their file system fills up. */
export class ImageCollector {
  readonly #deps: ImageCollectorDeps;
  readonly #seen = new Map<string, Seen>();

  constructor(deps: ImageCollectorDeps) {
    this.#deps = deps;
  }

  start(): Cancel {
    const { clock, logger } = this.#deps;
    const collect = (): void =>
      void this.collect().catch((error: unknown) => logger.warn("cannot collect images", { error: messageOf(error) }));
    collect();
    return clock.every(EVERY_MS, collect, { background: true });
  }

  /** Frees space if there is too little. */
  async collect(): Promise<void> {
    const unused = await this.#unused();
    const { availableBytes, capacityBytes } = await this.#deps.usage();
    if (availableBytes >= Math.min(capacityBytes * LOW.part, LOW.most)) return;
    await this.#remove(unused, Math.min(capacityBytes * ENOUGH.part, ENOUGH.most) - availableBytes);
  }

  /** Frees all that can be had. @returns whether anything went. */
  async reclaim(): Promise<boolean> {
    return (await this.#remove(await this.#unused(), Number.POSITIVE_INFINITY)) > 0;
  }

  async #unused(): Promise<readonly Image[]> {
    const now = this.#deps.clock.now();
    const { images = [] } = await this.#deps.cri.images.ListImages({});
    const { containers = [] } = await this.#deps.cri.runtime.ListContainers({});
    const used = new Set(containers.flatMap(({ imageRef, imageId }) => [imageRef ?? "", imageId ?? ""]));
    const isUsed = ({ id = "", repoDigests = [] }: Image): boolean =>
      [id, ...repoDigests].some((name) => used.has(name));
    const ids = new Set(images.map(({ id }) => id ?? ""));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
    for (const image of images) {
      const seen = this.#seen.get(image.id ?? "") ?? { first: now, lastUsed: 0 };
      if (isUsed(image)) seen.lastUsed = now;
      this.#seen.set(image.id ?? "", seen);
    }
    const since = ({ id = "" }: Image): Seen => this.#seen.get(id) ?? { first: now, lastUsed: now };
    return images
      .filter((image) => image.pinned !== true && !isUsed(image))
      .filter((image) => now - Math.max(since(image).first, since(image).lastUsed) >= LEAST_AGE_MS)
      .sort((a, b) => since(a).lastUsed - since(b).lastUsed || since(a).first - since(b).first);
  }

  /** @returns how many went. */
  async #remove(images: readonly Image[], bytes: number): Promise<number> {
    let freed = 0;
    let gone = 0;
    for (const { id = "", size = 0 } of images) {
      if (freed >= bytes) break;
      try {
        await this.#deps.cri.images.RemoveImage({ image: { image: id } });
      } catch (error) {
        this.#deps.logger.debug("cannot remove an image", { id, error: messageOf(error) }); // it came into use
        continue;
      }
      this.#seen.delete(id);
      freed += Number(size);
      gone += 1;
    }
    if (gone > 0) this.#deps.logger.info("removed unused images", { images: gone, bytes: freed });
    return gone;
  }
}
