import { createHash } from "node:crypto";
import type { PodUsers } from "../sandboxes/pod-users.ts";

/** File systems of containers, made of layers. `snapshotter.root.test.ts` holds every implementation to it. */
export interface Snapshotter {
  /** What Docker calls it: "overlayfs", "vfs". */
  readonly driver: string;
  has(chainId: string): boolean;
  /** Makes the snapshot of a layer above `parent` (lowest first); `fill` puts the content into an empty folder. Idempotent. */
  commit(chainId: string, parents: readonly string[], fill: Fill): Promise<void>;
  /**
   * Mounts a writable file system above `chain` at `target`; what is written stays under `id` until {@link remove}.
   * @param users To whom the files belong as their own.
   */
  mount(id: string, chain: readonly string[], target: string, users?: PodUsers): Promise<void>;
  /** Shows the files of `chain` at `target`; nobody writes there. */
  view(chain: readonly string[], target: string, users?: PodUsers): Promise<void>;
  /** Removes what a container wrote. Unmount first. */
  remove(id: string): Promise<void>;
  /** What a container's writing takes on the disk, in bytes; not what its layers take, or a copy of them. 0 for one that never had files. */
  writtenBytes(id: string): Promise<number>;
  /**
   * Lends a folder with what a container wrote until now, deletions as overlayfs writes them.
   * @param use Gets undefined for a container that never had files. It may commit the folder as `staged`.
   */
  changes<T>(id: string, use: (folder: string | undefined) => Promise<T>): Promise<T>;
  /** Whose folders there are, also of those that a killed engine left. */
  written(): Promise<readonly string[]>;
  /**
   * An empty folder on the file system of the layers, for one whose chain id follows from its content: fill it, then commit it
   * as `staged`, or remove it. What a crash leaves goes at the next start.
   */
  stage(): Promise<string>;
  /** Folder with the files of one layer, deletions as overlayfs writes them. */
  layerFolder(chainId: string): string;
  chains(): Promise<readonly string[]>;
  removeChain(chainId: string): Promise<void>;
  /** Takes back what a crash left of {@link mount} and {@link view}. */
  clearLent(): Promise<void>;
}

export type Fill =
  | { readonly tar: () => AsyncIterable<Uint8Array> }
  | { readonly build: (root: string) => Promise<void> }
  /** A folder from {@link Snapshotter.stage}, or the changes of an unmounted container: it is moved, or removed when the snapshot is there. */
  | { readonly staged: string };

/** chainID(n) of the image spec (config.md, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): readonly string[] {
  const out: string[] = [];
  for (const diffId of diffIds) {
    const parent = out.at(-1);
    out.push(
      parent === undefined ? diffId : `sha256:${createHash("sha256").update(`${parent} ${diffId}`).digest("hex")}`,
    );
  }
  return out;
}

/** Names are short because mount(2) reads one page of options; 24 hex digits do not collide on one machine. */
export function shortName(chainId: string): string {
  return chainId.slice(chainId.indexOf(":") + 1).slice(0, 24);
}
