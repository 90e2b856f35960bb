import { closeSync, fstatSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { openWithin } from "@tsukube/kernel";

const MOST = 16 * 1024 * 1024;

/**
 * The text of a file that whoever made an image, or runs in a container, may have put something else in place of: links lead
 * nowhere out of `root`, and what is no file, such as a pipe that nobody writes to, is not opened.
 * @param most Bytes; larger ones are not read. @returns undefined where there is no such file.
 */
export async function textWithin(root: string, path: string, most = MOST): Promise<string | undefined> {
  const place = placeOf(root, path);
  if (place === undefined) return undefined;
  try {
    const status = fstatSync(place);
    if (!status.isFile() || status.size > most) return undefined;
    return await readFile(`/proc/self/fd/${place}`, "utf8");
  } finally {
    closeSync(place);
  }
}

function placeOf(root: string, path: string): number | undefined {
  try {
    return openWithin(root, path);
  } catch {
    return undefined;
  }
}
