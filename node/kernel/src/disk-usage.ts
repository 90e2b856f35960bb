import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "@tsukube/foundation";
import { shortName } from "./places.ts";

/** What a folder takes on its disk in bytes, each file once however many names it has. Files may come and go meanwhile. */
export async function diskUsage(folder: string): Promise<number> {
  const seen = new Set<number>();
  const visit = async (path: string): Promise<number> => {
    const found = await lstat(path).catch(unlessGone);
    if (found === undefined || seen.has(found.ino)) return 0;
    if (found.nlink > 1) seen.add(found.ino);
    let bytes = found.blocks * 512;
    if (!found.isDirectory()) return bytes;
    try {
      using here = shortName(path);
      for await (const { name } of await opendir(here.path)) bytes += await visit(join(here.path, name));
    } catch (error) {
      unlessGone(error);
    }
    return bytes;
  };
  return visit(folder);
}

function unlessGone(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT" && codeOf(error) !== "ENOTDIR") throw error;
}
