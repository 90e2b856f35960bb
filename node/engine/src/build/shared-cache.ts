import { createHash } from "node:crypto";
import { messageOf, type Random, TsukubeError } from "@tsukube/foundation";
import type { ContentStore } from "../images/content-store.ts";
import { ImageLayout } from "../images/image-layout.ts";
import { LayerPush, type PushTarget } from "../images/image-push.ts";
import type { ImageStore, NewLayer } from "../images/image-store.ts";
import type { ImageTransfer } from "../images/image-transfer.ts";
import { digestOf, writeLayerTar } from "../images/layer-tar.ts";
import { unpackBlob } from "../images/layer-unpack.ts";
import { choose, type Descriptor, MAX_DOCUMENT, OCI_MANIFEST, readManifest } from "../images/manifest.ts";
import { OWN_PLATFORM } from "../images/platform.ts";
import { isDigest, parseReference } from "../images/reference.ts";
import { chainIds, type Snapshotter } from "../images/snapshotter.ts";
import type { CachedStep } from "./build-cache.ts";
import type { BuildRequest, CachePlace } from "./contracts.ts";
import { chainOf, diffIdsOf, type ImageState } from "./image-state.ts";
import type { FoundStep } from "./layer-maker.ts";

interface Deps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly snapshotter: Snapshotter;
  readonly transfer: ImageTransfer;
  readonly random: Random;
}

/** Results of steps, as they are kept elsewhere: beside their layers, or in an image. */
interface CacheDocument {
  readonly steps: readonly {
    readonly key: string;
    /** Absent when the step changed no file. */
    readonly layer?: { readonly diffId: string; readonly size: number };
    readonly created: string;
  }[];
  /** What the layers of the manifest hold, in its order. Of an image, its own list counts. */
  readonly diffIds?: readonly string[];
}

const CONFIG_TYPE = "application/vnd.tsukube.buildcache.config.v1+json";
const ARTIFACT_TYPE = "application/vnd.tsukube.buildcache.v1";
const INLINE = "tsukube.buildcache.v1";

interface CacheSource {
  readonly manifest: (name: string) => Promise<{ readonly bytes: Buffer }>;
  readonly blob: (blob: Descriptor) => AsyncIterable<Uint8Array>;
}

/** A step that is elsewhere, and how to get its layer. */
interface KnownStep {
  readonly created: string;
  readonly layer?: {
    readonly diffId: string;
    readonly size: number;
    readonly blob: Descriptor;
    readonly source: CacheSource;
    /** "registry/name", where it is one. */
    readonly repository?: string;
  };
}

/**
 * Results of steps that other machines made, and a place for this build's. Keys follow from content alone, so equal steps have
 * equal keys everywhere. Layers come one by one, when their step is reached. That a cache cannot be read is no reason to
 * fail; that it cannot be written is.
 */
export class SharedCache {
  readonly #deps: Deps;
  readonly #request: BuildRequest;
  readonly #used = new Map<string, CachedStep>();
  #known: Promise<ReadonlyMap<string, KnownStep>> | undefined;

  constructor(deps: Deps, request: BuildRequest) {
    this.#deps = deps;
    this.#request = request;
  }

  /** Notes a result of this build. */
  used(step: CachedStep): void {
    this.#used.set(step.key, step);
  }

  /** Brings a step's result here. */
  async find(key: string, state: ImageState): Promise<FoundStep | undefined> {
    if (this.#request.cacheFrom.length === 0) return undefined;
    this.#known ??= this.#readAll();
    const step = (await this.#known).get(key);
    if (step === undefined) return undefined;
    const { layer, created } = step;
    if (layer === undefined) return { created };
    try {
      const made = await this.#fetch(layer, state);
      return made === undefined ? undefined : { layer: made, created };
    } catch (error) {
      this.#request.signal.throwIfAborted();
      this.#note(`a layer of the cache is not used: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** What an image or a cache says of the steps that made some layers; all by default. */
  document(diffIds?: readonly string[]): CacheDocument {
    return {
      steps: this.#steps(diffIds).map(({ key, layer, created }) => ({
        key,
        ...(layer === undefined ? {} : { layer: { diffId: layer.diffId, size: layer.size } }),
        created,
      })),
    };
  }

  #steps(diffIds: readonly string[] | undefined): readonly CachedStep[] {
    return [...this.#used.values()].filter(
      ({ layer }) => diffIds === undefined || layer === undefined || diffIds.includes(layer.diffId),
    );
  }

  /** Writes this build's results to where they were wished. @param diffIds Of the image. @throws as a push does. */
  async write(diffIds: readonly string[]): Promise<void> {
    for (const place of this.#request.cacheTo) {
      if (place.type === "inline") continue; // it is in the image
      await this.#writeTo(await this.#open(place), place, place.mode === "max" ? undefined : diffIds);
      this.#note(`Wrote the cache to ${nameOf(place)}`);
    }
  }

  async #writeTo(target: PushTarget, place: CachePlace, wanted: readonly string[] | undefined): Promise<void> {
    const { images } = this.#deps;
    const layers = new Map<string, NewLayer>();
    for (const { layer } of this.#steps(wanted)) if (layer !== undefined) layers.set(layer.diffId, layer);
    const made = [...layers.values()];
    for (const { diffId, size } of made) await images.layers.made(diffId, { size, metadata: "kept" });
    const diffIds = made.map(({ diffId }) => diffId);
    const document = JSON.stringify({ ...this.document(wanted), diffIds });
    const set = { diffIds, chain: made.map(({ chainId }) => chainId), blobs: [], document };
    const reference = place.type === "registry" ? parseReference(place.ref) : undefined;
    const push = new LayerPush(this.#deps, target, reference, set, { signal: this.#request.signal });
    const digest = `sha256:${createHash("sha256").update(document).digest("hex")}`;
    const pushed = await push.layers(undefined);
    await push.document(digest);
    const manifest = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType: ARTIFACT_TYPE,
      config: { mediaType: CONFIG_TYPE, digest, size: Buffer.byteLength(document) },
      layers: pushed,
    };
    await target.pushManifest(reference?.tag ?? "latest", OCI_MANIFEST, Buffer.from(JSON.stringify(manifest)));
  }

  async #readAll(): Promise<ReadonlyMap<string, KnownStep>> {
    const steps = new Map<string, KnownStep>();
    for (const place of this.#request.cacheFrom) {
      try {
        if (place.type === "inline") continue;
        for (const [key, step] of await this.#read(await this.#open(place), place)) steps.set(key, step);
      } catch (error) {
        this.#request.signal.throwIfAborted();
        this.#note(`the cache ${nameOf(place)} is not used: ${messageOf(error)}`);
      }
    }
    return steps;
  }

  async #read(source: CacheSource, place: CachePlace): Promise<readonly (readonly [string, KnownStep])[]> {
    const name = nameOf(place);
    const reference = place.type === "registry" ? parseReference(place.ref) : undefined;
    const top = readManifest((await source.manifest(reference?.digest ?? reference?.tag ?? "latest")).bytes, name);
    const chosen = choose(top, OWN_PLATFORM, name);
    const manifest = chosen === undefined ? top : readManifest((await source.manifest(chosen.digest)).bytes, name);
    const { config, layers = [] } = manifest;
    if (config === undefined || config.size > MAX_DOCUMENT) throw notACache(name);
    const { steps, diffIds } = documentIn(await verified(source.blob(config), config.digest), name);
    const blobs = new Map(diffIds.map((diffId, index) => [diffId, layers[index]]));
    const from = reference === undefined ? {} : { repository: `${reference.registry}/${reference.repository}` };
    return steps.flatMap(({ key, layer, created }) => {
      const blob = layer === undefined ? undefined : blobs.get(layer.diffId);
      if (layer === undefined) return [[key, { created }] as const];
      return blob === undefined ? [] : [[key, { created, layer: { ...layer, ...from, blob, source } }] as const];
    });
  }

  /** @returns undefined when the files that the archive holds do not make the same archive again: then the step runs. */
  async #fetch(
    { diffId, size, blob, source, repository }: NonNullable<KnownStep["layer"]>,
    state: ImageState,
  ): Promise<NewLayer | undefined> {
    const { content, snapshotter } = this.#deps;
    const chainId = chainIds([...diffIdsOf(state), diffId]).at(-1) ?? "";
    if (!snapshotter.has(chainId)) {
      if (!(await content.has(blob.digest))) await content.write(source.blob(blob), blob.digest);
      const options = repository === undefined ? {} : { repository };
      await unpackBlob(this.#deps, blob, diffId, [...chainOf(state), chainId], options);
      const again = await digestOf(writeLayerTar(snapshotter.layerFolder(chainId)));
      if (again.digest !== diffId || again.size !== size) {
        await snapshotter.removeChain(chainId);
        return undefined;
      }
    }
    return { diffId, chainId, size };
  }

  async #open(place: Exclude<CachePlace, { type: "inline" }>): Promise<PushTarget & CacheSource> {
    if (place.type === "local") return new ImageLayout(place.folder, this.#deps.random);
    const reference = parseReference(place.ref);
    return this.#deps.transfer.open(reference, this.#request.credentials(reference.registry), this.#request.signal);
  }

  #note(text: string): void {
    this.#request.onProgress({ kind: "note", text });
  }
}

/** What is in a cache's own document, or in an image's. @throws {TsukubeError} `invalid-image`. */
function documentIn(bytes: Buffer, name: string): Required<CacheDocument> {
  const parsed = JSON.parse(bytes.toString("utf8")) as CacheDocument & {
    readonly [INLINE]?: CacheDocument;
    readonly rootfs?: { readonly diff_ids?: readonly string[] };
  };
  const { steps } = parsed[INLINE] ?? parsed;
  const diffIds = parsed.rootfs?.diff_ids ?? parsed.diffIds;
  if (!Array.isArray(steps) || !Array.isArray(diffIds) || !diffIds.every(isDigest)) throw notACache(name);
  const isStep = ({ key, layer, created }: CacheDocument["steps"][number]): boolean =>
    /^[0-9a-f]{64}$/.test(String(key)) &&
    typeof created === "string" &&
    (layer === undefined || (isDigest(layer.diffId) && Number.isSafeInteger(layer.size)));
  return { steps: steps.filter(isStep), diffIds };
}

async function verified(content: AsyncIterable<Uint8Array>, digest: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  const [algorithm = "sha256", hex] = digest.split(":");
  if (createHash(algorithm).update(bytes).digest("hex") === hex) return bytes;
  throw new TsukubeError("wrong-digest", `Cannot use "${digest}": its content is other than its name says`);
}

function notACache(name: string): TsukubeError {
  return new TsukubeError("invalid-image", `"${name}" holds no results of steps, expected what --cache-to wrote`);
}

function nameOf(place: CachePlace): string {
  switch (place.type) {
    case "registry":
      return place.ref;
    case "local":
      return place.folder;
    case "inline":
      return "the image";
  }
}
