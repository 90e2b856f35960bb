import { createReadStream } from "node:fs";
import { type Clock, type Logger, type Random, TsukubeError } from "@tsukube/foundation";
import type { Cgroups, Mounts, Namespaces } from "@tsukube/kernel";
import type { PodNetwork } from "@tsukube/node-contracts";
import type { OciRuntime } from "../containers/runtime.ts";
import { textWithin } from "../containers/text-within.ts";
import { findImage } from "../cri/image-service.ts";
import { readImages } from "../images/archive-load.ts";
import { saveImages } from "../images/archive-save.ts";
import type { ContentStore } from "../images/content-store.ts";
import type { ImageGarbage } from "../images/image-garbage.ts";
import type { Attestation, ImageRecord, ImageStore, NewImage } from "../images/image-store.ts";
import type { ImageTransfer } from "../images/image-transfer.ts";
import { writeLayerTar } from "../images/layer-tar.ts";
import { formatPlatform, isFor, OWN_PLATFORM, parsePlatform } from "../images/platform.ts";
import { formatReference, isBuiltIn, parseReference } from "../images/reference.ts";
import type { Snapshotter } from "../images/snapshotter.ts";
import type { SystemImages } from "../images/system-images.ts";
import { diskFull, isDiskFull } from "../images/transfer-errors.ts";
import { Sandboxes } from "../sandboxes/sandboxes.ts";
import { PROVENANCE, provenanceOf, SPDX, spdxOf } from "./attestations.ts";
import { BuildCache } from "./build-cache.ts";
import { BuildSession, type ImageWish, type SessionDeps } from "./build-session.ts";
import { CacheMounts } from "./cache-mounts.ts";
import type { BuildRequest, CachedResult, CacheFolder, ImageBuilder } from "./contracts.ts";
import { DockerIgnore } from "./docker-ignore.ts";
import { type Dockerfile, parseDockerfile } from "./dockerfile/stages.ts";
import type { ImageState } from "./image-state.ts";
import { KnownDigests } from "./known-digests.ts";
import { LayerMaker } from "./layer-maker.ts";
import { packagesIn } from "./packages/packages-in.ts";
import { BuildCommands } from "./run-command.ts";
import { SharedCache } from "./shared-cache.ts";

export interface BuilderDeps {
  readonly images: ImageStore;
  readonly content: ContentStore;
  readonly systemImages: SystemImages;
  readonly transfer: ImageTransfer;
  readonly garbage: ImageGarbage;
  readonly snapshotter: Snapshotter;
  readonly runtime: OciRuntime;
  readonly mounts: Mounts;
  readonly namespaces: Namespaces;
  readonly cgroups: Cgroups;
  readonly network: PodNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Cache of steps and cache mounts; survives a reboot. */
  readonly stateDirectory: string;
  /** Mounts and bundles; empty after a reboot. */
  readonly runtimeDirectory: string;
  readonly cgroupParent: string;
  /** See `rootless` of {@link EngineOptions}. */
  readonly rootless?: "many-ids" | "one-id";
  /** How much the cache of steps holds, in bytes. */
  readonly cacheBytes: number;
}

/** For `RUN --network=none`. */
const NO_NETWORK: PodNetwork = {
  add: async () => ({ ips: [] }),
  remove: async () => {},
  check: async () => {},
  status: async () => {},
  collect: async () => {},
};

/** Opens the builder of Dockerfiles; what a killed engine left of builds is removed. */
export async function openImageBuilder(deps: BuilderDeps): Promise<ImageBuilder> {
  const { clock, random, logger, mounts, snapshotter, garbage, stateDirectory, runtimeDirectory } = deps;
  const cache = new BuildCache(`${stateDirectory}/steps`, clock, deps.cacheBytes);
  await cache.load();
  garbage.keep(() => cache.holders());
  const folder = `${runtimeDirectory}/roots`;
  const layers = new LayerMaker({ snapshotter, mounts, cache, clock, random, logger, folder });
  const sandboxes = (name: string, network: PodNetwork): Sandboxes =>
    new Sandboxes({
      records: `${stateDirectory}/${name}`,
      runtime: `${runtimeDirectory}/${name}`,
      mounts,
      namespaces: deps.namespaces,
      network,
      now: () => clock.now(),
    });
  const commands = new BuildCommands({
    runtime: deps.runtime,
    sandboxes: sandboxes("sandboxes", deps.network),
    isolated: sandboxes("isolated", NO_NETWORK),
    mounts,
    cgroups: deps.cgroups,
    folder: `${runtimeDirectory}/bundles`,
    cgroupParent: deps.cgroupParent,
    ...(deps.rootless === undefined ? {} : { rootless: deps.rootless }),
  });
  await commands.clean();
  await layers.clean();
  return new DockerfileBuilder(deps, layers, commands, cache);
}

class DockerfileBuilder implements ImageBuilder {
  readonly #deps: BuilderDeps;
  readonly #session: SessionDeps;
  readonly #cache: BuildCache;
  readonly #cacheMounts: CacheMounts;

  constructor(deps: BuilderDeps, layers: LayerMaker, commands: BuildCommands, cache: BuildCache) {
    this.#deps = deps;
    this.#cache = cache;
    this.#cacheMounts = new CacheMounts(`${deps.stateDirectory}/cache-mounts`, deps.clock, deps.cacheBytes);
    this.#session = {
      layers,
      commands,
      mounts: deps.mounts,
      image: (name, wish) => this.#image(name, wish),
      archived: (file, platform) => this.#archived(file, platform),
      cacheMounts: this.#cacheMounts,
      digests: new KnownDigests(),
      temporary: `${deps.runtimeDirectory}/files`,
    };
  }

  async build(request: BuildRequest): Promise<ImageRecord | undefined> {
    const release = await this.#deps.garbage.hold();
    try {
      const dockerfile = await readDockerfile(request);
      const platform = request.platform === undefined ? OWN_PLATFORM : parsePlatform(request.platform);
      const ignore = await readIgnore(request);
      const cache = new SharedCache(this.#deps, request);
      const began = this.#deps.clock.now();
      const session = new BuildSession(this.#session, request, dockerfile, ignore, platform, cache);
      const state = await session.build();
      request.signal.throwIfAborted();
      const wanted = async (): Promise<NewImage> =>
        imageOf(request, session, state, cache, await this.#attest(request, session, state, began));
      const { output } = request;
      const image = output === undefined ? await this.#deps.images.create(await wanted()) : undefined;
      if (output?.kind === "files") await this.#session.layers.read(state, (root) => output.take(writeLayerTar(root)));
      if (output?.kind === "image") {
        const made = await this.#deps.images.describe(await wanted());
        await output.take(saveImages(this.#deps, [{ image: made, names: new Set(made.names) }]));
      }
      await cache.write(state.layers.map(({ diffId }) => diffId));
      return image;
    } catch (error) {
      if (isDiskFull(error)) throw diskFull(`build "${request.names[0] ?? request.dockerfile}"`, error);
      if (!request.signal.aborted) throw error;
      throw new TsukubeError("cancelled", "Cannot go on with the build: its client went away", { cause: error });
    } finally {
      try {
        await this.#cacheMounts.shrink();
        await this.#deps.garbage.collect(); // at the release: layers that the cache no longer holds
      } finally {
        await release();
      }
    }
  }

  get cached(): readonly CachedResult[] {
    return this.#cache.all.map(({ key, lineage, chain, diffIds, layer, created, usedAt }) => ({
      ...{ id: key, lineage, chain, diffIds, created, usedAt },
      bytes: layer?.size ?? 0,
    }));
  }

  cacheFolders(): Promise<readonly CacheFolder[]> {
    return this.#cacheMounts.all();
  }

  async prune(ids: ReadonlySet<string>): Promise<number> {
    const going = this.#cache.all.filter(({ key }) => ids.has(key));
    for (const { key } of going) await this.#cache.remove(key);
    const held = new Set([...this.#deps.images.all, ...this.#cache.all].flatMap(({ chain }) => chain));
    const freed = new Map<string, number>();
    for (const { layer } of going)
      if (layer !== undefined && !held.has(layer.chainId)) freed.set(layer.chainId, layer.size);
    await this.#deps.garbage.collect();
    const folders = await this.#cacheMounts.prune(ids);
    return folders + [...freed.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  async #attest(
    request: BuildRequest,
    { materials }: BuildSession,
    state: ImageState,
    began: number,
  ): Promise<readonly Attestation[]> {
    const { clock, random } = this.#deps;
    const made: Attestation[] = [];
    const keep = async (predicateType: string, predicate: object): Promise<void> => {
      const { digest } = await this.#deps.content.write([Buffer.from(JSON.stringify(predicate))]);
      made.push({ predicateType, digest });
    };
    if (request.provenance) {
      const text = (await textWithin(placeOf(request), request.dockerfile)) ?? "";
      await keep(PROVENANCE, provenanceOf(request, text, materials, began, clock.now()));
    }
    if (request.sbom) {
      const packages = await this.#session.layers.read(state, packagesIn);
      await keep(SPDX, spdxOf(request.names[0] ?? "image", packages, clock.now(), random.uuid()));
    }
    return made;
  }

  /** The image of an archive, whose layers are here until the build ends. */
  async #archived(file: string, platform: string | undefined): Promise<ImageRecord> {
    const wanted = platform === undefined ? OWN_PLATFORM : parsePlatform(platform);
    const [image, ...others] = await readImages(this.#deps, createReadStream(file), wanted);
    if (image !== undefined && others.length === 0) return image;
    throw new TsukubeError("invalid", `Cannot use the archive: ${others.length + 1} images, expected one`);
  }

  async #image(name: string, { pull, platform, credentials, signal }: ImageWish): Promise<ImageRecord> {
    const reference = parseReference(name);
    const here = pull && !isBuiltIn(reference) ? undefined : await findImage(this.#deps, name);
    const known =
      here === undefined && isBuiltIn(reference)
        ? await this.#deps.systemImages.ensure(`${reference.repository}:${reference.tag ?? "latest"}`)
        : here;
    const isFitting = known !== undefined && (platform === undefined || isFor(known, parsePlatform(platform)));
    if (isFitting) return known;
    if (isBuiltIn(reference))
      throw new TsukubeError(
        "no-platform",
        `Cannot use "${name}" for ${platform}: it is for ${formatPlatform(OWN_PLATFORM)}`,
      );
    const options = { credentials: credentials(reference.registry), signal };
    const chosen = platform === undefined ? options : { ...options, platform };
    return (await this.#deps.transfer.pull(reference, chosen)).image;
  }
}

function imageOf(
  request: BuildRequest,
  session: BuildSession,
  state: ImageState,
  cache: SharedCache,
  attestations: readonly Attestation[],
): NewImage {
  const { base, layers, config, history, author, created } = state;
  const time = session.created ?? created ?? base?.created;
  const inline = request.cacheTo.some(({ type }) => type === "inline");
  const labels = { ...config.Labels, ...request.labels };
  return {
    ...(base === undefined ? {} : { base }),
    layers,
    config: Object.keys(labels).length === 0 ? config : { ...config, Labels: labels },
    history,
    ...(author === undefined ? {} : { author }),
    ...(time === undefined ? {} : { created: time }),
    ...(request.platform === undefined ? {} : { platform: parsePlatform(request.platform) }),
    ...(inline ? { buildCache: cache.document(state.layers.map(({ diffId }) => diffId)) } : {}),
    ...(attestations.length === 0 ? {} : { attestations }),
    names: request.names.map((name) => formatReference(parseReference(name))),
  };
}

/** The folder with the Dockerfile. */
function placeOf({ context, contexts }: BuildRequest): string {
  const named = contexts.get("dockerfile");
  return named !== undefined && "folder" in named ? named.folder : context;
}

async function readDockerfile(request: BuildRequest): Promise<Dockerfile> {
  const { dockerfile } = request;
  const text = await textWithin(placeOf(request), dockerfile);
  if (text !== undefined) return parseDockerfile(text, dockerfile);
  throw new TsukubeError(
    "invalid",
    `Cannot read "${dockerfile}": the build context has no such file, expected a Dockerfile`,
  );
}

/** That of the Dockerfile alone, or the folder's. */
async function readIgnore(request: BuildRequest): Promise<DockerIgnore> {
  const { context, dockerfile } = request;
  const own = await textWithin(placeOf(request), `${dockerfile}.dockerignore`);
  return new DockerIgnore(own ?? (await textWithin(context, ".dockerignore")) ?? "");
}
