import { lstatSync, type Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { attribute, attributeNames } from "@tsukube/kernel";

/** 0: modified, 1: added, 2: deleted; as the Engine API numbers them. */
export interface Change {
  readonly path: string;
  readonly kind: 0 | 1 | 2;
}

/** What a container changed against its image. @param upper What it wrote. @param lower Layers of the image, uppermost first. */
export async function containerChanges(upper: string, lower: readonly string[]): Promise<readonly Change[]> {
  const found: Change[] = [];
  const visit = async (folder: string, layers: readonly string[]): Promise<void> => {
    for (const name of (await readdir(upper + folder).catch(() => [])).sort()) {
      const path = `${folder}/${name}`;
      const status = lstatSync(upper + path, { throwIfNoEntry: false });
      if (status === undefined) continue;
      const below = firstOf(layers, path);
      if (isWhiteout(status)) {
        if (below !== undefined) found.push({ path, kind: 2 });
        continue;
      }
      if (below === undefined && isMountPoint(path, status)) continue;
      const count = found.push({ path, kind: below === undefined ? 1 : 0 });
      if (!status.isDirectory()) continue;
      await visit(path, isOpaque(upper + path) || below?.isDirectory() !== true ? [] : layers);
      if (found.length === count && below !== undefined && isSame(status, below)) found.pop(); // only a mount point was made in it
    }
  };
  await visit("", lower);
  return found;
}

/** Files of the engine in each container. */
export const OWN_FILES: readonly string[] = ["/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/** Where files of the engine appear in a container: made for it, not by it. */
export function isMountPoint(path: string, status: Stats): boolean {
  return OWN_FILES.includes(path) && status.isFile() && status.size === 0;
}

function isSame(a: Stats, b: Stats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}

/** What the layers show at a path. */
function firstOf(layers: readonly string[], path: string): Stats | undefined {
  const parts = path.split("/").slice(1);
  for (const layer of layers) {
    const status = lstatSync(layer + path, { throwIfNoEntry: false });
    if (status !== undefined) return isWhiteout(status) ? undefined : status;
    if (hides(layer, parts)) return undefined;
  }
  return undefined;
}

/** Whether a layer hides what lies below it at a path: a folder on the way is deleted, opaque, or no folder. */
function hides(layer: string, parts: readonly string[]): boolean {
  for (let length = 1; length < parts.length; length++) {
    const folder = `${layer}/${parts.slice(0, length).join("/")}`;
    const status = lstatSync(folder, { throwIfNoEntry: false });
    if (status === undefined) return false;
    if (!status.isDirectory() || isOpaque(folder)) return true;
  }
  return false;
}

function isWhiteout(status: Stats): boolean {
  return status.isCharacterDevice() && status.rdev === 0;
}

function isOpaque(folder: string): boolean {
  const name = attributeNames(folder).find((each) => /^(trusted|user)\.overlay\.opaque$/.test(each));
  return name !== undefined && attribute(folder, name).toString() === "y";
}
