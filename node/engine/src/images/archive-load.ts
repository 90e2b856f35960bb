import { TsukubeError } from "@tsukube/foundation";
import { ArchiveContents, type ArchivedFile, invalid } from "./archive-contents.ts";
import { compressionOf } from "./decompressed.ts";
import type { ArchiveDeps } from "./image-archive.ts";
import { readDocument } from "./image-document.ts";
import type { ImageRecord } from "./image-store.ts";
import { unpackBlob } from "./layer-unpack.ts";
import { choose, type Descriptor, type IndexEntry, layerType, readManifest } from "./manifest.ts";
import { OWN_PLATFORM, type Platform } from "./platform.ts";
import { formatReference, parseReference } from "./reference.ts";
import { chainIds } from "./snapshotter.ts";

/** An image as an archive describes it. */
interface Described {
  readonly names: readonly string[];
  readonly config: ArchivedFile;
  /** Lowest first. */
  readonly layers: readonly Descriptor[];
  /** Digests of manifests to keep. */
  readonly manifests: readonly string[];
}

/** An entry of `manifest.json`, docker's own format. */
interface DockerEntry {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

/**
 * The images of an archive, with their layers unpacked; none is in the store yet. Hold off garbage until they are: what is
 * left over, or half of an image when this fails, is garbage.
 * @param platform Which of images for several.
 */
export async function readImages(
  deps: Omit<ArchiveDeps, "garbage">,
  source: AsyncIterable<Uint8Array>,
  platform: Platform = OWN_PLATFORM,
): Promise<readonly ImageRecord[]> {
  const contents = await ArchiveContents.read(source, deps.content);
  const docker = await dockerEntries(contents);
  const described =
    contents.get("index.json") === undefined ? undefined : await ociImages(contents, docker ?? [], platform);
  const images = described ?? (await dockerImages(deps, contents, docker));
  const records = new Map<string, ImageRecord>();
  for (const image of images) {
    const record = await unpack(deps, contents, image);
    const names = [...(records.get(record.id)?.names ?? []), ...record.names]; // an entry of the index holds one name
    records.set(record.id, { ...record, names: [...new Set(names)] });
  }
  return [...records.values()];
}

async function dockerEntries(contents: ArchiveContents): Promise<readonly DockerEntry[] | undefined> {
  const entries = await contents.json("manifest.json");
  if (entries === undefined) return undefined;
  if (!Array.isArray(entries) || !entries.every(isDockerEntry)) throw invalid("manifest.json is malformed");
  return entries;
}

function isDockerEntry(value: unknown): value is DockerEntry {
  const { Config, RepoTags, Layers } = (value ?? {}) as Partial<DockerEntry>;
  const texts = (list: unknown): boolean => Array.isArray(list) && list.every((text) => typeof text === "string");
  return (
    typeof Config === "string" && texts(Layers) && (RepoTags === undefined || RepoTags === null || texts(RepoTags))
  );
}

/** OCI image spec, image-layout.md; names from annotations and from docker's manifest.json beside it. */
async function ociImages(
  contents: ArchiveContents,
  docker: readonly DockerEntry[],
  wanted: Platform,
): Promise<readonly Described[]> {
  const layout = (await contents.json("oci-layout")) as { imageLayoutVersion?: string } | undefined;
  if (layout?.imageLayoutVersion?.startsWith("1.") !== true)
    throw invalid(`its layout has version ${layout?.imageLayoutVersion ?? "none"}`);
  const index = readManifest(await contents.read(contents.need("index.json"), "index.json"), "index.json");
  const images: Described[] = [];
  for (const entry of fitting(index.manifests ?? [], wanted))
    images.push(await ociImage(contents, entry, docker, wanted));
  return images;
}

/** Of entries with the same name those for the platform, or all if none is; attestations and the like are no images. */
function fitting(entries: readonly IndexEntry[], wanted: Platform): readonly IndexEntry[] {
  const groups = Map.groupBy(entries, (entry) => nameOf(entry) ?? entry.digest);
  return [...groups.values()].flatMap((group) => {
    const images = group.filter(({ platform }) => platform?.os !== "unknown");
    const own = images.filter(
      ({ platform: { os, architecture } = wanted }) => os === wanted.os && architecture === wanted.architecture,
    );
    return own.length > 0 ? own : images;
  });
}

async function ociImage(
  contents: ArchiveContents,
  entry: IndexEntry,
  docker: readonly DockerEntry[],
  wanted: Platform,
): Promise<Described> {
  const name = nameOf(entry) ?? entry.digest;
  const read = async (digest: string) => readManifest(await contents.read(contents.blob(digest), digest), name);
  const top = await read(entry.digest);
  const chosen = choose(top, wanted, name);
  const { config, layers } = chosen === undefined ? top : await read(chosen.digest);
  if (config === undefined || layers === undefined)
    throw invalid(`"${name}" is of type ${entry.mediaType}, which is no image`);
  for (const layer of layers) {
    if (contents.blob(layer.digest).size !== layer.size)
      throw invalid(`layer ${layer.digest} of "${name}" has another size than its manifest says`);
  }
  const file = contents.blob(config.digest);
  const tags = docker.filter(({ Config }) => contents.get(Config)?.digest === file.digest).flatMap(tagsOf);
  const names = [...new Set([...namesOf(nameOf(entry)), ...tags])];
  return { names, config: file, layers, manifests: [entry.digest, ...(chosen === undefined ? [] : [chosen.digest])] };
}

/** containerd writes whole names; others a name, or only a tag, which names no image. */
function nameOf({ annotations }: IndexEntry): string | undefined {
  const name = annotations?.["io.containerd.image.name"] ?? annotations?.["org.opencontainers.image.ref.name"];
  return name !== undefined && /[/:]/.test(name) ? name : undefined;
}

function namesOf(name: string | undefined): readonly string[] {
  return name === undefined ? [] : [formatReference({ ...parseReference(name) })];
}

function tagsOf({ RepoTags }: DockerEntry): readonly string[] {
  return (RepoTags ?? []).flatMap(namesOf);
}

/** Docker's format before version 25: layers lie at "ID/layer.tar". */
async function dockerImages(
  { content }: Pick<ArchiveDeps, "content">,
  contents: ArchiveContents,
  entries: readonly DockerEntry[] | undefined,
): Promise<readonly Described[]> {
  if (entries === undefined) throw invalid("it has neither index.json nor manifest.json");
  const images: Described[] = [];
  for (const entry of entries) {
    const config = contents.need(entry.Config);
    const named = /^([0-9a-f]{64})\.json$/.exec(entry.Config)?.[1];
    if (named !== undefined && config.digest !== `sha256:${named}`) {
      throw new TsukubeError(
        "wrong-digest",
        `Cannot load images: ${entry.Config} has the digest ${config.digest}, expected what its name says`,
      );
    }
    const layers: Descriptor[] = [];
    for (const path of entry.Layers) {
      const { digest, size } = contents.need(path);
      layers.push({ mediaType: layerType(await compressionIn(content.stream(digest))), digest, size });
    }
    images.push({ names: tagsOf(entry), config, layers, manifests: [] });
  }
  return images;
}

async function compressionIn(blob: AsyncIterable<Buffer>) {
  for await (const part of blob) return compressionOf(part);
  return "";
}

async function unpack(
  deps: Omit<ArchiveDeps, "garbage">,
  contents: ArchiveContents,
  image: Described,
): Promise<ImageRecord> {
  const { config, layers, manifests, names } = image;
  const name = names[0] ?? config.digest;
  const parts = readDocument(await contents.read(config, `the configuration of "${name}"`), name);
  const { diffIds } = parts;
  if (diffIds.length !== layers.length)
    throw invalid(`"${name}" has ${layers.length} layers for ${diffIds.length} digests of their content`);
  const chain = chainIds(diffIds);
  for (const [index, layer] of layers.entries())
    await unpackBlob(deps, layer, diffIds[index] as string, chain.slice(0, index + 1));
  return {
    ...parts,
    id: config.digest,
    names,
    digests: [],
    chain,
    blobs: [...new Set([...manifests, config.digest, ...layers.map(({ digest }) => digest)])],
    sizeBytes: config.size + layers.reduce((sum, { size }) => sum + size, 0),
    pinned: false,
  };
}
