import { readdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { ClusterPaths } from "./paths.ts";
import { storeFile } from "./store-file.ts";

/** A file beside a cluster's store that nothing reads any more. */
export interface OldStoreFile {
  readonly path: string;
  readonly bytes: number;
  /** What it is, to go on with: "the store as it was before ...". */
  readonly what: string;
}

/** What an upgrade or a restore left beside the store, to go back to. */
export function oldStoreFiles(paths: ClusterPaths): readonly OldStoreFile[] {
  const file = storeFile(paths);
  const folder = dirname(file);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return []; // its server says why
  return readdirSync(folder).flatMap((name) => {
    const what = whatIs(name, basename(file));
    if (what === undefined) return [];
    const path = join(folder, name);
    return [{ path, what, bytes: statSync(path).size }];
  });
}

function whatIs(name: string, store: string): string | undefined {
  const [, format] = new RegExp(`^${store.replaceAll(".", "\\.")}\\.format-(\\d+)$`).exec(name) ?? [];
  if (format !== undefined) return `the store in format ${format}, as it was before an upgrade`;
  return name === `${store}.replaced` ? "the store as it was before a snapshot was restored" : undefined;
}

/** A sentence for people: what it is, how large, and how to be rid of it. */
export function describeOld({ path, bytes, what }: OldStoreFile): string {
  const size = bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return `${path} (${size}) is ${what}; when you will not go back: rm ${path}`;
}
