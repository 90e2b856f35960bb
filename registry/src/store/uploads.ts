import { createHash, type Hash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { type FileHandle, open, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf, type Random } from "@tsukube/foundation";
import { makeFolder } from "@tsukube/host";
import { type Algorithm, algorithmOf } from "../names.ts";
import { RegistryError } from "../registry-error.ts";
import { type BlobStore, namesIn } from "./blob-store.ts";
import type { Layout } from "./layout.ts";
import type { Reliance } from "./reliance.ts";
import type { RepositoryStore } from "./repository-store.ts";

interface Deps {
  readonly layout: Layout;
  readonly blobs: BlobStore;
  readonly repositories: RepositoryStore;
  readonly reliance: Reliance;
  readonly random: Random;
}

/** Where a chunk belongs: both inclusive. */
export interface ChunkRange {
  readonly first: number;
  readonly last: number;
}

/** The digest of an upload so far. After a restart there is none: then the file is read again at the end. */
interface Running {
  readonly algorithm: Algorithm;
  readonly hash: Hash;
  size: number;
}

const ID = /^[0-9a-f-]{36}$/;
/** How many digests so far are kept; of more uploads at a time, the longest untouched are read again. */
const MAX_RUNNING = 1000;

/** Blobs on their way in, each a file that grows. They outlive restarts: a client may go on where it was. */
export class Uploads {
  readonly #deps: Deps;
  readonly #running = new Map<string, Running>();
  readonly #busy = new Set<string>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** @param algorithm What its digest will be of, if that is known. @returns its id. */
  async begin(name: string, algorithm: Algorithm = "sha256"): Promise<string> {
    const id = this.#deps.random.uuid();
    await makeFolder(this.#deps.layout.uploads(name));
    await writeFile(this.path(name, id), "", { flag: "wx", mode: 0o600 });
    this.#keep(id, { algorithm, hash: createHash(algorithm), size: 0 });
    return id;
  }

  /** How many bytes have come. @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`. */
  async size(name: string, id: string): Promise<number> {
    try {
      return (await stat(this.path(name, id))).size;
    } catch (error) {
      throw codeOf(error) === "ENOENT" ? unknown(id) : error;
    }
  }

  /**
   * Adds content. What came before a connection broke stays.
   * @returns the size after it.
   * @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`; `BLOB_UPLOAD_INVALID` with status 416 for a chunk that does not fit, of
   * which nothing is kept.
   */
  append(name: string, id: string, content: AsyncIterable<Uint8Array>, range?: ChunkRange): Promise<number> {
    return this.#alone(name, id, async () => {
      const begun = await this.size(name, id);
      if (range !== undefined && range.first !== begun) throw misfit(id, `it begins at ${range.first}`, begun);
      const file = await open(this.path(name, id), constants.O_WRONLY | constants.O_APPEND);
      try {
        return await this.#write(file, id, begun, content, range);
      } finally {
        await file.close();
      }
    });
  }

  /**
   * Makes the upload a blob of the repository. When this returns, it survives a power loss.
   * @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`; `DIGEST_INVALID`: nothing is kept.
   */
  finish(name: string, id: string, digest: string): Promise<void> {
    return this.#alone(name, id, async () => {
      const path = this.path(name, id);
      const actual = await this.#digest(id, path, await this.size(name, id), algorithmOf(digest));
      this.#running.delete(id);
      if (actual !== digest) {
        await rm(path, { force: true });
        throw new RegistryError(
          "DIGEST_INVALID",
          `Cannot keep blob "${digest}": its content is ${actual}, expected what its name says`,
          { details: [{ digest }] },
        );
      }
      this.#deps.reliance.note(digest); // first: from here on it is not removed
      await this.#deps.blobs.adopt(path, digest);
      await this.#deps.repositories.linkBlob(name, digest);
    });
  }

  /** Makes bytes whose digest was checked a blob, which no repository shows yet. */
  async put(name: string, bytes: Uint8Array, digest: string): Promise<void> {
    this.#deps.reliance.note(digest);
    await makeFolder(this.#deps.layout.uploads(name));
    const path = this.path(name, this.#deps.random.uuid());
    await writeFile(path, bytes, { flag: "wx", mode: 0o600 });
    await this.#deps.blobs.adopt(path, digest);
  }

  /** @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN`. */
  async cancel(name: string, id: string): Promise<void> {
    await this.size(name, id);
    await this.#remove(name, id);
  }

  /** Removes what nobody has written to since. @returns how many. */
  async expire(name: string, before: number): Promise<number> {
    let count = 0;
    for (const id of await namesIn(this.#deps.layout.uploads(name))) {
      if (this.#busy.has(id)) continue;
      const found = await stat(join(this.#deps.layout.uploads(name), id)).catch(() => undefined); // it may end meanwhile
      if (found === undefined || found.mtimeMs >= before || this.#busy.has(id)) continue;
      await this.#remove(name, id);
      count++;
    }
    return count;
  }

  async #remove(name: string, id: string): Promise<void> {
    this.#running.delete(id);
    await rm(join(this.#deps.layout.uploads(name), id), { force: true });
  }

  async #write(
    file: FileHandle,
    id: string,
    begun: number,
    content: AsyncIterable<Uint8Array>,
    range: ChunkRange | undefined,
  ): Promise<number> {
    const running = this.#runningAt(id, begun);
    let size = begun;
    for await (const piece of content) {
      if (range !== undefined && size + piece.length > range.last + 1) {
        this.#running.delete(id);
        await file.truncate(begun);
        throw misfit(id, `it has more than the ${range.last + 1 - range.first} bytes of its range`, begun);
      }
      await file.writeFile(piece);
      size += piece.length;
      if (running === undefined) continue;
      running.hash.update(piece);
      running.size = size;
    }
    return size;
  }

  async #digest(id: string, path: string, size: number, algorithm: Algorithm): Promise<string> {
    const running = this.#runningAt(id, size);
    if (running?.algorithm === algorithm) return `${algorithm}:${running.hash.digest("hex")}`;
    const hash = createHash(algorithm);
    for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
    return `${algorithm}:${hash.digest("hex")}`;
  }

  /** Only as long as it has seen exactly what the file has. */
  #runningAt(id: string, size: number): Running | undefined {
    const running = this.#running.get(id);
    if (running !== undefined && running.size === size) return this.#keep(id, running);
    this.#running.delete(id);
    return undefined;
  }

  #keep(id: string, running: Running): Running {
    this.#running.delete(id);
    this.#running.set(id, running);
    const oldest = this.#running.keys().next();
    if (this.#running.size > MAX_RUNNING && oldest.done !== true) this.#running.delete(oldest.value);
    return running;
  }

  /** One request at a time writes to an upload. */
  async #alone<T>(name: string, id: string, work: () => Promise<T>): Promise<T> {
    if (this.#busy.has(id)) throw misfit(id, "another request still writes to it", await this.size(name, id));
    this.#busy.add(id);
    try {
      return await work();
    } finally {
      this.#busy.delete(id);
    }
  }

  /** The file that grows. @throws {RegistryError} `BLOB_UPLOAD_UNKNOWN` for what is no id. */
  path(name: string, id: string): string {
    if (!ID.test(id)) throw unknown(id);
    return join(this.#deps.layout.uploads(name), id);
  }
}

/** The `Range` header that says how far an upload is; an empty one cannot be told from one of a byte. */
export function rangeOf(size: number): string {
  return `0-${Math.max(0, size - 1)}`;
}

function unknown(id: string): RegistryError {
  return new RegistryError(
    "BLOB_UPLOAD_UNKNOWN",
    `Cannot go on with upload "${id}": there is none, expected one that was begun here and neither ended nor expired`,
  );
}

function misfit(id: string, why: string, size: number): RegistryError {
  return new RegistryError(
    "BLOB_UPLOAD_INVALID",
    `Cannot add a chunk to upload "${id}": ${why}, expected one from ${size}`,
    { status: 416, headers: { range: rangeOf(size) } },
  );
}
