import {
  type BigIntStats,
  chmodSync,
  constants,
  copyFileSync,
  lchownSync,
  linkSync,
  mkdirSync,
  readlinkSync,
  symlinkSync,
} from "node:fs";
import { copyFile } from "node:fs/promises";
import { attribute, attributeNames, deviceNumbers, makeNode, setAttribute, setTimes } from "@tsukube/kernel";
import { isCarried } from "./layer-tar.ts";

/** Copied at once: for small files that costs less than to wait. */
const SMALL = 128n * 1024n;

/** Files that were copied under one of their names, by what tells that others are theirs, too. */
export type CopiedLinks = Map<string, string>;

/** Makes a folder like another, without its content. Who fills it sets its time again. */
export function copyFolder(file: string, status: BigIntStats, target: string): void {
  mkdirSync(target);
  copyMetadata(file, status, target);
}

/** Copies a file, link or device with all that it is, to where nothing is; a folder without its content. */
export async function copyNode(file: string, status: BigIntStats, target: string, links: CopiedLinks): Promise<void> {
  if (status.isDirectory()) return copyFolder(file, status, target);
  const inode = `${status.dev}:${status.ino}`;
  const first = status.nlink > 1n ? links.get(inode) : undefined;
  if (first !== undefined) return linkSync(first, target);
  links.set(inode, target);
  if (status.isSymbolicLink()) symlinkSync(readlinkSync(file), target);
  else if (!status.isFile()) copyDevice(status, target);
  else if (status.size <= SMALL) copyFileSync(file, target, constants.COPYFILE_FICLONE);
  else await copyFile(file, target, constants.COPYFILE_FICLONE);
  copyMetadata(file, status, target);
}

/** Owner, mode, attributes and time. */
function copyMetadata(file: string, status: BigIntStats, target: string): void {
  lchownSync(target, Number(status.uid), Number(status.gid));
  if (!status.isSymbolicLink()) chmodSync(target, Number(status.mode) & 0o7777); // after chown, which clears setuid
  for (const name of keptAttributes(file)) setAttribute(target, name, attribute(file, name));
  setTimes(target, status.mtimeNs);
}

/** Attributes that belong to the file; the rest belongs to this machine. */
export function keptAttributes(file: string): readonly string[] {
  return attributeNames(file).filter((name) => isCarried(name) || name.startsWith("system.posix_acl_"));
}

function copyDevice(status: BigIntStats, target: string): void {
  const { major, minor } = deviceNumbers(Number(status.rdev));
  makeNode(target, status.isFIFO() ? "fifo" : status.isBlockDevice() ? "block" : "character", major, minor);
}
