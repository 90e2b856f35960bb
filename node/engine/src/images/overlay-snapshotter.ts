import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { diskUsage } from "@tsukube/kernel";
import { giveToRoot, type PodUsers } from "../sandboxes/pod-users.ts";
import { LayerFolders } from "./layer-folders.ts";
import type { Snapshotter } from "./snapshotter.ts";

/** Layers as folders that overlayfs lays over each other: a mount below a millisecond. */
export class OverlaySnapshotter extends LayerFolders implements Snapshotter {
  readonly driver = "overlayfs";

  async mount(id: string, chain: readonly string[], target: string, users?: PodUsers): Promise<void> {
    const own = `${this.folder}/w/${id}`;
    await mkdir(`${own}/u`, { recursive: true, mode: 0o755 });
    await mkdir(`${own}/w`, { recursive: true, mode: 0o700 });
    // what is written has the owners outside already: that layer is not mapped, and begins as their root's
    if (users !== undefined) await giveToRoot([`${own}/u`], users.ids);
    await this.lend(this.foldersOf(chain), users, (lower) =>
      this.mounts.overlay(target, { lower, upper: `${own}/u`, work: `${own}/w` }),
    );
  }

  async view(chain: readonly string[], target: string, users?: PodUsers): Promise<void> {
    await this.lend(this.foldersOf(chain), users, (lower) => {
      // an overlay without a writable layer is one of two layers at least
      if (lower.length === 1) this.mounts.bind(lower[0] ?? "", target, { readonly: true });
      else this.mounts.overlay(target, { lower });
    });
  }

  changes<T>(id: string, use: (folder: string | undefined) => Promise<T>): Promise<T> {
    const folder = this.#upperOf(id);
    return use(existsSync(folder) ? folder : undefined);
  }

  writtenBytes(id: string): Promise<number> {
    return diskUsage(this.#upperOf(id));
  }

  #upperOf(id: string): string {
    return `${this.folder}/w/${id}/u`;
  }
}
