import { invalid } from "./archive-contents.ts";
import { readImages } from "./archive-load.ts";
import { choose, saveImages } from "./archive-save.ts";
import type { ContentStore } from "./content-store.ts";
import type { ImageGarbage } from "./image-garbage.ts";
import type { ImageRecord, ImageStore } from "./image-store.ts";
import type { Snapshotter } from "./snapshotter.ts";

export interface ArchiveDeps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly garbage: ImageGarbage;
}

/** Images as files: `docker save` and `docker load`. */
export class ImageArchive {
  readonly #deps: ArchiveDeps;

  constructor(deps: ArchiveDeps) {
    this.#deps = deps;
  }

  /**
   * A tar archive with images: an OCI image layout that `docker load` reads, too. Layers that are kept as blobs go in as they
   * are; those of images made here are written from their snapshots, uncompressed. The same images give the same bytes.
   * @param names Tags, which the archive keeps, or ids and digests, which leave an image without a name.
   * @throws {TsukubeError} While it is read: `not-found` before the first byte; `damaged`.
   */
  async *save(names: readonly string[]): AsyncGenerator<Buffer> {
    const release = await this.#deps.garbage.hold();
    try {
      yield* saveImages(this.#deps, choose(this.#deps.images, names));
    } finally {
      await release();
    }
  }

  /**
   * Loads every image of an archive of `docker save` (of any version since 1.10) or of an OCI image layout, gzip, zstd or plain;
   * of images for several platforms the one for this machine. All of them, or none: what a failure leaves is removed.
   * @returns them with the names that the archive has for them, which may be none.
   * @throws {TsukubeError} `invalid-archive`, `invalid-tar`, `invalid-image`, `wrong-digest`, `no-platform`, `unsupported`.
   */
  async load(source: AsyncIterable<Uint8Array>): Promise<readonly ImageRecord[]> {
    const { images, garbage } = this.#deps;
    const release = await garbage.hold();
    try {
      const records: ImageRecord[] = [];
      for (const image of await readImages(this.#deps, source))
        records.push({ ...(await images.put(image)), names: image.names });
      if (records.length === 0) throw invalid("it holds no image");
      return records;
    } finally {
      await garbage.collect(); // at the release: files of the archive that belong to no image
      await release();
    }
  }
}
