import { createHash } from "node:crypto";
import { algorithmOf } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { BlobStore } from "./blob-store.ts";
import { type ManifestDocument, readManifest, referrerOf } from "./manifest-document.ts";
import type { ManifestRecord, RepositoryStore } from "./repository-store.ts";
import type { Uploads } from "./uploads.ts";

interface Deps {
  readonly blobs: BlobStore;
  readonly repositories: RepositoryStore;
  readonly uploads: Uploads;
}

/** A manifest that is put. */
export interface NewManifest {
  readonly bytes: Uint8Array;
  /** "" when the request has none. */
  readonly contentType: string;
  /** What it is put as; by default its SHA-256. */
  readonly digest?: string;
  readonly tags: readonly string[];
}

export interface FoundManifest {
  readonly digest: string;
  readonly record: ManifestRecord;
}

/** Puts, finds and removes manifests: those of one repository one after the other. */
export class Manifests {
  readonly #deps: Deps;
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * Keeps a manifest and its tags; when this returns, both survive a power loss.
   * @param options.sparse Whether what it names may be missing: in a cache it comes later.
   * @throws {RegistryError} `MANIFEST_INVALID`, `DIGEST_INVALID`, `MANIFEST_BLOB_UNKNOWN`.
   */
  put(
    name: string,
    manifest: NewManifest,
    options: { readonly sparse?: boolean } = {},
  ): Promise<{ readonly digest: string; readonly document: ManifestDocument }> {
    const { bytes, contentType, tags } = manifest;
    const digest = checkedDigest(manifest);
    const document = readManifest(bytes, contentType);
    return this.#inTurn(name, async () => {
      if (options.sparse !== true) await this.#checkReferences(name, document.needed);
      await this.#deps.uploads.put(name, bytes, digest);
      const { mediaType, references, subject } = document;
      const record = { mediaType, size: bytes.length, references, ...(subject === undefined ? {} : { subject }) };
      await this.#deps.repositories.putManifest(name, record, referrerOf(document, digest, bytes.length));
      for (const tag of tags) await this.#deps.repositories.putTag(name, tag, digest);
      return { digest, document };
    });
  }

  /** @param reference A digest or a tag. */
  async find(name: string, reference: string): Promise<FoundManifest | undefined> {
    const { repositories } = this.#deps;
    const digest = reference.includes(":") ? reference : await repositories.tag(name, reference);
    if (digest === undefined) return undefined;
    const record = await repositories.manifest(name, digest);
    return record === undefined ? undefined : { digest, record };
  }

  read(digest: string): Promise<Buffer> {
    return this.#deps.blobs.read(digest);
  }

  /** @returns whether it was there. */
  remove(name: string, digest: string): Promise<boolean> {
    return this.#inTurn(name, () => this.#deps.repositories.removeManifest(name, digest));
  }

  removeTag(name: string, tag: string): Promise<boolean> {
    return this.#inTurn(name, () => this.#deps.repositories.removeTag(name, tag));
  }

  async #checkReferences(name: string, needed: readonly string[]): Promise<void> {
    const missing: { readonly digest: string }[] = [];
    for (const digest of new Set(needed)) {
      const isThere =
        (await this.#deps.repositories.blobSize(name, digest)) !== undefined ||
        (await this.#deps.repositories.manifest(name, digest)) !== undefined;
      if (!isThere) missing.push({ digest });
    }
    if (missing.length === 0) return;
    throw new RegistryError(
      "MANIFEST_BLOB_UNKNOWN",
      `Cannot take the manifest: repository "${name}" lacks what it names, expected that to be pushed before`,
      { details: missing },
    );
  }

  async #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work, work);
    this.#turns.set(name, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(name) === turn) this.#turns.delete(name);
    }
  }
}

function checkedDigest({ bytes, digest }: NewManifest): string {
  const algorithm = digest === undefined ? "sha256" : algorithmOf(digest);
  const actual = `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}`;
  if (digest === undefined || actual === digest) return actual;
  throw new RegistryError(
    "DIGEST_INVALID",
    `Cannot keep manifest "${digest}": its content is ${actual}, expected what its name says`,
    { details: [{ digest }] },
  );
}
