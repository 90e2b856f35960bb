import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import type { Mounts } from "@tsukube/kernel";
import { giveToRoot, type PodUsers } from "../sandboxes/pod-users.ts";
import { unpackLayer } from "./unpack.ts";

/** File systems of containers, made of layers. */
export interface Snapshotter {
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
  /** Folder with what a container wrote. */
  writable(id: string): string;
  /** Whose folders there are, also of those that a killed engine left. */
  written(): Promise<readonly string[]>;
  /**
   * An empty folder on the file system of the layers, for one whose chain id follows from its content: fill it, then commit it
   * as `staged`, or remove it. What a crash leaves goes at the next start.
   */
  stage(): Promise<string>;
  /** Folder with the files of one layer, deletions as overlayfs writes them. @throws {TsukubeError} `unsupported` where layers are whole copies. */
  layerFolder(chainId: string): string;
  chains(): Promise<readonly string[]>;
  removeChain(chainId: string): Promise<void>;
}

export type Fill =
  | { readonly tar: () => AsyncIterable<Uint8Array> }
  | { readonly build: (root: string) => Promise<void> }
  /** A folder from {@link Snapshotter.stage}, or the writable one of an unmounted container: it is moved, or removed when the snapshot is there. */
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

abstract class LayerFolders {
  protected readonly folder: string;
  /** Two images that share a layer may be pulled at once. */
  readonly #building = new Map<string, Promise<void>>();

  constructor(folder: string) {
    this.folder = folder;
  }

  protected layer(chainId: string): string {
    return `${this.folder}/l/${shortName(chainId)}`;
  }

  has(chainId: string): boolean {
    return existsSync(this.layer(chainId));
  }

  /** Builds beside and renames: a snapshot is there whole or not at all. */
  protected build(chainId: string, make: (root: string) => Promise<void>): Promise<void> {
    if (this.has(chainId)) return Promise.resolve();
    let building = this.#building.get(chainId);
    if (building === undefined) {
      building = this.#build(chainId, make).finally(() => this.#building.delete(chainId));
      this.#building.set(chainId, building);
    }
    return building;
  }

  async #build(chainId: string, make: (root: string) => Promise<void>): Promise<void> {
    const temporary = `${this.folder}/new/${shortName(chainId)}`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await mkdir(`${this.folder}/l`, { recursive: true });
    try {
      await make(temporary);
      await rename(temporary, this.layer(chainId));
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  async stage(): Promise<string> {
    await mkdir(`${this.folder}/new`, { recursive: true });
    const folder = await mkdtemp(`${this.folder}/new/staged-`);
    await chmod(folder, 0o755); // it becomes the root of containers
    return folder;
  }

  async chains(): Promise<readonly string[]> {
    return readdir(`${this.folder}/l`).catch(() => []);
  }

  async written(): Promise<readonly string[]> {
    return readdir(`${this.folder}/w`).catch(() => []);
  }

  async removeChain(chainId: string): Promise<void> {
    await rm(this.layer(chainId), { recursive: true, force: true });
  }

  async remove(id: string): Promise<void> {
    await rm(`${this.folder}/w/${id}`, { recursive: true, force: true });
  }
}

/** Layers as folders that overlayfs lays over each other: a mount below a millisecond. */
export class OverlaySnapshotter extends LayerFolders implements Snapshotter {
  readonly #mounts: Mounts;

  constructor(folder: string, mounts: Mounts) {
    super(folder);
    this.#mounts = mounts;
  }

  async commit(chainId: string, _parents: readonly string[], fill: Fill): Promise<void> {
    await this.build(chainId, async (root) => {
      if ("tar" in fill) await unpackLayer(fill.tar(), root, "overlay");
      else if ("build" in fill) await fill.build(root);
      else await rename(fill.staged, root); // which is empty
    });
    if ("staged" in fill) await rm(fill.staged, { recursive: true, force: true });
  }

  layerFolder(chainId: string): string {
    return this.layer(chainId);
  }

  async mount(id: string, chain: readonly string[], target: string, users?: PodUsers): Promise<void> {
    const own = `${this.folder}/w/${id}`;
    await mkdir(`${own}/u`, { recursive: true, mode: 0o755 });
    await mkdir(`${own}/w`, { recursive: true, mode: 0o700 });
    // what is written has the owners outside already: that layer is not mapped, and begins as their root's
    if (users !== undefined) await giveToRoot([`${own}/u`], users.ids);
    await this.#withLayers(chain, users, (lower) =>
      this.#mounts.overlay(target, { lower, upper: `${own}/u`, work: `${own}/w` }),
    );
  }

  async view(chain: readonly string[], target: string, users?: PodUsers): Promise<void> {
    await this.#withLayers(chain, users, (lower) => {
      // an overlay without a writable layer is one of two layers at least
      if (lower.length === 1) this.#mounts.bind(lower[0] ?? "", target, { readonly: true });
      else this.#mounts.overlay(target, { lower });
    });
  }

  /** Takes back what a crash left of {@link mount}: unmounted first, removing it would remove layers. */
  async clearLent(): Promise<void> {
    for (const path of this.#mounts.below(`${this.folder}/m`)) this.#mounts.unmount(path);
    await rm(`${this.folder}/m`, { recursive: true, force: true });
  }

  /**
   * Lends the folders of layers, the uppermost first. An overlay itself cannot map owners, mounts below it can; it keeps what
   * it was made of when that is unmounted.
   */
  async #withLayers(
    chain: readonly string[],
    users: PodUsers | undefined,
    use: (lower: readonly string[]) => void,
  ): Promise<void> {
    const layers = chain.map((chainId) => this.layer(chainId)).reverse();
    if (users === undefined) return use(layers);
    await mkdir(`${this.folder}/m`, { recursive: true });
    const folder = await mkdtemp(`${this.folder}/m/`); // a short name: many have to fit into a page of options
    const mapped = layers.map((_, index) => `${folder}/${index}`);
    try {
      for (const [index, layer] of layers.entries()) {
        await mkdir(mapped[index] ?? "");
        this.#mounts.idmap(layer, mapped[index] ?? "", users.path);
      }
      use(mapped);
    } finally {
      for (const path of mapped) this.#mounts.unmount(path);
      await rm(folder, { recursive: true, force: true });
    }
  }

  writable(id: string): string {
    return `${this.folder}/w/${id}/u`;
  }
}
