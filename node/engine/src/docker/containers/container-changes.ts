import { type BigIntStats, lstatSync, type Stats } from "node:fs";
import { readdir } from "node:fs/promises";
import { shortName } from "@tsukube/kernel";
import { isOpaque, isWhiteout, shownIn } from "../../images/layer-stack.ts";

/** 0: modified, 1: added, 2: deleted; as the Engine API numbers them. */
export interface Change {
  readonly path: string;
  readonly kind: 0 | 1 | 2;
}

/** What a container changed against its image. @param upper What it wrote. @param lower Layers of the image, uppermost first. */
export async function containerChanges(upper: string, lower: readonly string[]): Promise<readonly Change[]> {
  const found: Change[] = [];
  const visit = async (written: string, folder: string, layers: readonly string[]): Promise<void> => {
    using open = new DisposableStack();
    const [here = "", ...below] = [written, ...layers].map((each) => open.use(shortName(each)).path);
    for (const name of (await readdir(here)).sort()) {
      const path = `${folder}/${name}`;
      const file = `${here}/${name}`;
      const status = lstatSync(file, { bigint: true, throwIfNoEntry: false });
      if (status === undefined) continue;
      const before = shownIn(below, name);
      if (isWhiteout(status)) {
        if (before !== undefined) found.push({ path, kind: 2 });
        continue;
      }
      if (before === undefined && isMountPoint(path, status)) continue;
      const count = found.push({ path, kind: before === undefined ? 1 : 0 });
      if (!status.isDirectory()) continue;
      await visit(file, path, isOpaque(file) ? [] : (before?.below ?? []));
      if (found.length === count && before !== undefined && isSame(status, before.status)) found.pop(); // only a mount point was made in it
    }
  };
  await visit(upper, "", lower);
  return found;
}

/** Files of the engine in each container. */
export const OWN_FILES: readonly string[] = ["/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/** Where files of the engine appear in a container: made for it, not by it. */
export function isMountPoint(path: string, status: Stats | BigIntStats): boolean {
  return OWN_FILES.includes(path) && status.isFile() && Number(status.size) === 0;
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
}
