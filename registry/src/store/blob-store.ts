import { createReadStream } from "node:fs";
import { open, readdir, readFile, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { codeOf } from "@tsukube/foundation";
import { makeFolder, syncFolder } from "@tsukube/host";
import { ALGORITHMS } from "../names.ts";
import type { Layout } from "./layout.ts";

const PIECE = 256 * 1024;

/** Whole blobs by digest: written once, never changed, each kept once for all repositories. */
export class BlobStore {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Undefined when there is none. */
  async size(digest: string): Promise<number | undefined> {
    try {
      return (await stat(this.#layout.blob(digest))).size;
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Takes over a file whose content was checked. When this returns, the blob survives a power loss. */
  async adopt(file: string, digest: string): Promise<void> {
    const target = this.#layout.blob(digest);
    await makeFolder(dirname(target));
    const handle = await open(file, "r+");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(file, target);
    await syncFolder(dirname(target));
  }

  /** From one byte to another, both inclusive; nothing when the last is before the first. */
  stream(digest: string, first: number, last: number): Readable {
    if (last < first) return Readable.from([]);
    return createReadStream(this.#layout.blob(digest), { start: first, end: last, highWaterMark: PIECE });
  }

  /** For small ones. */
  read(digest: string): Promise<Buffer> {
    return readFile(this.#layout.blob(digest));
  }

  async *all(): AsyncGenerator<string> {
    for (const algorithm of ALGORITHMS) {
      const folder = `${this.#layout.blobs}/${algorithm}`;
      for (const start of await namesIn(folder))
        for (const hex of await namesIn(`${folder}/${start}`)) yield `${algorithm}:${hex}`;
    }
  }
}

/** What a folder has; nothing when it is not there. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}
