import type { Readable } from "node:stream";
import { digestOf } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { BlobStore } from "../store/blob-store.ts";
import type { RepositoryStore } from "../store/repository-store.ts";
import { byteRange } from "./byte-range.ts";
import type { Call } from "./call.ts";

/** A blob to serve, whole or on its way. */
export interface ServedBlob {
  readonly size: number;
  /** From one byte to another, both inclusive. */
  open(first: number, last: number): Readable | Promise<Readable>;
}

interface Deps {
  readonly find: (name: string, digest: string) => Promise<ServedBlob | undefined>;
  readonly repositories: RepositoryStore;
}

/** Content of a digest never changes. */
const FOR_EVER = "max-age=31536000, immutable";

/** `/v2/NAME/blobs/DIGEST`. */
export class BlobHandler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  async handle(call: Call, name: string, reference: string): Promise<void> {
    const digest = digestOf(reference);
    switch (call.method) {
      case "GET":
      case "HEAD":
        return this.#get(call, name, digest);
      case "DELETE":
        if (!(await this.#deps.repositories.unlinkBlob(name, digest))) throw unknownBlob(name, digest);
        return call.answer(202);
      default:
        return call.refuseMethod("GET", "HEAD", "DELETE");
    }
  }

  async #get(call: Call, name: string, digest: string): Promise<void> {
    const found = await this.#deps.find(name, digest);
    if (found === undefined) throw unknownBlob(name, digest);
    const { size } = found;
    const headers = {
      "content-type": "application/octet-stream",
      "docker-content-digest": digest,
      "accept-ranges": "bytes",
      "cache-control": FOR_EVER,
      etag: `"${digest}"`,
    };
    if (call.header("if-none-match")?.includes(headers.etag) === true) return call.answer(304, headers);
    const condition = call.header("if-range");
    const wanted = condition === undefined || condition === headers.etag ? call.header("range") : undefined;
    const range = byteRange(wanted, size);
    if (range === "unsatisfiable") return call.answer(416, { ...headers, "content-range": `bytes */${size}` });
    if (range === undefined)
      return call.stream(200, { ...headers, "content-length": size }, () => found.open(0, size - 1));
    const { first, last } = range;
    const part = { "content-length": last - first + 1, "content-range": `bytes ${first}-${last}/${size}` };
    return call.stream(206, { ...headers, ...part }, () => found.open(first, last));
  }
}

/** Those of the store. */
export function storedBlobs(
  repositories: RepositoryStore,
  blobs: BlobStore,
): (name: string, digest: string) => Promise<ServedBlob | undefined> {
  return async (name, digest) => {
    const size = await repositories.blobSize(name, digest);
    if (size === undefined) return undefined;
    return { size, open: (first, last) => blobs.stream(digest, first, last) };
  };
}

function unknownBlob(name: string, digest: string): RegistryError {
  return new RegistryError("BLOB_UNKNOWN", `Cannot find blob "${digest}" in "${name}": there is none`, {
    details: [{ digest }],
  });
}
