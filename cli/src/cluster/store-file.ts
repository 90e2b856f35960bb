import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ClusterPaths, filesOf } from "./paths.ts";

/** Whether the cluster was ready once. */
export function hasServed(paths: ClusterPaths): boolean {
  return existsSync(filesOf(paths).kubeconfig);
}

export function storeFile(paths: ClusterPaths): string {
  return join(filesOf(paths).store, "data.mdb");
}
