import { TsukubeError } from "@tsukube/foundation";
import type { ArchiveDeps } from "./image-archive.ts";
import type { ImageRecord, ImageStore } from "./image-store.ts";
import { keptManifest } from "./kept-manifest.ts";
import { LayerArchives } from "./layer-archives.ts";
import { digestOf } from "./layer-tar.ts";
import { type Descriptor, OCI_INDEX, OCI_MANIFEST, writeManifest } from "./manifest.ts";
import { formatReference, parseReference, shortReference } from "./reference.ts";
import { TAR_END, tarHeader, tarPadding } from "./tar-header.ts";

/** An image with the names under which it is saved. */
export interface Chosen {
  readonly image: ImageRecord;
  readonly names: ReadonlySet<string>;
}

interface Blob {
  readonly size: number;
  readonly content: () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** What an archive says of an image. */
interface Described {
  readonly chosen: Chosen;
  readonly manifest: Descriptor;
  readonly layers: readonly Descriptor[];
}

/** The bytes of an archive with these images. Hold off garbage meanwhile. */
export async function* saveImages(deps: ArchiveDeps, images: readonly Chosen[]): AsyncGenerator<Buffer> {
  const blobs = new Map<string, Blob>();
  const described: Described[] = [];
  for (const chosen of images) described.push(await describe(deps, chosen, blobs));
  for (const folder of ["blobs/", "blobs/sha256/"])
    yield tarHeader({ path: folder, type: "directory", mode: 0o755, uid: 0, gid: 0, size: 0, mtime: 0 });
  for (const [digest, blob] of blobs) yield* file(pathOf(digest), blob);
  yield* document("index.json", indexOf(described));
  yield* document("manifest.json", dockerManifest(described));
  yield* document("oci-layout", { imageLayoutVersion: "1.0.0" });
  yield TAR_END;
}

/** @throws {TsukubeError} `not-found` when one is missing. */
export function choose(images: ImageStore, names: readonly string[]): readonly Chosen[] {
  const chosen = new Map<string, { readonly image: ImageRecord; readonly names: Set<string> }>();
  for (const name of names) {
    const image = images.find(name);
    if (image === undefined)
      throw new TsukubeError(
        "not-found",
        `Cannot save "${name}": no such image on this machine, expected one; pull it`,
      );
    const entry = chosen.get(image.id) ?? { image, names: new Set<string>() };
    chosen.set(image.id, entry);
    const tag = image.names.find((known) => known === wholeName(name));
    if (tag !== undefined) entry.names.add(tag);
  }
  return [...chosen.values()];
}

async function describe(deps: ArchiveDeps, chosen: Chosen, blobs: Map<string, Blob>): Promise<Described> {
  const { image } = chosen;
  const archives = new LayerArchives(deps);
  const found = await Promise.all(image.diffIds.map((_, index) => archives.of(image, index)));
  for (const { descriptor, content } of found) blobs.set(descriptor.digest, { size: descriptor.size, content });
  const layers = found.map(({ descriptor }) => descriptor);
  const document = Buffer.from(image.document);
  addBytes(blobs, image.id, document);
  const kept = await keptManifest(deps.content, image);
  const same = kept?.layers.every((layer, index) => layer.digest === layers[index]?.digest) === true;
  const bytes = same ? kept.bytes : writeManifest({ digest: image.id, size: document.length }, layers);
  const { digest, size } = await digestOf([bytes]);
  addBytes(blobs, digest, bytes);
  return { chosen, manifest: { mediaType: (same ? kept.mediaType : undefined) ?? OCI_MANIFEST, digest, size }, layers };
}

function addBytes(blobs: Map<string, Blob>, digest: string, bytes: Buffer): void {
  blobs.set(digest, { size: bytes.length, content: () => [bytes] });
}

/** OCI image spec, image-layout.md, with containerd's annotation for whole names. */
function indexOf(described: readonly Described[]): object {
  const manifests = described.flatMap(({ chosen: { image, names }, manifest }) => {
    const entry = { ...manifest, platform: { architecture: image.architecture, os: image.os } };
    if (names.size === 0) return [entry];
    return [...names].map((name) => ({
      ...entry,
      annotations: {
        "io.containerd.image.name": name,
        "org.opencontainers.image.ref.name": parseReference(name).tag ?? "latest",
      },
    }));
  });
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
}

/** What `docker load` reads. */
function dockerManifest(described: readonly Described[]): object {
  return described.map(({ chosen: { image, names }, layers }) => ({
    Config: pathOf(image.id),
    RepoTags: names.size === 0 ? null : [...names].map((name) => shortReference(parseReference(name))),
    Layers: layers.map(({ digest }) => pathOf(digest)),
  }));
}

function pathOf(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

async function* document(path: string, value: object): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(JSON.stringify(value));
  yield* file(path, { size: bytes.length, content: () => [bytes] });
}

async function* file(path: string, { size, content }: Blob): AsyncGenerator<Buffer> {
  yield tarHeader({ path, type: "file", mode: 0o644, uid: 0, gid: 0, size, mtime: 0 });
  for await (const part of content()) yield Buffer.from(part.buffer, part.byteOffset, part.length);
  yield tarPadding(size);
}

function wholeName(name: string): string {
  try {
    return formatReference(parseReference(name));
  } catch {
    return name;
  }
}
