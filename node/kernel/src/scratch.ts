import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemMounts } from "./mounts.ts";

/**
 * A folder for a test that mounts overlays: a tmpfs of its own, because the machine's temporary folder may itself lie on an
 * overlay, which cannot carry another. Needs root.
 */
export function scratchFolder(name: string): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), `tsukube-${name}-`));
  systemMounts.tmpfs(path, { sizeBytes: 2 * 1024 ** 3, mode: "755" });
  return {
    path,
    remove() {
      for (const mount of systemMounts.below(path)) systemMounts.unmount(mount);
      rmSync(path, { recursive: true, force: true });
    },
  };
}
