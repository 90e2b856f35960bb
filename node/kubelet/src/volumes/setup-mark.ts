import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Runs `setUp` once in the life of a pod's volume, also over restarts of this process: what containers do to a volume later
 * (modes, owners) is theirs. A set-up that fails or is interrupted is run again.
 * @param path Of the volume below the pod's folder; the mark is beside it, under a name that no volume can have.
 */
export async function setUpOnce(path: string, setUp: () => Promise<void>): Promise<void> {
  if (isSetUp(path)) return;
  await setUp();
  await mkdir(dirname(path), { recursive: true });
  await writeFile(markOf(path), "");
}

export function isSetUp(path: string): boolean {
  return existsSync(markOf(path));
}

/** Names of volumes are DNS labels: they have no dot. */
function markOf(path: string): string {
  return `${path}.ready`;
}
