import type { Readable } from "node:stream";
import { codeOf, detach, type Logger, messageOf } from "@tsukube/foundation";
import { algorithmOf, isDigest } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { ServedBlob } from "../serving/blob-handler.ts";
import type { BlobStore } from "../store/blob-store.ts";
import type { FoundManifest, Manifests } from "../store/manifests.ts";
import type { RepositoryStore } from "../store/repository-store.ts";
import type { Uploads } from "../store/uploads.ts";
import { GrowingBlob } from "./growing-blob.ts";
import type { Upstream } from "./upstream.ts";

interface Deps {
  readonly upstream: Upstream;
  readonly blobs: BlobStore;
  readonly repositories: RepositoryStore;
  readonly manifests: Manifests;
  readonly uploads: Uploads;
  readonly logger: Logger;
}

/**
 * A cache of another registry. Tags are asked for there each time, and found here when it cannot be asked; what has a digest
 * is fetched once, and served while it comes.
 */
export class PullThrough {
  readonly #deps: Deps;
  readonly #fetches = new Map<string, Promise<GrowingBlob>>();
  readonly #fills = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** Ends what is being fetched. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#fetches.values(), ...this.#fills]);
  }

  /** A manifest, from here or from there. */
  async find(name: string, reference: string, signal: AbortSignal): Promise<FoundManifest | undefined> {
    const { manifests, repositories, logger } = this.#deps;
    const here = await manifests.find(name, reference);
    if (here !== undefined) await repositories.touchManifest(name, here.digest);
    if (here !== undefined && isDigest(reference)) return here;
    try {
      return await this.#fetchManifest(name, reference, AbortSignal.any([signal, this.#closing.signal]));
    } catch (error) {
      if (codeOf(error) === "not-found") {
        await manifests.removeTag(name, reference);
        return undefined;
      }
      if (here === undefined || codeOf(error) === "unauthorized") throw failure(error, `${name}:${reference}`);
      logger.warn("the upstream registry cannot be asked; the cache answers", {
        name,
        reference,
        error: messageOf(error),
      });
      return here;
    }
  }

  /** A blob, from here or from there; undefined when it is not there either. */
  async blob(name: string, digest: string): Promise<ServedBlob | undefined> {
    const { repositories, blobs } = this.#deps;
    const size = await repositories.blobSize(name, digest);
    if (size !== undefined) return { size, open: (first, last) => blobs.stream(digest, first, last) };
    try {
      const growing = await this.#fetch(name, digest);
      return { size: growing.size, open: (first, last) => this.#open(name, digest, growing, first, last) };
    } catch (error) {
      if (codeOf(error) === "not-found") return undefined;
      throw failure(error, `${name}@${digest}`);
    }
  }

  /** The fetch may have ended since it was found. */
  async #open(name: string, digest: string, growing: GrowingBlob, first: number, last: number): Promise<Readable> {
    const { repositories, blobs } = this.#deps;
    try {
      return await growing.stream(first, last);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      if ((await repositories.blobSize(name, digest)) !== undefined) return blobs.stream(digest, first, last);
      throw failure(growing.error, `${name}@${digest}`);
    }
  }

  async #fetchManifest(name: string, reference: string, signal: AbortSignal): Promise<FoundManifest | undefined> {
    const { upstream, manifests } = this.#deps;
    const { mediaType, bytes } = await upstream.manifest(name, reference, signal);
    const as = isDigest(reference) ? { digest: reference, tags: [] } : { tags: [reference] };
    const { digest } = await manifests.put(name, { bytes, contentType: mediaType, ...as }, { sparse: true });
    return manifests.find(name, digest);
  }

  /** One for all who want it at the same time. */
  #fetch(name: string, digest: string): Promise<GrowingBlob> {
    const key = `${name} ${digest}`;
    let fetch = this.#fetches.get(key);
    if (fetch === undefined) {
      fetch = this.#begin(name, digest, () => this.#fetches.delete(key));
      this.#fetches.set(key, fetch);
      fetch.catch(() => this.#fetches.delete(key));
    }
    return fetch;
  }

  async #begin(name: string, digest: string, onEnd: () => void): Promise<GrowingBlob> {
    const { upstream, uploads, logger } = this.#deps;
    const { size, content } = await upstream.blob(name, digest, this.#closing.signal);
    const id = await uploads.begin(name, algorithmOf(digest));
    const growing = new GrowingBlob(uploads.path(name, id), size);
    const fill = this.#fill(name, digest, id, growing, content).finally(onEnd);
    this.#fills.add(fill);
    detach(
      fill.finally(() => this.#fills.delete(fill)),
      logger,
      "a blob could not be fetched",
    );
    return growing;
  }

  async #fill(
    name: string,
    digest: string,
    id: string,
    growing: GrowingBlob,
    content: AsyncIterable<Uint8Array>,
  ): Promise<void> {
    const { uploads } = this.#deps;
    try {
      const size = await uploads.append(name, id, noted(content, growing), { first: 0, last: growing.size - 1 });
      if (size !== growing.size) throw new Error(`it ended after ${size} of ${growing.size} bytes`);
      await uploads.finish(name, id, digest);
      growing.ended({});
    } catch (error) {
      growing.ended({ error });
      await uploads.cancel(name, id).catch(() => {}); // a wrong one is gone already
      throw error;
    }
  }
}

/** Tells of each piece once it is written: that is when the next one is asked for. */
async function* noted(content: AsyncIterable<Uint8Array>, growing: GrowingBlob): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of content) {
    yield piece;
    size += piece.length;
    growing.grown(size);
  }
}

function failure(error: unknown, what: string): RegistryError {
  if (codeOf(error) === "unauthorized")
    return new RegistryError("DENIED", `Cannot fetch "${what}": the upstream registry refuses it`, { cause: error });
  return new RegistryError("UNKNOWN", `Cannot fetch "${what}": the upstream registry does not serve it`, {
    status: 502,
    cause: error,
  });
}
