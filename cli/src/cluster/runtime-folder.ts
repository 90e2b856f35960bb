import { chmodSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { ClusterPaths } from "./paths.ts";

const PASS = 0o011;

/** Makes it, and lets everybody pass through: what runs as users of a pod's own reaches its files by their paths, and lists no others. */
export function ensureRuntimeFolder({ runtime }: Pick<ClusterPaths, "runtime">): void {
  for (const folder of [dirname(runtime), runtime]) {
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    const { mode, uid } = statSync(folder);
    if ((mode & PASS) !== PASS && uid === process.getuid?.()) chmodSync(folder, (mode & 0o7777) | PASS);
  }
}
