import { closeSync, constants, fstatSync, openSync, type Stats } from "node:fs";
import { basename, dirname } from "node:path";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { O_PATH, openWithin } from "@tsukube/kernel";
import type { SourceEntry } from "./copy-sources.ts";

/**
 * Paths for what was found below a root, none of which leads out of it, whoever puts links there meanwhile: a path goes through a
 * descriptor of its folder. Entries come folder by folder, so that of the last one is kept.
 */
export class SourcePlaces implements Disposable {
  readonly #root: string;
  #folder: { readonly path: string; readonly descriptor: number } | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) closeSync(this.#folder.descriptor);
  }

  /** Of the entry itself, also where that is a link. Good until another one is asked for. @throws {TsukubeError} `changed`. */
  pathOf({ file }: SourceEntry): string {
    const path = file.slice(this.#root.length);
    if (path === "" || path === "/") return `${this.#at("/", file)}/.`;
    return `${this.#at(dirname(path), file)}/${basename(path)}`;
  }

  /** Calls back with a path of a file's content. @throws {TsukubeError} `changed` where it is another file, or none, by now. */
  async content<T>(entry: SourceEntry, use: (path: string) => Promise<T>): Promise<T> {
    const descriptor = opened(this.pathOf(entry), entry.file);
    try {
      if (!isSame(fstatSync(descriptor), entry.status)) throw changed(entry.file);
      return await use(`/proc/self/fd/${descriptor}`);
    } finally {
      closeSync(descriptor);
    }
  }

  #at(folder: string, file: string): string {
    if (this.#folder?.path !== folder) {
      const descriptor = folderAt(this.#root, folder, file);
      this[Symbol.dispose]();
      this.#folder = { path: folder, descriptor };
    }
    return `/proc/self/fd/${this.#folder.descriptor}`;
  }
}

function folderAt(root: string, path: string, file: string): number {
  let place: number | undefined;
  try {
    place = openWithin(root, path);
    // only a folder, which what is below it is looked for in
    return openSync(`/proc/self/fd/${place}/.`, O_PATH | constants.O_DIRECTORY);
  } catch (error) {
    throw changed(file, error);
  } finally {
    if (place !== undefined) closeSync(place);
  }
}

/** A pipe that has taken its place waits for nobody. */
function opened(path: string, file: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ELOOP") throw error;
    throw changed(file, error);
  }
}

function isSame(a: Stats, b: Stats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function changed(file: string, cause?: unknown): TsukubeError {
  return new TsukubeError("changed", `Cannot copy "${file}": it changed while it was copied, expected it to rest`, {
    cause,
  });
}
