import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Entry } from "./lmdb-format.ts";
import { StoreError } from "./store.ts";

/** What a commit may write besides its values: pages of the tree that lead to an entry, and those of the pages that become free. */
const EACH = 12 * 1024;
const COMMIT = 256 * 1024;

/**
 * @throws {StoreError} `read-only` when a file system may have no room for a commit. LMDB must not find that out by itself: lmdb 3.5.6 then
 * writes the reason past the end of its memory (`mdb_page_flush`: 100 bytes for a sentence of more), and the process may end.
 * @param removed How many entries go.
 */
export function expectRoom(path: string, entries: readonly Entry[], removed: number): void {
  const needed = entries.reduce((sum, { value }) => sum + value.length + EACH, COMMIT + removed * EACH);
  const { bavail, bsize } = statfsSync(dirname(path));
  const free = bavail * bsize;
  if (free < needed) throw noRoom(path, `${kilobytes(free)} free, ${kilobytes(needed)} may be needed`);
}

export function noRoom(path: string, why: string, cause?: unknown): StoreError {
  return new StoreError(
    "read-only",
    `Cannot write to "${path}": no space left (${why}); free some on its file system, writes then go on`,
    { cause },
  );
}

function kilobytes(bytes: number): string {
  return `${Math.floor(bytes / 1024)} KB`;
}
