import { codeOf, TsukubeError } from "@tsukube/foundation";
import type { ContentStore } from "./content-store.ts";
import { counted } from "./counted.ts";
import { type DocumentParts, documentOf, readDocument } from "./image-document.ts";
import type { ImageGarbage } from "./image-garbage.ts";
import { pushImage } from "./image-push.ts";
import type { ImageRecord, ImageStore } from "./image-store.ts";
import { inParallel } from "./in-parallel.ts";
import { unpackBlob } from "./layer-unpack.ts";
import {
  choose,
  type Descriptor,
  MAX_DOCUMENT,
  type Manifest,
  OCI_INDEX,
  OCI_MANIFEST,
  readManifest,
} from "./manifest.ts";
import { OWN_PLATFORM, type Platform, parsePlatform } from "./platform.ts";
import { formatReference, parseReference, type Reference } from "./reference.ts";
import type { RegistryCredentials } from "./registry-auth.ts";
import type { RegistryClient, RegistrySession, Search, SearchResult } from "./registry-client.ts";
import { chainIds, type Snapshotter } from "./snapshotter.ts";
import { loginError, transferError } from "./transfer-errors.ts";
import { layerTeller, type OnProgress } from "./transfer-progress.ts";

export type { LayerProgress } from "./transfer-progress.ts";

export interface TransferDeps {
  readonly client: RegistryClient;
  readonly content: ContentStore;
  readonly images: ImageStore;
  readonly snapshotter: Snapshotter;
  readonly garbage: ImageGarbage;
}

export interface TransferOptions {
  readonly credentials?: RegistryCredentials;
  readonly signal?: AbortSignal;
  /** Told of each layer: every change of state, and bytes about a hundred times. */
  readonly onProgress?: OnProgress;
}

export interface PullOptions extends TransferOptions {
  /** "linux/amd64", "linux/arm64/v8"; this machine's by default. */
  readonly platform?: string;
}

export interface Pulled {
  readonly image: ImageRecord;
  /** What the name stands for in the registry: of a manifest, or of an index of several. */
  readonly digest: string;
}

/** What a registry has under a name. */
export interface Described {
  /** Of a manifest, or of an index of several. */
  readonly descriptor: Descriptor;
  readonly platforms: readonly Platform[];
}

const PARALLEL = 3;
/** What unpacking a blob fails with whose bytes are not those that its digest says. */
const DAMAGED = new Set(["wrong-digest", "invalid-archive", "invalid-tar", "unsupported"]);

/** Moves images between registries and this machine. */
export class ImageTransfer {
  readonly #deps: TransferDeps;
  readonly #fetching = new Map<string, Promise<void>>();

  constructor(deps: TransferDeps) {
    this.#deps = deps;
  }

  /**
   * Whether a registry ("localhost:5000") takes credentials. @returns an identity token, where it gives one.
   * @throws {TsukubeError} `unauthorized`, `unreachable`.
   */
  async checkCredentials(
    registry: string,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      return await (await this.#deps.client.open({ registry, repository: "" }, credentials, signal)).checkCredentials();
    } catch (error) {
      throw loginError(registry, error);
    }
  }

  /** What a registry finds by words. @throws {TsukubeError} `unsupported`, `unreachable`. */
  async search(
    registry: string,
    wanted: Search,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<readonly SearchResult[]> {
    return (await this.#deps.client.open({ registry, repository: "" }, credentials, signal)).search(wanted);
  }

  /** A conversation with the registry that a name leads to, for what is no image. */
  open(reference: Reference, credentials: RegistryCredentials, signal: AbortSignal): Promise<RegistrySession> {
    return this.#deps.client.open(reference, credentials, signal);
  }

  /** The tags that the repository has there. @throws as {@link pull}. */
  async tags(reference: Reference, { credentials, signal }: TransferOptions = {}): Promise<readonly string[]> {
    try {
      return await (await this.#deps.client.open(reference, credentials, signal)).tags();
    } catch (error) {
      throw transferError("pull", reference, error);
    }
  }

  /**
   * Pulls an image: what is here already is not fetched again.
   * @throws {TsukubeError} `not-found`, `unauthorized`, `unreachable`, `stalled`, `truncated`, `wrong-digest`, `no-platform`,
   * `unsupported`, `invalid-image`, `too-large`.
   */
  async pull(reference: Reference, options: PullOptions = {}): Promise<Pulled> {
    const release = await this.#deps.garbage.hold();
    try {
      const session = await this.#deps.client.open(reference, options.credentials, options.signal);
      return await this.#pull(session, reference, options);
    } catch (error) {
      throw transferError("pull", reference, error);
    } finally {
      await release();
    }
  }

  /** What a name stands for in its registry, of which no layer is fetched. @throws as {@link pull}. */
  async describe(reference: Reference, { credentials, signal }: TransferOptions = {}): Promise<Described> {
    const release = await this.#deps.garbage.hold();
    try {
      const name = formatReference(reference);
      const session = await this.#deps.client.open(reference, credentials, signal);
      const { manifest, digest } = await this.#document(session, reference.digest ?? reference.tag ?? "latest", name);
      const { manifests, config, mediaType = manifests === undefined ? OCI_MANIFEST : OCI_INDEX } = manifest;
      const size = (await this.#deps.content.size(digest)) ?? 0;
      const own = config === undefined ? [] : [documentOf(await this.#config(session, config, name))];
      const platforms = manifests?.flatMap(({ platform }) => platform ?? []) ?? own;
      return {
        descriptor: { mediaType, digest, size },
        platforms: platforms.map(({ architecture = "", os = "linux", variant }) => ({
          ...{ architecture, os },
          ...(variant === undefined ? {} : { variant }),
        })),
      };
    } catch (error) {
      throw transferError("pull", reference, error);
    } finally {
      await release();
    }
  }

  /**
   * Pushes an image: byte for byte as it was pulled, or, made here, with its layers compressed on the way.
   * @param name Of the image here and there. @returns the digest of its manifest.
   * @throws {TsukubeError} `not-found`, `unauthorized`, `unreachable`, `stalled`, `unavailable`, `refused`, `damaged`.
   */
  async push(name: string, options: TransferOptions = {}): Promise<{ readonly digest: string; readonly size: number }> {
    const reference = parseReference(name);
    const release = await this.#deps.garbage.hold();
    try {
      return await pushImage(this.#deps, reference, options);
    } catch (error) {
      throw transferError("push", reference, error);
    } finally {
      await release();
    }
  }

  async #pull(session: RegistrySession, reference: Reference, options: PullOptions): Promise<Pulled> {
    const name = formatReference(reference);
    const wanted = options.platform === undefined ? OWN_PLATFORM : parsePlatform(options.platform);
    const top = await this.#document(session, reference.digest ?? reference.tag ?? "latest", name);
    const chosen = choose(top.manifest, wanted, name);
    const { manifest, digest } = chosen === undefined ? top : await this.#document(session, chosen.digest, name);
    const { config, layers } = manifest;
    if (config === undefined || layers === undefined) {
      throw new TsukubeError(
        "unsupported",
        `Cannot pull "${name}": ${manifest.mediaType ?? "its manifest"} is not an image, expected an OCI or Docker v2 manifest`,
      );
    }
    const parts = await this.#config(session, config, name);
    const { diffIds } = parts;
    if (diffIds.length !== layers.length) {
      throw new TsukubeError(
        "unsupported",
        `Cannot pull "${name}": ${layers.length} layers for ${diffIds.length} digests of their content, expected as many`,
      );
    }
    const chain = chainIds(diffIds);
    const repository = `${reference.registry}/${reference.repository}`;
    const tellers = layers.map(({ digest, size }) => layerTeller(digest, size, options.onProgress));
    for (const tell of tellers) tell("waiting");
    await inParallel(layers, PARALLEL, async (layer, index) => {
      const tell = tellers[index]!;
      await this.#layer(session, layer, diffIds[index] as string, chain.slice(0, index + 1), repository, tell);
    });
    const image = await this.#deps.images.put({
      ...parts,
      id: config.digest,
      names: reference.digest === undefined ? [name] : [],
      digests: [`${repository}@${top.digest}`],
      chain,
      blobs: [...new Set([top.digest, digest, config.digest, ...layers.map((layer) => layer.digest)])],
      sizeBytes: config.size + layers.reduce((sum, layer) => sum + layer.size, 0),
      pinned: false,
    });
    return { image, digest: top.digest };
  }

  /** A manifest or index, kept. One named by its digest that is here already is not asked for. */
  async #document(
    session: RegistrySession,
    which: string,
    name: string,
  ): Promise<{ manifest: Manifest; digest: string }> {
    const known = which.includes(":") ? await this.#deps.content.readSound(which) : undefined;
    const bytes = known ?? (await session.manifest(which)).bytes;
    const { digest } = await this.#deps.content.write([bytes], which.includes(":") ? which : undefined);
    return { manifest: readManifest(bytes, name), digest };
  }

  async #config(session: RegistrySession, config: Descriptor, name: string): Promise<DocumentParts> {
    if (config.size > MAX_DOCUMENT)
      throw new TsukubeError("too-large", `Cannot pull "${name}": a configuration of ${config.size} bytes`);
    const known = await this.#deps.content.readSound(config.digest);
    if (known === undefined) await this.#fetch(session, config);
    return readDocument(known ?? (await this.#deps.content.read(config.digest)), name);
  }

  /** @returns whether it had to be fetched. */
  async #fetch(
    session: RegistrySession,
    blob: Descriptor,
    onBytes: (bytes: number) => void = () => {},
  ): Promise<boolean> {
    await this.#fetching.get(blob.digest)?.catch(() => {}); // another pull fetches it: its failure is not ours
    if ((await this.#deps.content.size(blob.digest)) === blob.size) return false; // of another size it was damaged
    const fetching = this.#deps.content
      .write(counted(session.blob(blob), onBytes), blob.digest)
      .then(() => {})
      .finally(() => this.#fetching.delete(blob.digest));
    this.#fetching.set(blob.digest, fetching);
    await fetching;
    return true;
  }

  /** @param chain Up to this layer. */
  async #layer(
    session: RegistrySession,
    layer: Descriptor,
    diffId: string,
    chain: readonly string[],
    repository: string,
    tell: ReturnType<typeof layerTeller>,
  ): Promise<void> {
    const fetch = () => this.#fetch(session, layer, (bytes) => tell("downloading", bytes));
    const options = { repository, onBytes: (bytes: number): void => tell("extracting", bytes) };
    const fetched = await fetch();
    const known = !fetched && this.#deps.snapshotter.has(chain.at(-1) as string);
    try {
      await unpackBlob(this.#deps, layer, diffId, chain, options);
    } catch (error) {
      // one that lay here may have been damaged since: the registry's is not
      if (fetched || !DAMAGED.has(codeOf(error) ?? "")) throw error;
      await this.#deps.content.remove(layer.digest);
      await fetch();
      await unpackBlob(this.#deps, layer, diffId, chain, options);
    }
    tell(known ? "exists" : "done");
  }
}
