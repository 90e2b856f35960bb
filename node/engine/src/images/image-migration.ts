import type { ContentStore } from "./content-store.ts";
import { readDocument, writeDocument } from "./image-document.ts";
import type { ImageStore, OldImageRecord } from "./image-store.ts";
import { keptManifest } from "./kept-manifest.ts";
import { digestOf, writeLayerTar } from "./layer-tar.ts";
import { OWN_PLATFORM } from "./platform.ts";
import type { Snapshotter } from "./snapshotter.ts";

interface Deps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
}

/**
 * Makes real images of records that an older version wrote: they lacked the configuration and the digests of the layers.
 * What cannot be read stays as it is: no image, but its layers, on which containers may run, are held; pulling it again heals it.
 */
export async function migrateImages(deps: Deps): Promise<void> {
  for (const old of deps.images.old) {
    try {
      await (old.blobs.length > 0 ? migratePulled(deps, old) : migrateMade(deps, old));
    } catch {
      // pulled again, or made again at its first use
    }
  }
}

async function migratePulled({ images, content }: Deps, old: OldImageRecord): Promise<void> {
  const parts = readDocument(await content.read(old.id), old.id);
  const manifest = await keptManifest(content, old);
  if (manifest?.layers.length !== parts.diffIds.length) return;
  for (const [index, layer] of manifest.layers.entries()) await images.layers.found(parts.diffIds[index] ?? "", layer);
  await images.put({ ...old, ...parts });
}

/** An image of this machine's files: its id was no digest of a configuration, so it gets another. */
async function migrateMade({ images, snapshotter }: Deps, old: OldImageRecord): Promise<void> {
  const diffIds: string[] = [];
  for (const chainId of old.chain) {
    const { digest, size } = await digestOf(writeLayerTar(snapshotter.layerFolder(chainId), { metadata: "plain" }));
    await images.layers.made(digest, { size, metadata: "plain" });
    diffIds.push(digest);
  }
  const parts = writeDocument({ ...OWN_PLATFORM, config: old.config, rootfs: { type: "layers", diff_ids: diffIds } });
  const digests = old.digests.map((name) => name.replace(old.id, parts.id));
  await images.put({ ...old, ...parts, digests });
  await images.remove(old.id);
}
