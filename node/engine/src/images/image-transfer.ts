import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline, type Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { TsukubeError } from "@tsukube/foundation";
import type { ContentStore } from "./content-store.ts";
import type { ImageGarbage } from "./image-garbage.ts";
import type { ImageConfig, ImageRecord, ImageStore } from "./image-store.ts";
import { formatReference, parseReference, type Reference } from "./reference.ts";
import type { RegistryCredentials } from "./registry-auth.ts";
import type { Descriptor, RegistryClient, RegistrySession } from "./registry-client.ts";
import { chainIds, type Snapshotter } from "./snapshotter.ts";

interface Deps {
  readonly client: RegistryClient;
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly garbage: ImageGarbage;
}

export interface PullOptions {
  readonly credentials?: RegistryCredentials;
  /** "linux/amd64", "linux/arm64/v8"; this machine's by default. */
  readonly platform?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LayerProgress) => void;
}

export interface LayerProgress {
  readonly digest: string;
  readonly state: "downloading" | "extracting" | "done";
  readonly bytes: number;
  readonly size: number;
}

interface Manifest {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly (Descriptor & { readonly platform?: Platform })[];
}
interface Platform {
  readonly os?: string;
  readonly architecture?: string;
  readonly variant?: string;
}
interface ConfigDocument {
  readonly config?: ImageConfig;
  readonly rootfs?: { readonly diff_ids?: readonly string[] };
}

const PARALLEL = 3;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
const OWN_PLATFORM = `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;
const MAX_DOCUMENT = 8 * 1024 * 1024;

/** Moves images between registries and this machine. */
export class ImageTransfer {
  readonly #deps: Deps;
  readonly #fetching = new Map<string, Promise<void>>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Pulls an image: what is here already is not fetched again.
   * @throws {TsukubeError} `not-found`, `unauthorized`, `unreachable`, `stalled`, `truncated`, `wrong-digest`, `no-platform`, `unsupported`.
   */
  async pull(reference: Reference, options: PullOptions = {}): Promise<ImageRecord> {
    const release = this.#deps.garbage.hold();
    try {
      const session = await this.#deps.client.open(reference, options.credentials, options.signal);
      return await this.#pull(session, reference, options);
    } finally {
      await release();
    }
  }

  async #pull(session: RegistrySession, reference: Reference, options: PullOptions): Promise<ImageRecord> {
    const top = await this.#document(session, reference.digest ?? reference.tag ?? "latest");
    const chosen = choose(top.manifest, options.platform ?? OWN_PLATFORM, formatReference(reference));
    const { manifest, digest } = chosen === undefined ? top : await this.#document(session, chosen.digest);
    const { config, layers } = manifest;
    if (config === undefined || layers === undefined) {
      throw new TsukubeError(
        "unsupported",
        `Cannot pull "${formatReference(reference)}": ${manifest.mediaType ?? "its manifest"} is not an image, expected an OCI or Docker v2 manifest`,
      );
    }
    if (config.size > MAX_DOCUMENT)
      throw new TsukubeError(
        "too-large",
        `Cannot pull "${formatReference(reference)}": a configuration of ${config.size} bytes`,
      );
    await this.#fetch(session, config);
    const document = JSON.parse((await this.#deps.content.read(config.digest)).toString("utf8")) as ConfigDocument;
    const diffIds = document.rootfs?.diff_ids ?? [];
    if (diffIds.length !== layers.length) {
      throw new TsukubeError(
        "unsupported",
        `Cannot pull "${formatReference(reference)}": ${layers.length} layers for ${diffIds.length} digests of their content, expected as many`,
      );
    }
    const chain = chainIds(diffIds);
    await inParallel(layers, PARALLEL, (layer, index) => this.#layer(session, layer, diffIds, chain, index, options));
    const repository = `${reference.registry}/${reference.repository}`;
    const record = {
      id: config.digest,
      names: reference.digest === undefined ? [formatReference(reference)] : [],
      digests: [`${repository}@${top.digest}`],
      config: document.config ?? {},
      chain,
      blobs: [...new Set([top.digest, digest, config.digest, ...layers.map((layer) => layer.digest)])],
      sizeBytes: config.size + layers.reduce((sum, layer) => sum + layer.size, 0),
      pinned: false,
    };
    return this.#deps.images.put(record);
  }

  /** A manifest or index, kept. One named by its digest that is here already is not asked for. */
  async #document(session: RegistrySession, name: string): Promise<{ manifest: Manifest; digest: string }> {
    const known = name.includes(":") && (await this.#deps.content.has(name));
    const bytes = known ? await this.#deps.content.read(name) : (await session.manifest(name)).bytes;
    const { digest } = await this.#deps.content.write([bytes], name.includes(":") ? name : undefined);
    return { manifest: JSON.parse(bytes.toString("utf8")) as Manifest, digest };
  }

  async #fetch(session: RegistrySession, blob: Descriptor, onBytes: (bytes: number) => void = () => {}): Promise<void> {
    await this.#fetching.get(blob.digest)?.catch(() => {}); // another pull fetches it: its failure is not ours
    if (await this.#deps.content.has(blob.digest)) return;
    const fetching = this.#download(session, blob, onBytes).finally(() => this.#fetching.delete(blob.digest));
    this.#fetching.set(blob.digest, fetching);
    await fetching;
  }

  async #download(session: RegistrySession, blob: Descriptor, onBytes: (bytes: number) => void): Promise<void> {
    const counted = async function* () {
      let bytes = 0;
      for await (const part of session.blob(blob)) {
        bytes += part.length;
        onBytes(bytes);
        yield part;
      }
    };
    await this.#deps.content.write(counted(), blob.digest);
  }

  async #layer(
    session: RegistrySession,
    layer: Descriptor,
    diffIds: readonly string[],
    chain: readonly string[],
    index: number,
    options: PullOptions,
  ): Promise<void> {
    const { digest, size } = layer;
    const tell = (state: LayerProgress["state"], bytes: number): void =>
      options.onProgress?.({ digest, state, bytes, size });
    await this.#fetch(session, layer, (bytes) => tell("downloading", bytes));
    tell("extracting", size);
    const path = this.#deps.content.path(digest);
    const tar = (): AsyncIterable<Uint8Array> => uncompressed(path, diffIds[index] as string);
    await this.#deps.snapshotter.commit(chain[index] as string, chain.slice(0, index), { tar });
    tell("done", size);
  }

  /** Pushes an image that holds its blobs. @throws as {@link pull}; `unsupported` for an image that was made here. */
  async push(name: string, options: PullOptions = {}): Promise<{ readonly digest: string }> {
    const reference = parseReference(name);
    const image = this.#deps.images.find(name);
    if (image === undefined)
      throw new TsukubeError("not-found", `Cannot push "${name}": no such image on this machine, expected one`);
    const release = this.#deps.garbage.hold();
    try {
      const { digest, manifest, bytes } = await this.#manifestOf(image, name);
      const session = await this.#deps.client.open(reference, options.credentials, options.signal);
      const blobs = [...(manifest.layers ?? []), ...(manifest.config === undefined ? [] : [manifest.config])];
      await inParallel(blobs, PARALLEL, async (blob) => {
        if (await session.hasBlob(blob.digest)) return;
        await session.pushBlob(blob, () => createReadStream(this.#deps.content.path(blob.digest)));
        options.onProgress?.({ digest: blob.digest, state: "done", bytes: blob.size, size: blob.size });
      });
      const mediaType = manifest.mediaType ?? "application/vnd.oci.image.manifest.v1+json";
      await session.pushManifest(reference.tag ?? digest, mediaType, bytes);
      return { digest };
    } finally {
      await release();
    }
  }

  async #manifestOf(image: ImageRecord, name: string): Promise<{ digest: string; manifest: Manifest; bytes: Buffer }> {
    for (const digest of image.blobs) {
      if (((await this.#deps.content.size(digest)) ?? MAX_DOCUMENT) >= MAX_DOCUMENT) continue;
      const bytes = await this.#deps.content.read(digest);
      if (bytes[0] !== 0x7b) continue; // not a JSON document
      const manifest = JSON.parse(bytes.toString("utf8")) as Manifest;
      if (manifest.config?.digest === image.id && manifest.layers !== undefined) return { digest, manifest, bytes };
    }
    throw new TsukubeError(
      "unsupported",
      `Cannot push "${name}": its layers are not kept as archives, expected an image that was pulled or built`,
    );
  }
}

/** The manifest for a platform; undefined when the document is a manifest itself. */
function choose(manifest: Manifest, platform: string, name: string): Descriptor | undefined {
  if (manifest.manifests === undefined) return undefined;
  const [os, architecture, variant] = platform.split("/");
  const fitting = manifest.manifests.filter(
    (entry) => entry.platform?.os === os && entry.platform?.architecture === architecture,
  );
  const found = fitting.find((entry) => variant === undefined || entry.platform?.variant === variant) ?? fitting[0];
  if (found !== undefined) return found;
  const offered = manifest.manifests.map(({ platform: other }) => `${other?.os}/${other?.architecture}`).join(", ");
  throw new TsukubeError("no-platform", `Cannot pull "${name}": it is there for ${offered}, expected ${platform}`);
}

/** The tar archive in a layer, by its first bytes: gzip, zstd or plain. Fails at the end unless its digest is `diffId`. */
async function* uncompressed(path: string, diffId: string): AsyncGenerator<Uint8Array> {
  const [algorithm = "sha256"] = diffId.split(":");
  const hash = createHash(algorithm);
  const source = createReadStream(path, { highWaterMark: 256 * 1024 });
  const decoder = await decoderOf(path);
  const stream: Readable = decoder === undefined ? source : pipeline(source, decoder, () => {});
  for await (const part of stream) {
    hash.update(part as Buffer);
    yield part as Buffer;
  }
  const digest = `${algorithm}:${hash.digest("hex")}`;
  if (digest !== diffId) {
    throw new TsukubeError(
      "wrong-digest",
      `Cannot unpack layer: its content is ${digest}, expected ${diffId} as the image's configuration says`,
    );
  }
}

async function decoderOf(path: string) {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (bytesRead >= 2 && buffer.readUInt16BE(0) === 0x1f8b) return createGunzip({ chunkSize: 256 * 1024 });
    if (bytesRead === 4 && buffer.readUInt32BE(0) === 0x28b52ffd)
      return createZstdDecompress({ chunkSize: 256 * 1024 });
    return undefined;
  } finally {
    await file.close();
  }
}

/** The first failure ends it once the work in flight is over. */
async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const entries = items.entries();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const [index, item] of entries) {
      if (failed) return;
      try {
        await work(item, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, worker));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
