import { closeSync, constants, mkdirSync, openSync } from "node:fs";
import { readdir, rmdir, unlink } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { O_PATH, openWithin } from "@tsukube/kernel";

/** Folders that were opened last: entries of an archive come folder by folder. */
const MOST_OPEN = 16;

/**
 * Paths for the names in an archive, none of which leads out of its root, whatever links are in it, and whoever changes them
 * meanwhile: a path goes through a descriptor of its folder, and nobody follows its last part.
 */
export class UnpackPlaces {
  readonly #root: number;
  readonly #open = new Map<string, number>();

  constructor(root: string) {
    this.#root = openSync(root, O_PATH | constants.O_DIRECTORY);
  }

  close(): void {
    this.forget();
    closeSync(this.#root);
  }

  /** What was opened may have been replaced. */
  forget(): void {
    for (const place of this.#open.values()) closeSync(place);
    this.#open.clear();
  }

  /** A path of a name, its folders made. Good until others were asked for, of which one does no harm. @param name Relative, without "..". @throws {TsukubeError} `invalid-tar`. */
  pathOf(name: string): string {
    return `${this.folderOf(name)}/${basename(name)}`;
  }

  /** A path of the folder that a name is in. */
  folderOf(name: string): string {
    const folder = dirname(name);
    return `/proc/self/fd/${folder === "." ? this.#root : this.#folder(folder)}`;
  }

  /** The same where its folder is there; none is made. */
  existing(name: string): string | undefined {
    const isThere = dirname(name) === "." || this.#open.has(dirname(name)) || this.#isFolder(dirname(name));
    return isThere ? this.pathOf(name) : undefined;
  }

  /** Of the root itself. */
  get root(): string {
    return `/proc/self/fd/${this.#root}/.`;
  }

  #folder(path: string): number {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path); // the last one that was asked for is the last one to be closed
      this.#open.set(path, known);
      return known;
    }
    const place = this.#found(path) ?? this.#made(path);
    for (const [oldest, descriptor] of this.#open) {
      if (this.#open.size < MOST_OPEN) break;
      closeSync(descriptor);
      this.#open.delete(oldest);
    }
    this.#open.set(path, place);
    return place;
  }

  #made(path: string): number {
    try {
      mkdirSync(this.pathOf(path), { mode: 0o755 });
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error; // a link that leads nowhere, or somebody was faster
    }
    const place = this.#found(path);
    if (place !== undefined) return place;
    throw new TsukubeError("invalid-tar", `Cannot unpack below "${path}": a link there leads nowhere in the image`);
  }

  #isFolder(path: string): boolean {
    try {
      const place = this.#found(path);
      if (place !== undefined) closeSync(place);
      return place !== undefined;
    } catch {
      return false;
    }
  }

  #found(path: string): number | undefined {
    try {
      return openWithin(this.#root, path);
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      if (codeOf(error) !== "ENOTDIR" && codeOf(error) !== "ELOOP") throw error;
      throw new TsukubeError("invalid-tar", `Cannot unpack below "${path}": it is no folder`, { cause: error });
    }
  }
}

/** Removes what a path names and all below it; links are removed, not followed, also those that somebody puts there meanwhile. */
export async function removeTree(path: string | Buffer): Promise<void> {
  try {
    return await unlink(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
    if (codeOf(error) !== "EISDIR") throw error;
  }
  await emptyFolder(path);
  await rmdir(path);
}

/** Removes what is in a folder. */
export async function emptyFolder(path: string | Buffer): Promise<void> {
  const folder = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const inside = Buffer.from(`/proc/self/fd/${folder}/`); // names need not be UTF-8
    for (const name of await readdir(inside, { encoding: "buffer" })) await removeTree(Buffer.concat([inside, name]));
  } finally {
    closeSync(folder);
  }
}
