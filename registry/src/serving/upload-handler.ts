import { ALGORITHMS, type Algorithm, algorithmOf, digestOf, isDigest, repositoryName } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import type { BlobStore } from "../store/blob-store.ts";
import type { Reliance } from "../store/reliance.ts";
import type { RepositoryStore } from "../store/repository-store.ts";
import { rangeOf, type Uploads } from "../store/uploads.ts";
import { type ByteRange, chunkRange } from "./byte-range.ts";
import type { Call } from "./call.ts";

interface Deps {
  readonly blobs: BlobStore;
  readonly repositories: RepositoryStore;
  readonly uploads: Uploads;
  readonly reliance: Reliance;
  /** Whether everyone who may write anywhere may read everything: then a blob can be mounted from wherever it is. */
  readonly openInside: boolean;
}

/** `/v2/NAME/blobs/uploads/` and what is below it (distribution spec, "Pushing blobs"). */
export class UploadHandler {
  readonly #deps: Deps;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** POST: begins an upload, takes a whole blob, or mounts one. */
  async begin(call: Call, name: string): Promise<void> {
    if (call.method !== "POST") return call.refuseMethod("POST");
    const { uploads } = this.#deps;
    const mount = call.parameter("mount");
    if (isDigest(mount) && (await this.#mount(call, name, mount))) return this.#created(call, name, mount);
    const wanted = call.parameter("digest");
    if (wanted === undefined || mount !== undefined) {
      const id = await uploads.begin(name, algorithmParameter(call));
      return this.#accepted(call, name, id, 0);
    }
    const digest = digestOf(wanted);
    const id = await uploads.begin(name, algorithmOf(digest));
    try {
      await uploads.append(name, id, call.request, lengthRange(call));
      await uploads.finish(name, id, digest);
    } catch (error) {
      await uploads.cancel(name, id).catch(() => {}); // it has no name yet: nobody can go on with it
      throw error;
    }
    return this.#created(call, name, digest);
  }

  /** GET: how far it is; PATCH: a chunk; PUT: its end; DELETE: forget it. */
  async handle(call: Call, name: string, id: string): Promise<void> {
    const { uploads } = this.#deps;
    switch (call.method) {
      case "GET":
      case "HEAD":
        return call.answer(204, this.#headers(name, id, await uploads.size(name, id)));
      case "PATCH":
        return this.#accepted(call, name, id, await this.#append(call, name, id));
      case "PUT": {
        const digest = digestOf(call.parameter("digest") ?? null);
        await this.#append(call, name, id);
        await uploads.finish(name, id, digest);
        return this.#created(call, name, digest);
      }
      case "DELETE":
        await uploads.cancel(name, id);
        return call.answer(204);
      default:
        return call.refuseMethod("GET", "PATCH", "PUT", "DELETE");
    }
  }

  async #append(call: Call, name: string, id: string): Promise<number> {
    const { uploads } = this.#deps;
    const range = chunkRange(call.header("content-range"));
    try {
      if (range === "malformed") throw await this.#misfit(name, id, "its Content-Range is malformed");
      const length = call.header("content-length");
      if (range !== undefined && length !== undefined && Number(length) !== range.last + 1 - range.first)
        throw await this.#misfit(name, id, "its Content-Range is not as long as its Content-Length");
      return await uploads.append(name, id, call.request, range);
    } catch (error) {
      if (!(error instanceof RegistryError) || error.status !== 416) throw error;
      throw new RegistryError(error.code, error.message, {
        status: 416,
        headers: { ...error.headers, location: place(name, id) },
      });
    }
  }

  async #misfit(name: string, id: string, why: string): Promise<RegistryError> {
    const size = await this.#deps.uploads.size(name, id);
    return new RegistryError("BLOB_UPLOAD_INVALID", `Cannot add a chunk to upload "${id}": ${why}`, {
      status: 416,
      headers: { range: rangeOf(size) },
    });
  }

  /** Whether the blob could be taken from another repository, or from any when none is named. */
  async #mount(call: Call, name: string, digest: string): Promise<boolean> {
    const { repositories, blobs, reliance } = this.#deps;
    const from = call.parameter("from");
    const mayRead = (other: string) => call.visitor.may({ type: "repository", name: other, actions: ["pull"] });
    if (from !== undefined) {
      const other = repositoryName(from);
      if (!mayRead(other) || (await repositories.blobSize(other, digest)) === undefined) return false;
    } else {
      if (!this.#deps.openInside) return (await repositories.blobSize(name, digest)) !== undefined;
      const takeBack = reliance.note(digest);
      if ((await blobs.size(digest)) === undefined) {
        takeBack();
        return false;
      }
    }
    await repositories.linkBlob(name, digest);
    return true;
  }

  #accepted(call: Call, name: string, id: string, size: number): void {
    call.answer(202, this.#headers(name, id, size));
  }

  #created(call: Call, name: string, digest: string): void {
    call.answer(201, { location: `/v2/${name}/blobs/${digest}`, "docker-content-digest": digest });
  }

  #headers(name: string, id: string, size: number): Record<string, string> {
    return { location: place(name, id), range: rangeOf(size), "docker-upload-uuid": id };
  }
}

/** For scopes: what a mount reads from; undefined for none, and for what is no name. */
export function mountSource(url: URL): string | undefined {
  const from = url.searchParams.get("from");
  return from === null || !url.searchParams.has("mount") ? undefined : from;
}

function place(name: string, id: string): string {
  return `/v2/${name}/blobs/uploads/${id}`;
}

/** A whole blob has exactly the length that its request says. */
function lengthRange(call: Call): ByteRange | undefined {
  const length = Number(call.header("content-length") ?? 0);
  return length === 0 ? undefined : { first: 0, last: length - 1 };
}

/** What the client will end the upload with; the usual when it does not say. */
function algorithmParameter(call: Call): Algorithm {
  const named = call.parameter("digest-algorithm");
  const found = ALGORITHMS.find((each) => each === named);
  if (found !== undefined || named === undefined) return found ?? "sha256";
  throw new RegistryError("DIGEST_INVALID", `Cannot use digest algorithm "${named}": expected sha256 or sha512`);
}
