import { constants } from "node:fs";
import { chmod, copyFile, lchown, lstat, lutimes, mkdir, readlink, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { attribute, attributeNames, deviceNumbers, makeNode, setAttribute } from "@tsukube/kernel";
import { isCarried } from "../images/layer-tar.ts";
import type { CopySource, SourceEntry } from "./copy-sources.ts";
import type { ModeChange } from "./file-mode.ts";
import { rootedPath } from "./rooted-path.ts";
import { SourcePlaces } from "./source-places.ts";

export interface CopyOptions {
  /** For everything that is copied or made; the source's own when absent. */
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** Of files and folders that are copied. */
  readonly mode?: ModeChange;
  /** Keeps the folders of the sources' paths: `--parents`. */
  readonly parents: boolean;
}

/**
 * Copies as COPY does (Dockerfile reference, "COPY"): the content of folders, not themselves; into `destination` where that is a
 * folder, or ends with a slash; folders on the way are made.
 * @param destination Absolute within `root`.
 */
export async function copySources(
  sources: readonly CopySource[],
  root: string,
  destination: string,
  options: CopyOptions,
): Promise<void> {
  const target = rootedPath(root, destination);
  const intoFolder = destination.endsWith("/") || options.parents || sources.length > 1;
  const before = await lstat(target).catch(() => undefined);
  if (intoFolder && before !== undefined && !before.isDirectory())
    throw new TsukubeError("invalid", `"${destination}" is a file in the image, expected a folder`);
  for (const source of sources) {
    const within = options.parents ? (source.kept ?? source.path) : source.isFolder ? "" : source.name;
    const toFolder = intoFolder || before?.isDirectory() === true || source.isFolder;
    await copySource(source, root, toFolder && within !== "" ? join(destination, within) : destination, options);
  }
}

async function copySource(source: CopySource, root: string, destination: string, options: CopyOptions): Promise<void> {
  await makeFolders(root, dirname(destination), options);
  using places = new SourcePlaces(source.root);
  const folderTimes: (readonly [path: string, time: Date])[] = [];
  for (const entry of source.entries) {
    const path = entry.path === "" ? destination : join(destination, entry.path);
    const target = rootedPath(root, path, entry.status.isDirectory());
    const isTop = entry.path === "" && source.isFolder && !options.parents;
    await copyEntry(entry, places, target, options, isTop);
    if (entry.status.isDirectory() && !isTop) folderTimes.push([target, entry.status.mtime]);
  }
  for (const [target, time] of folderTimes.reverse()) await lutimes(target, time, time);
}

/** @param isTop The folder whose content is copied: one that is there keeps its mode and owner. */
async function copyEntry(
  entry: SourceEntry,
  places: SourcePlaces,
  target: string,
  options: CopyOptions,
  isTop: boolean,
): Promise<void> {
  const { status, file } = entry;
  const before = await lstat(target).catch(() => undefined);
  const isFolder = status.isDirectory();
  if (before?.isDirectory() === true && !isFolder)
    throw new TsukubeError("invalid", `"${entry.path || file}" cannot replace a folder of the image by a file`);
  if (before !== undefined && isTop && before.isDirectory()) return;
  if (before !== undefined && !(isFolder && before.isDirectory())) await rm(target, { recursive: true });
  if (isFolder) await mkdir(target, { recursive: true });
  else if (status.isSymbolicLink()) await symlink(await readlink(places.pathOf(entry)), target);
  else if (status.isFile()) await places.content(entry, (path) => copyFile(path, target, constants.COPYFILE_FICLONE));
  else {
    const { major, minor } = deviceNumbers(status.rdev);
    makeNode(target, status.isFIFO() ? "fifo" : status.isBlockDevice() ? "block" : "character", major, minor);
  }
  const { uid, gid } = options.owner ?? status;
  await lchown(target, uid, gid);
  if (!status.isSymbolicLink()) await chmod(target, options.mode?.(status.mode, isFolder) ?? status.mode & 0o7777);
  const place = places.pathOf(entry);
  for (const name of attributeNames(place)) if (isCarried(name)) setAttribute(target, name, attribute(place, name));
  await lutimes(target, status.mtime, status.mtime);
}

/** Makes the folders of an absolute path within `root` that are missing. */
export async function makeFolders(root: string, path: string, options: Pick<CopyOptions, "owner">): Promise<void> {
  const parts = path.split("/").filter((part) => part !== "");
  for (const index of parts.keys()) {
    const target = rootedPath(root, parts.slice(0, index + 1).join("/"));
    const status = await lstat(target).catch(() => undefined);
    if (status?.isDirectory() === true) continue;
    if (status !== undefined)
      throw new TsukubeError(
        "invalid",
        `"/${parts.slice(0, index + 1).join("/")}" is a file in the image, expected a folder`,
      );
    await mkdir(target, { mode: 0o755 });
    if (options.owner !== undefined) await lchown(target, options.owner.uid, options.owner.gid);
  }
}
