import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { type Mounts, removeMounted, removeTree } from "@tsukube/kernel";
import type { PodUsers } from "../sandboxes/pod-users.ts";
import { type Fill, shortName } from "./snapshotter.ts";
import { unpackLayer, type WhiteoutStyle } from "./unpack.ts";

/** Layers as folders of what each adds and deletes, as overlayfs writes it. */
export abstract class LayerFolders {
  protected readonly folder: string;
  protected readonly mounts: Mounts;
  readonly #style: WhiteoutStyle;
  /** Two images that share a layer may be pulled at once. */
  readonly #building = new Map<string, Promise<void>>();

  /** @param style How its mounts mark what hides lower layers. */
  constructor(folder: string, mounts: Mounts, style: "overlay" | "user-overlay" = "overlay") {
    this.folder = folder;
    this.mounts = mounts;
    this.#style = style;
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
    await this.whole(shortName(chainId), this.layer(chainId), make);
  }

  /** Makes a folder beside its place, under a name of its own, and puts it there when it is whole. */
  protected async whole(name: string, place: string, make: (root: string) => Promise<void>): Promise<void> {
    const temporary = `${this.folder}/new/${name}`;
    await removeTree(temporary);
    await mkdir(temporary, { recursive: true });
    await mkdir(dirname(place), { recursive: true });
    try {
      await make(temporary);
      await rename(temporary, place);
    } catch (error) {
      await removeTree(temporary);
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
    await removeTree(this.layer(chainId));
  }

  async remove(id: string): Promise<void> {
    await removeTree(`${this.folder}/w/${id}`);
  }

  async commit(chainId: string, _parents: readonly string[], fill: Fill): Promise<void> {
    await this.build(chainId, async (root) => {
      if ("tar" in fill) await unpackLayer(fill.tar(), root, this.#style);
      else if ("build" in fill) await fill.build(root);
      else await rename(fill.staged, root); // which is empty
    });
    if ("staged" in fill) await removeTree(fill.staged);
  }

  layerFolder(chainId: string): string {
    return this.layer(chainId);
  }

  /** Takes back what a crash left of what was lent: unmounted first, removing it would remove layers. */
  async clearLent(): Promise<void> {
    await removeMounted(`${this.folder}/m`, this.mounts);
  }

  /**
   * Lends folders, to those who have users of their own with the owners that these have. An overlay itself cannot map owners,
   * mounts below it can; what is made of them keeps them when they are unmounted.
   */
  protected async lend(
    folders: readonly string[],
    users: PodUsers | undefined,
    use: (lent: readonly string[]) => void,
  ): Promise<void> {
    if (users === undefined) return use(folders);
    await mkdir(`${this.folder}/m`, { recursive: true });
    const folder = await mkdtemp(`${this.folder}/m/`); // a short name: many have to fit into a page of options
    const mapped = folders.map((_, index) => `${folder}/${index}`);
    try {
      for (const [index, each] of folders.entries()) {
        await mkdir(mapped[index] ?? "");
        this.mounts.idmap(each, mapped[index] ?? "", users.path);
      }
      use(mapped);
    } finally {
      await removeMounted(folder, this.mounts);
    }
  }

  /** The folders of layers, the uppermost first. */
  protected foldersOf(chain: readonly string[]): readonly string[] {
    return chain.map((chainId) => this.layer(chainId)).reverse();
  }
}
