import type { ContentStore } from "./content-store.ts";
import type { ImageStore } from "./image-store.ts";
import { layerTarIn } from "./layer-archives.ts";
import type { Descriptor } from "./manifest.ts";
import type { Snapshotter } from "./snapshotter.ts";

interface Deps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
}

export interface UnpackOptions {
  /** "registry/name" that the blob came from. */
  readonly repository?: string;
  readonly onBytes?: (bytes: number) => void;
}

/**
 * Makes the snapshot of a layer whose blob is kept, and remembers the blob as the layer's. A blob is believed to hold the layer
 * only once its content was seen, even where the snapshot is there already.
 * @param chain Up to this layer.
 * @throws {TsukubeError} `wrong-digest`, `invalid-tar`, `invalid-archive`.
 */
export async function unpackBlob(
  { images, content, snapshotter }: Deps,
  blob: Descriptor,
  diffId: string,
  chain: readonly string[],
  options: UnpackOptions = {},
): Promise<void> {
  let seen = images.layers.get(diffId)?.forms.some((form) => form.digest === blob.digest) === true;
  const tar = () => {
    seen = true;
    return layerTarIn(content.stream(blob.digest), diffId, options.onBytes);
  };
  await snapshotter.commit(chain.at(-1) ?? "", chain.slice(0, -1), { tar });
  if (!seen) for await (const _ of tar());
  await images.layers.found(diffId, blob, options.repository);
}
