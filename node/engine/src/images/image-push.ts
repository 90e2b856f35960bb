import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { pushAttestations } from "./attestation-push.ts";
import { counted } from "./counted.ts";
import type { ImageRecord } from "./image-store.ts";
import type { TransferDeps, TransferOptions } from "./image-transfer.ts";
import { inParallel } from "./in-parallel.ts";
import { type KeptManifest, keptManifest } from "./kept-manifest.ts";
import { damaged, type LayerArchive, LayerArchives, type Layered, soundBlob } from "./layer-archives.ts";
import { type Descriptor, layerType, OCI_MANIFEST, writeManifest } from "./manifest.ts";
import { formatReference, type Reference } from "./reference.ts";
import type { RegistrySession } from "./registry-client.ts";
import { layerTeller } from "./transfer-progress.ts";

const PARALLEL = 3;

type PushDeps = Pick<TransferDeps, "images" | "content" | "snapshotter">;

/** Pushes the image that a reference names here to where it names it there. Hold off garbage meanwhile. */
export async function pushImage(
  deps: TransferDeps,
  reference: Reference,
  options: TransferOptions,
): Promise<{ readonly digest: string; readonly size: number }> {
  const name = formatReference(reference);
  const image = deps.images.find(name);
  if (image === undefined)
    throw new TsukubeError(
      "not-found",
      `Cannot push "${name}": no such image on this machine, expected one; tag it so`,
    );
  const session = await deps.client.open(reference, options.credentials, options.signal);
  const exact = await completeManifest(deps, image);
  const push = new LayerPush(deps, session, reference, image, options);
  const layers = await push.layers(exact?.layers);
  await push.document(exact?.config.digest ?? image.id);
  const bytes = exact?.bytes ?? writeManifest({ digest: image.id, size: Buffer.byteLength(image.document) }, layers);
  const digest = exact?.digest ?? `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const mediaType = exact?.mediaType ?? OCI_MANIFEST;
  await session.pushManifest(reference.tag ?? digest, mediaType, bytes);
  const subject = { mediaType, digest, size: bytes.length };
  await pushAttestations(deps.content, session, name, subject, image.attestations ?? []);
  const whole = `${reference.registry}/${reference.repository}@${digest}`;
  if (deps.images.find(image.id) !== undefined) await deps.images.name(image.id, [], [whole]);
  return { digest, size: bytes.length };
}

/** The manifest that an image was pulled with, if every layer that it names is kept. */
async function completeManifest({ content }: TransferDeps, image: ImageRecord): Promise<KeptManifest | undefined> {
  const manifest = await keptManifest(content, image);
  for (const { digest } of manifest?.layers ?? []) if (!(await content.has(digest))) return undefined;
  return manifest;
}

/** Where blobs and manifests go: a repository of a registry, or a folder. */
export type PushTarget = Pick<RegistrySession, "hasBlob" | "mountBlob" | "pushBlob" | "streamBlob" | "pushManifest">;

/** Pushes the layers and the configuration of something that has layers of this machine. */
export class LayerPush {
  readonly #deps: PushDeps;
  readonly #session: PushTarget;
  readonly #reference: Pick<Reference, "registry" | "repository"> | undefined;
  readonly #image: Layered & { readonly document: string };
  readonly #options: Pick<TransferOptions, "onProgress" | "signal">;
  readonly #archives: LayerArchives;

  /** @param reference Where the target is; undefined for no registry. */
  constructor(
    deps: PushDeps,
    session: PushTarget,
    reference: Pick<Reference, "registry" | "repository"> | undefined,
    image: Layered & { readonly document: string },
    options: Pick<TransferOptions, "onProgress" | "signal">,
  ) {
    this.#deps = deps;
    this.#session = session;
    this.#reference = reference;
    this.#image = image;
    this.#options = options;
    this.#archives = new LayerArchives(deps);
  }

  /** @param exact What the manifest names, if it is there. @returns what is in the registry, lowest first. */
  async layers(exact: readonly Descriptor[] | undefined): Promise<readonly Descriptor[]> {
    const { diffIds } = this.#image;
    const pushed = new Map<string, Descriptor>();
    await inParallel([...new Set(diffIds)], PARALLEL, async (diffId) => {
      const index = diffIds.indexOf(diffId);
      const archive = exact === undefined ? await this.#archives.of(this.#image, index) : this.#exact(exact[index]!);
      pushed.set(diffId, await this.#layer(diffId, archive));
    });
    return diffIds.map((diffId) => pushed.get(diffId)!);
  }

  async document(digest: string): Promise<void> {
    if (await this.#session.hasBlob(digest)) return;
    const bytes = Buffer.from(this.#image.document);
    await this.#session.pushBlob({ digest, size: bytes.length }, () => Readable.from([bytes]));
  }

  /** As a manifest names it, which must not change. */
  #exact(descriptor: Descriptor): LayerArchive {
    return { descriptor, origin: "exact", content: () => soundBlob(this.#deps.content, descriptor) };
  }

  async #layer(diffId: string, archive: LayerArchive): Promise<Descriptor> {
    const { descriptor } = archive;
    const tell = layerTeller(diffId, descriptor.size, this.#options.onProgress);
    tell("waiting");
    const ready = archive.origin === "exact" || (archive.origin === "kept" && isCompressed(descriptor));
    const forms = this.#deps.images.layers.get(diffId)?.forms.filter(isCompressed) ?? [];
    const known = ready ? [descriptor] : forms;
    const there = await this.#there(known, tell);
    if (there !== undefined) return this.#noted(diffId, there);
    const onBytes = (bytes: number): void => tell("uploading", bytes);
    const pushed = ready ? descriptor : await this.#compress(archive, onBytes);
    if (ready) await this.#send(archive, onBytes);
    tell("done");
    return this.#noted(diffId, pushed);
  }

  /** All bytes are sent when their digest is known: what the registry refuses may have been damaged here. */
  async #send({ descriptor, content }: LayerArchive, onBytes: (bytes: number) => void): Promise<void> {
    let damage: unknown;
    const noted = async function* (): AsyncGenerator<Buffer> {
      try {
        yield* content();
      } catch (error) {
        damage ??= error;
        throw error;
      }
    };
    try {
      await this.#session.pushBlob(descriptor, noted, onBytes);
    } catch (error) {
      if (damage === undefined && codeOf(error) === "refused") damage = await damageOf(descriptor, content);
      throw damage ?? error;
    }
  }

  /** A form of the layer that the registry has, or takes from another of its repositories. */
  async #there(known: readonly Descriptor[], tell: ReturnType<typeof layerTeller>): Promise<Descriptor | undefined> {
    for (const descriptor of known) {
      if (!(await this.#session.hasBlob(descriptor.digest))) continue;
      tell("exists");
      return ociLayer(descriptor);
    }
    for (const descriptor of known) {
      for (const repository of this.#othersWith(descriptor.digest)) {
        if (!(await this.#mount(descriptor.digest, repository))) continue;
        tell("mounted");
        return ociLayer(descriptor);
      }
    }
    return undefined;
  }

  /** A mount is a favour: whatever speaks against it, the layer can be uploaded. */
  async #mount(digest: string, repository: string): Promise<boolean> {
    try {
      return await this.#session.mountBlob(digest, repository);
    } catch (error) {
      if (this.#options.signal?.aborted === true || codeOf(error) === "stalled") throw error;
      return false;
    }
  }

  #othersWith(digest: string): readonly string[] {
    if (this.#reference === undefined) return [];
    const { registry, repository } = this.#reference;
    const forms = this.#deps.images.layers.all.flatMap((record) => record.forms);
    const places = forms.filter((form) => form.digest === digest).flatMap((form) => form.repositories);
    const here = places.filter((place) => place.startsWith(`${registry}/`));
    return here.map((place) => place.slice(registry.length + 1)).filter((other) => other !== repository);
  }

  /** Uploads an archive as gzip makes it; nothing is kept. */
  async #compress(archive: LayerArchive, onBytes: (bytes: number) => void): Promise<Descriptor> {
    const pushed = await this.#session.streamBlob(() => gzipped(counted(archive.content(), onBytes)));
    return { mediaType: layerType("gzip"), ...pushed };
  }

  async #noted(diffId: string, descriptor: Descriptor): Promise<Descriptor> {
    if (this.#reference !== undefined) {
      const { registry, repository } = this.#reference;
      await this.#deps.images.layers.found(diffId, descriptor, `${registry}/${repository}`);
    }
    return ociLayer(descriptor);
  }
}

/** The same archive gives the same bytes. */
async function* gzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const input = Readable.from(source, { objectMode: false });
  const gzip = createGzip({ chunkSize: 256 * 1024 });
  pipeline(input, gzip, () => {});
  try {
    for await (const part of gzip) yield part as Buffer;
  } finally {
    input.destroy();
  }
}

/** As far as its type says: an unknown one goes as it is. */
function isCompressed({ mediaType }: Descriptor): boolean {
  return !mediaType.endsWith(".tar");
}

/** Docker's type for a layer in OCI's words: one manifest does not mix them. */
function ociLayer({ mediaType, digest, size }: Descriptor): Descriptor {
  const compression = /\.tar[.+](gzip|zstd)$/.exec(mediaType)?.[1] as "gzip" | "zstd" | undefined;
  return { mediaType: compression === undefined ? mediaType : layerType(compression), digest, size };
}

/** What is wrong with a blob; undefined: nothing. One that is gone was found damaged, and removed, by who read it just now. */
async function damageOf({ digest }: Descriptor, content: LayerArchive["content"]): Promise<unknown> {
  try {
    for await (const _ of content());
    return undefined;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? damaged(digest, "the blob") : error;
  }
}
