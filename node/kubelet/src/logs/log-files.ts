import { statSync } from "node:fs";
import { readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Upstream's containerLogMaxSize and containerLogMaxFiles. */
export const LOG_BYTES = 10 << 20;
export const LOG_FILES = 5;

/** Files of one log, oldest first, the one that is written last: "0.log.20250101-120000", "0.log". */
export async function logFilesOf(path: string): Promise<readonly string[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path)).catch(() => []);
  const rotated = names.filter((name) => name.startsWith(prefix)).sort();
  return [...rotated.map((name) => join(dirname(path), name)), path];
}

/**
 * Puts a log aside when it has grown large, and removes the oldest beyond what is kept.
 * @param reopen Makes the writer begin a new file.
 * @returns whether it was rotated.
 */
export async function rotateLog(path: string, now: number, reopen: () => Promise<unknown>): Promise<boolean> {
  // of every container every ten seconds: a thread for each would be most of what a node at rest does
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || found.size < LOG_BYTES) return false;
  const old = (await logFilesOf(path)).slice(0, -1);
  for (const file of old.slice(0, Math.max(0, old.length - (LOG_FILES - 2)))) await rm(file, { force: true });
  const aside = `${path}.${stampOf(now)}`;
  await rename(path, aside);
  try {
    await reopen();
  } catch (error) {
    await rename(aside, path); // who writes goes on there: it would be lost to readers
    throw error;
  }
  return true;
}

/** "20250101-120000", in UTC. */
function stampOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace(/[-:]/g, "").replace("T", "-");
}
