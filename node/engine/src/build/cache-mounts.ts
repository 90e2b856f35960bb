import { createHash } from "node:crypto";
import { chmod, chown, mkdir } from "node:fs/promises";
import type { RunMount } from "./run-mounts.ts";

type CacheMount = Extract<RunMount, { type: "cache" }>;

/** Folders of cache mounts; they outlive builds (Dockerfile reference, "RUN --mount=type=cache"). */
export class CacheMounts {
  readonly #root: string;
  /** Folders in use, by how many. */
  readonly #users = new Map<string, number>();
  readonly #locks = new Map<string, Promise<unknown>>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Waits until nobody else uses those of the mounts that are locked. In one order for all: nobody waits for who waits for them. */
  async inTurn<T>(mounts: readonly RunMount[], work: () => Promise<T>): Promise<T> {
    const locked = mounts.flatMap((mount) => (mount.type === "cache" && mount.sharing === "locked" ? [mount.id] : []));
    return this.#afterOthers([...new Set(locked)].sort(), work);
  }

  /** Lends the folder of a cache while `work` lasts. */
  lend<T>(mount: CacheMount, work: (folder: string) => Promise<T>): Promise<T> {
    return this.#use(mount.sharing === "private" ? this.#freePath(mount.id) : this.#pathOf(mount.id, 0), mount, work);
  }

  async #afterOthers<T>([id, ...others]: readonly string[], work: () => Promise<T>): Promise<T> {
    if (id === undefined) return work();
    const turn = (this.#locks.get(id) ?? Promise.resolve()).then(() => this.#afterOthers(others, work));
    const over = turn.catch(() => {}); // who waits does not care how it ended
    this.#locks.set(id, over);
    try {
      return await turn;
    } finally {
      if (this.#locks.get(id) === over) this.#locks.delete(id);
    }
  }

  async #use<T>(path: string, { mode, uid, gid }: CacheMount, work: (folder: string) => Promise<T>): Promise<T> {
    this.#users.set(path, (this.#users.get(path) ?? 0) + 1);
    try {
      if ((await mkdir(path, { recursive: true })) !== undefined) {
        await chmod(path, mode);
        await chown(path, uid, gid);
      }
      return await work(path);
    } finally {
      const left = (this.#users.get(path) ?? 1) - 1;
      if (left === 0) this.#users.delete(path);
      else this.#users.set(path, left);
    }
  }

  #freePath(id: string): string {
    for (let number = 0; ; number++) {
      const path = this.#pathOf(id, number);
      if (!this.#users.has(path)) return path;
    }
  }

  #pathOf(id: string, number: number): string {
    const name = createHash("sha256").update(id).digest("hex").slice(0, 24);
    return `${this.#root}/${name}${number === 0 ? "" : `-${number}`}`;
  }
}
