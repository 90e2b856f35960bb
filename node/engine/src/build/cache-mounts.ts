import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { type Clock, codeOf } from "@tsukube/foundation";
import { diskUsage, removeTree, run } from "@tsukube/kernel";
import type { CacheFolder } from "./contracts.ts";
import type { RunMount } from "./run-mounts.ts";

/** Beside each folder: what it is, and by its time when it was used. */
const NOTE = ".target";
const MEASURE_MS = 10 * 60_000;

type CacheMount = Extract<RunMount, { type: "cache" }>;

/** Folders of cache mounts; they outlive builds (Dockerfile reference, "RUN --mount=type=cache"). */
export class CacheMounts {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #maxBytes: number;
  /** Folders in use, by how many. */
  readonly #users = new Map<string, number>();
  /** Removed, but for the files in them. */
  readonly #going = new Set<string>();
  readonly #locks = new Map<string, Promise<void>>();

  #measured = 0;

  /** @param maxBytes Of all together; the longest unused go when they take more. */
  constructor(root: string, clock: Clock, maxBytes: number) {
    this.#root = root;
    this.#clock = clock;
    this.#maxBytes = maxBytes;
  }

  async all(): Promise<readonly CacheFolder[]> {
    const names = await readdir(this.#root).catch(() => []);
    const folders = names.filter((name) => !name.endsWith(NOTE) && !this.#going.has(`${this.#root}/${name}`));
    return Promise.all(folders.map((name) => this.#folderOf(name)));
  }

  /** Removes those of them that no command uses now. @param ids All by default. @returns how many bytes they took. */
  async prune(ids?: ReadonlySet<string>): Promise<number> {
    let freed = 0;
    for (const folder of await this.all())
      if (!folder.inUse && ids?.has(folder.id) !== false) freed += await this.#remove(folder);
    return freed;
  }

  /** Removes what is too much; what cannot be removed waits for the next time. To measure them all takes its time: this does so every ten minutes at most. */
  async shrink(): Promise<void> {
    const now = this.#clock.monotonic();
    if (this.#measured !== 0 && now - this.#measured < MEASURE_MS) return;
    this.#measured = now;
    let bytes = 0;
    for (const folder of (await this.all()).toSorted((a, b) => b.usedAt - a.usedAt)) {
      bytes += folder.bytes;
      if (bytes > this.#maxBytes && !folder.inUse) bytes -= await this.#remove(folder).catch(() => 0);
    }
  }

  async #folderOf(name: string): Promise<CacheFolder> {
    const path = `${this.#root}/${name}`;
    const note = await stat(path + NOTE).catch(() => undefined);
    const target = await readFile(path + NOTE, "utf8").catch(() => name);
    const usedAt = note?.mtimeMs ?? 0;
    return { id: name, target, bytes: await diskUsage(path), usedAt, inUse: this.#users.has(path) };
  }

  async #remove({ id, bytes }: CacheFolder): Promise<number> {
    const path = `${this.#root}/${id}`;
    if (this.#users.has(path) || !existsSync(path)) return 0;
    const aside = mkdtempSync(`${path}-gone-`);
    this.#going.add(aside);
    try {
      renameSync(path, aside); // at once: who comes meanwhile gets a new folder, not one whose files vanish
      rmSync(path + NOTE, { force: true });
    } finally {
      await removeTree(aside).finally(() => this.#going.delete(aside));
    }
    return bytes;
  }

  /**
   * Does `work` when nobody else uses those of the mounts that are locked. In one order for all: nobody waits for who waits for
   * them, as long as `work` itself waits for no other command.
   * @param signal Ends the wait.
   */
  async inTurn<T>(mounts: readonly RunMount[], signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const locked = mounts.flatMap((mount) => (mount.type === "cache" && mount.sharing === "locked" ? [mount.id] : []));
    const held: (() => void)[] = [];
    try {
      for (const id of [...new Set(locked)].sort()) held.push(await this.#lock(id, signal));
      return await work();
    } finally {
      for (const release of held) release();
    }
  }

  /** Lends the folder of a cache while `work` lasts. @param beginning A folder: a copy of it is the cache when it is new. */
  lend<T>(mount: CacheMount, work: (folder: string) => Promise<T>, beginning?: string): Promise<T> {
    const path = mount.sharing === "private" ? this.#freePath(mount.id) : this.#pathOf(mount.id, 0);
    return this.#use(path, mount, work, beginning);
  }

  /** @returns what gives the lock to the next. */
  async #lock(id: string, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    const before = this.#locks.get(id) ?? Promise.resolve();
    const turn = Promise.withResolvers<void>();
    const over = before.then(() => turn.promise); // who gives up while waiting lets nobody past those before
    this.#locks.set(id, over);
    void over.then(() => this.#locks.get(id) === over && this.#locks.delete(id));
    const gone = Promise.withResolvers<never>();
    const giveUp = (): void => gone.reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await Promise.race([before, gone.promise]);
    } catch (error) {
      turn.resolve();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
    return () => turn.resolve();
  }

  async #use<T>(
    path: string,
    { id, mode, uid, gid }: CacheMount,
    work: (folder: string) => Promise<T>,
    beginning: string | undefined,
  ): Promise<T> {
    this.#users.set(path, (this.#users.get(path) ?? 0) + 1);
    try {
      if (beginning !== undefined && !existsSync(path)) await this.#begin(path, beginning);
      else if ((await mkdir(path, { recursive: true })) !== undefined) {
        await chmod(path, mode);
        await chown(path, uid, gid);
      }
      await writeFile(path + NOTE, id);
      return await work(path);
    } finally {
      const left = (this.#users.get(path) ?? 1) - 1;
      if (left === 0) this.#users.delete(path);
      else this.#users.set(path, left);
    }
  }

  /** Beside, and renamed when it is whole. Of two that do so at once the first is it. */
  async #begin(path: string, beginning: string): Promise<void> {
    await mkdir(this.#root, { recursive: true });
    const aside = mkdtempSync(`${path}-new-`);
    this.#going.add(aside);
    try {
      await run("cp", ["-a", "--reflink=auto", `${beginning}/.`, aside]);
      await rename(aside, path).catch((error) => {
        if (!["ENOTEMPTY", "EEXIST"].includes(codeOf(error) ?? "")) throw error; // by the file system
      });
    } finally {
      await removeTree(aside).finally(() => this.#going.delete(aside));
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
