import { createHash } from "node:crypto";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import type { ContentStore } from "./content-store.ts";
import { counted } from "./counted.ts";
import { decompressed } from "./decompressed.ts";
import type { ImageRecord, ImageStore } from "./image-store.ts";
import { writeLayerTar } from "./layer-tar.ts";
import { type Descriptor, layerType } from "./manifest.ts";
import type { Snapshotter } from "./snapshotter.ts";

interface Deps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
}

/** Something with layers of this machine: an image, or steps of builds. */
export type Layered = Pick<ImageRecord, "diffIds" | "chain" | "blobs">;

/** Where the archive of a layer comes from. */
export interface LayerArchive {
  /** What `content()` gives; kept blobs may be compressed, archives from a snapshot are not. */
  readonly descriptor: Descriptor;
  readonly origin: "exact" | "kept" | "snapshot";
  /** Fails at its end unless its digest is the descriptor's. */
  readonly content: () => AsyncIterable<Buffer>;
}

/** The archives of images' layers: blobs that are kept, or written again from the snapshot. */
export class LayerArchives {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * The archive of a layer.
   * @param index From the lowest, 0.
   * @throws {TsukubeError} `damaged` when neither a blob nor the way to make it is there.
   */
  async of(image: Layered, index: number): Promise<LayerArchive> {
    const { content, images, snapshotter } = this.#deps;
    const diffId = image.diffIds[index] ?? "";
    const chainId = image.chain[index] ?? "";
    const record = images.layers.get(diffId);
    const forms = [...(record?.forms ?? [])].sort((a, b) => held(image, b) - held(image, a));
    for (const { mediaType, digest, size } of forms) {
      if ((await content.size(digest)) !== size) continue;
      const stream = (): AsyncGenerator<Buffer> => soundBlob(content, { digest, size });
      return { descriptor: { mediaType, digest, size }, origin: "kept", content: stream };
    }
    const made = record?.made;
    if (made === undefined || !snapshotter.has(chainId)) {
      throw new TsukubeError(
        "damaged",
        `Cannot read layer "${diffId}": neither its archive nor its files are kept, expected one of both; remove the image and pull or build it again`,
      );
    }
    const folder = snapshotter.layerFolder(chainId);
    return {
      descriptor: { mediaType: layerType(""), digest: diffId, size: made.size },
      origin: "snapshot",
      content: () => verified(writeLayerTar(folder, { metadata: made.metadata }), diffId, made.size, "its files"),
    };
  }
}

function held(image: Layered, { digest }: Descriptor): number {
  return image.blobs.includes(digest) ? 1 : 0;
}

/**
 * The tar archive in a blob that holds a layer, whatever its compression. Fails at the end unless its digest is `diffId`.
 * @param onBytes Told how much of the blob was read.
 */
export async function* layerTarIn(
  blob: AsyncIterable<Uint8Array>,
  diffId: string,
  onBytes: (bytes: number) => void = () => {},
): AsyncGenerator<Buffer> {
  const [algorithm = "sha256"] = diffId.split(":");
  const hash = createHash(algorithm);
  for await (const part of decompressed(counted(blob, onBytes))) {
    hash.update(part);
    yield part;
  }
  const digest = `${algorithm}:${hash.digest("hex")}`;
  if (digest !== diffId) {
    throw new TsukubeError(
      "wrong-digest",
      `Cannot unpack layer: its content is ${digest}, expected ${diffId} as the image's configuration says`,
    );
  }
}

/** A blob that is kept. One that was damaged is removed, so that a pull fetches it again. @throws {TsukubeError} `damaged` at its end. */
export async function* soundBlob(
  content: ContentStore,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
): AsyncGenerator<Buffer> {
  try {
    yield* verified(content.stream(digest), digest, size, "the blob");
  } catch (error) {
    if (codeOf(error) === "damaged") await content.remove(digest);
    throw error;
  }
}

/** Fails before it gives more than `size` bytes, and at the end when they were fewer or others. */
async function* verified(
  source: AsyncIterable<Buffer>,
  digest: string,
  size: number,
  what: string,
): AsyncGenerator<Buffer> {
  const [algorithm = "sha256"] = digest.split(":");
  const hash = createHash(algorithm);
  let bytes = 0;
  for await (const part of source) {
    bytes += part.length;
    if (bytes > size) break;
    hash.update(part);
    yield part;
  }
  if (bytes !== size || `${algorithm}:${hash.digest("hex")}` !== digest) {
    throw damaged(digest, what);
  }
}

/** Why a layer cannot be read. @param what Holds it. */
export function damaged(digest: string, what: string): TsukubeError {
  return new TsukubeError(
    "damaged",
    `Cannot read layer "${digest}": ${what} changed on disk, expected what the image was made with; remove the image and pull or build it again`,
  );
}
