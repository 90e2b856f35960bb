import { createHash } from "node:crypto";
import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { codeOf } from "@tsukube/foundation";
import { removeTree, setTimes } from "@tsukube/kernel";
import type { PodUsers } from "../sandboxes/pod-users.ts";
import { type CopiedLinks, copyNode } from "./copied-node.ts";
import { type CopyOfLayers, sizeOfCopyChanges, writeCopyChanges } from "./copy-changes.ts";
import { LayerFolders } from "./layer-folders.ts";
import { namesIn, shownIn } from "./layer-stack.ts";
import { type Snapshotter, shortName } from "./snapshotter.ts";

/** What is noted of a copy once it is whole. */
interface CopyNote {
  readonly chain: readonly string[];
  readonly inodes: readonly (readonly [path: string, inode: string])[];
}

/**
 * Each container has its layers as a copy of its own: for disks on which overlayfs cannot lie. A mount takes as long as a copy
 * does, which on file systems that share blocks is short.
 */
export class CopySnapshotter extends LayerFolders implements Snapshotter {
  readonly driver = "vfs";
  readonly #viewing = new Map<string, Promise<void>>();

  async mount(id: string, chain: readonly string[], target: string, users?: PodUsers): Promise<void> {
    if (!existsSync(this.#noteOf(id)))
      await this.whole(`copy-${id}`, `${this.folder}/w/${id}`, (own) => this.#fill(own, chain));
    await this.lend([this.#filesOf(id)], users, ([copy = ""]) => this.mounts.bind(copy, target));
  }

  /** One copy serves all who look, as long as its uppermost layer is there. */
  async view(chain: readonly string[], target: string, users?: PodUsers): Promise<void> {
    const hash = createHash("sha256").update(chain.join(" ")).digest("hex").slice(0, 12);
    const name = `${shortName(chain.at(-1) ?? "")}.${hash}`;
    const place = `${this.folder}/f/${name}`;
    if (!existsSync(place)) await this.#once(name, place, chain);
    await this.lend([place], users, ([copy = ""]) => this.mounts.bind(copy, target, { readonly: true }));
  }

  #once(name: string, place: string, chain: readonly string[]): Promise<void> {
    let viewing = this.#viewing.get(name);
    if (viewing === undefined) {
      viewing = this.whole(`view-${name}`, place, async (root) => void (await this.#copy(root, chain)));
      viewing = viewing.finally(() => this.#viewing.delete(name));
      this.#viewing.set(name, viewing);
    }
    return viewing;
  }

  async changes<T>(id: string, use: (folder: string | undefined) => Promise<T>): Promise<T> {
    if (!existsSync(this.#noteOf(id))) return use(undefined);
    const target = await this.stage();
    try {
      await writeCopyChanges(this.#copyOf(id), target);
      return await use(target);
    } finally {
      await removeTree(target);
    }
  }

  async writtenBytes(id: string): Promise<number> {
    try {
      return await sizeOfCopyChanges(this.#copyOf(id));
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      return 0; // it is removed meanwhile, or was never mounted
    }
  }

  #copyOf(id: string): CopyOfLayers {
    const note = JSON.parse(readFileSync(this.#noteOf(id), "utf8")) as CopyNote;
    const since = lstatSync(this.#noteOf(id), { bigint: true }).ctimeNs;
    return { root: this.#filesOf(id), layers: this.foldersOf(note.chain), inodes: new Map(note.inodes), since };
  }

  #filesOf(id: string): string {
    return `${this.folder}/w/${id}/files`;
  }

  override async removeChain(chainId: string): Promise<void> {
    await super.removeChain(chainId);
    const views = existsSync(`${this.folder}/f`) ? readdirSync(`${this.folder}/f`) : [];
    for (const name of views)
      if (name.startsWith(`${shortName(chainId)}.`)) await removeTree(`${this.folder}/f/${name}`);
  }

  #noteOf(id: string): string {
    return `${this.folder}/w/${id}/copied.json`;
  }

  async #fill(own: string, chain: readonly string[]): Promise<void> {
    await mkdir(`${own}/files`, { mode: 0o755 });
    const inodes = await this.#copy(`${own}/files`, chain);
    writeFileSync(`${own}/copied.json`, JSON.stringify({ chain, inodes } satisfies CopyNote)); // last: its time tells what is later
  }

  async #copy(root: string, chain: readonly string[]): Promise<CopyNote["inodes"]> {
    chmodSync(root, 0o755);
    const links: CopiedLinks = new Map();
    const inodes: (readonly [string, string])[] = [];
    const folder = async (path: string, layers: readonly string[]): Promise<void> => {
      for (const name of await namesIn(layers)) {
        const shown = shownIn(layers, name);
        if (shown === undefined || shown.status.isSocket()) continue;
        const target = `${root}${path}/${name}`;
        await copyNode(shown.file, shown.status, target, links);
        if (shown.status.isDirectory()) {
          await folder(`${path}/${name}`, shown.below);
          setTimes(target, shown.status.mtimeNs);
        } else inodes.push([`${path}/${name}`, String(lstatSync(target, { bigint: true }).ino)]);
      }
    };
    await folder("", this.foldersOf(chain));
    return inodes;
  }
}
