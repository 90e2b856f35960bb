import type { ContentStore } from "./content-store.ts";
import type { ImageRecord } from "./image-store.ts";
import { MAX_DOCUMENT, type Manifest, readManifest } from "./manifest.ts";

/** A manifest as a registry gave it, byte for byte. */
export interface KeptManifest extends Manifest {
  readonly config: NonNullable<Manifest["config"]>;
  readonly layers: NonNullable<Manifest["layers"]>;
  readonly digest: string;
  readonly bytes: Buffer;
}

/** The manifest of an image among the blobs that it holds; undefined when it was made here. */
export async function keptManifest(
  content: ContentStore,
  image: Pick<ImageRecord, "id" | "blobs">,
): Promise<KeptManifest | undefined> {
  for (const digest of image.blobs) {
    if (digest === image.id || ((await content.size(digest)) ?? MAX_DOCUMENT) >= MAX_DOCUMENT) continue;
    const bytes = await content.read(digest);
    const manifest = bytes[0] === 0x7b ? manifestIn(bytes, image.id) : undefined; // a JSON document begins with {
    const { config, layers } = manifest ?? {};
    if (config?.digest === image.id && layers !== undefined) return { ...manifest, config, layers, digest, bytes };
  }
  return undefined;
}

function manifestIn(bytes: Buffer, name: string): Manifest | undefined {
  try {
    return readManifest(bytes, name);
  } catch {
    return undefined;
  }
}
