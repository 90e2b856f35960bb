import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";

/** What a folder takes on its disk in bytes, each file once however many names it has. Files may come and go meanwhile. */
export async function diskUsage(folder: string): Promise<number> {
  const seen = new Set<number>();
  const visit = async (path: string): Promise<number> => {
    const found = await lstat(path).catch(() => undefined);
    if (found === undefined || seen.has(found.ino)) return 0;
    if (found.nlink > 1) seen.add(found.ino);
    let bytes = found.blocks * 512;
    if (!found.isDirectory()) return bytes;
    const entries = await opendir(path).catch(() => undefined);
    if (entries === undefined) return bytes;
    for await (const { name } of entries) bytes += await visit(join(path, name));
    return bytes;
  };
  return visit(folder);
}
