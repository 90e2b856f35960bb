import { posix } from "node:path";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import type { ContentStore } from "./content-store.ts";
import { decompressed } from "./decompressed.ts";
import { MAX_DOCUMENT } from "./manifest.ts";
import { isDigest } from "./reference.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";

/** A file of an archive, kept as a blob. */
export interface ArchivedFile {
  readonly digest: string;
  readonly size: number;
}

const MOST_LINKS = 16;

/** The files of an image archive by their paths. Nothing is written under these: files become blobs. */
export class ArchiveContents {
  readonly #content: ContentStore;
  readonly #files = new Map<string, ArchivedFile>();
  readonly #links = new Map<string, string>();

  private constructor(content: ContentStore) {
    this.#content = content;
  }

  /**
   * Reads an archive, gzip, zstd or plain, to its end. Blobs that are named by their digest are verified.
   * @throws {TsukubeError} `invalid-tar`, `invalid-archive`, `wrong-digest`, `unsupported`.
   */
  static async read(source: AsyncIterable<Uint8Array>, content: ContentStore): Promise<ArchiveContents> {
    const contents = new ArchiveContents(content);
    const tar = decompressed(source);
    const whole = { [Symbol.asyncIterator]: () => ({ next: () => tar.next() }) };
    try {
      for await (const { entry, body } of readTar(whole)) await contents.#add(entry, body);
      for await (const _ of whole); // a sender may not like to be cut off behind the archive's end
    } finally {
      await tar.return(undefined);
    }
    return contents;
  }

  get(path: string): ArchivedFile | undefined {
    let name = posix.normalize(path);
    for (let links = 0; links < MOST_LINKS; links++) {
      const file = this.#files.get(name);
      if (file !== undefined) return file;
      const target = this.#links.get(name);
      if (target === undefined) return undefined;
      name = target;
    }
    return undefined;
  }

  /** @throws {TsukubeError} `invalid-archive` when it is not there. */
  need(path: string): ArchivedFile {
    const file = this.get(path);
    if (file === undefined) throw invalid(`it names "${path}", which is not in it`);
    return file;
  }

  /** The blob of that digest. */
  blob(digest: string): ArchivedFile {
    return this.need(`blobs/${digest.replace(":", "/")}`);
  }

  async read(file: ArchivedFile, what: string): Promise<Buffer> {
    if (file.size > MAX_DOCUMENT) throw invalid(`${what} has ${file.size} bytes, expected at most ${MAX_DOCUMENT}`);
    return this.#content.read(file.digest);
  }

  /** A JSON document; undefined when there is none. */
  async json(path: string): Promise<unknown> {
    const file = this.get(path);
    if (file === undefined) return undefined;
    try {
      return JSON.parse((await this.read(file, path)).toString("utf8"));
    } catch (cause) {
      throw invalid(`${path} is no JSON document (${messageOf(cause)})`);
    }
  }

  async #add(entry: TarEntry, body: AsyncIterable<Buffer>): Promise<void> {
    const path = inside(entry.path, entry.path);
    if (entry.sparse !== undefined) throw invalid(`"${entry.path}" is a sparse file, expected a whole one`);
    switch (entry.type) {
      case "directory":
        return;
      case "file": {
        const digest = path.startsWith("blobs/") ? path.slice("blobs/".length).replace("/", ":") : "";
        this.#files.set(path, await this.#content.write(body, isDigest(digest) ? digest : undefined));
        return;
      }
      case "symlink":
        this.#links.set(path, inside(posix.join(posix.dirname(path), entry.linkPath), entry.path, entry.linkPath));
        return;
      case "link":
        this.#links.set(path, inside(entry.linkPath, entry.path));
        return;
      default:
        throw invalid(`"${entry.path}" is a ${entry.type} node, expected files and folders`);
    }
  }
}

export function invalid(why: string): TsukubeError {
  return new TsukubeError(
    "invalid-archive",
    `Cannot load images: ${why}, expected a whole archive of "docker save" or an OCI image layout`,
  );
}

/** A path in its shortest form. */
function inside(path: string, shown: string, link = path): string {
  const short = posix.normalize(path);
  if (short === ".." || short.startsWith("../") || path.startsWith("/") || link.startsWith("/") || path.includes("\0"))
    throw invalid(`"${shown}" leads out of it`);
  return short.replace(/\/$/, "");
}
