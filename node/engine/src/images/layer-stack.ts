import { type BigIntStats, lstatSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { attribute, attributeNames } from "@tsukube/kernel";
import { OPAQUE_MARKS } from "./unpack.ts";

/** What layers that lie over each other show under a name. */
export interface Shown {
  /** Where it lies. */
  readonly file: string;
  readonly status: BigIntStats;
  /** For a folder: where its content lies, the uppermost first. */
  readonly below: readonly string[];
}

/** @param folders Of layers, the uppermost first, with deletions as overlayfs writes them. */
export function shownIn(folders: readonly string[], name: string): Shown | undefined {
  let first: Omit<Shown, "below"> | undefined;
  const below: string[] = [];
  for (const folder of folders) {
    const file = `${folder}/${name}`;
    const status = lstatSync(file, { bigint: true, throwIfNoEntry: false });
    if (status === undefined) continue;
    if (isWhiteout(status) || (first !== undefined && !status.isDirectory())) break;
    first ??= { file, status };
    if (!status.isDirectory()) break;
    below.push(file);
    if (isOpaque(file)) break;
  }
  return first === undefined ? undefined : { ...first, below };
}

/** All names that layers have in a folder, in order; also of what is deleted. */
export async function namesIn(folders: readonly string[]): Promise<readonly string[]> {
  const names = await Promise.all(folders.map((folder) => readdir(folder)));
  return [...new Set(names.flat())].sort();
}

export function isWhiteout(status: BigIntStats): boolean {
  return status.isCharacterDevice() && status.rdev === 0n;
}

export function isOpaque(folder: string): boolean {
  const names = attributeNames(folder);
  const name = Object.values(OPAQUE_MARKS).find((each) => names.includes(each));
  return name !== undefined && attribute(folder, name).toString() === "y";
}
