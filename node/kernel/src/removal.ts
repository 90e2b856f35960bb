import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { readdir, rmdir, unlink } from "node:fs/promises";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { type Mounts, mountIdAt, mountIdOf, systemMounts } from "./mounts.ts";
import { O_PATH } from "./places.ts";

/** Unmounts all that is mounted at or below `path`, then removes it as `removeTree` does. */
export async function removeMounted(path: string, mounts: Pick<Mounts, "below" | "unmount">): Promise<void> {
  for (const point of mounts.below(path)) mounts.unmount(point);
  await removeTree(path, mounts);
}

/**
 * Removes a file or a folder with all that is in it, however deep, and nothing that is mounted there: not even what was mounted
 * meanwhile. Does nothing when it is not there.
 * @throws {TsukubeError} `in-use` when something is mounted at or below it; else with the errno's name as code.
 */
export async function removeTree(path: string, mounts: Pick<Mounts, "below"> = systemMounts): Promise<void> {
  const mount = mountIdOf(path, { follow: false });
  if (mount === undefined) return;
  const [point] = mounts.below(path);
  if (point !== undefined) throw inUse(path, point);
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== "EISDIR" && codeOf(error) !== "EPERM") return unlessGone(error);
    await new Emptying(path, mount).run().catch(unlessGone);
    await rmdir(path).catch(unlessGone);
  }
}

/** A folder on the way down, and the folders in it that are still there. */
interface Level {
  readonly name: Buffer;
  /** Its file system and inode. */
  readonly id: string;
  readonly folders: Buffer[];
}

/** Empties a folder. A path may be longer than the kernel takes, so each step goes from one descriptor to the next. */
class Emptying {
  readonly #path: string;
  readonly #mount: string;
  readonly #levels: Level[] = [];
  #here: number;

  constructor(path: string, mount: string) {
    this.#path = path;
    this.#mount = mount;
    this.#here = openSync(path, FOLDER);
  }

  async run(): Promise<void> {
    try {
      await this.#enter(Buffer.from(this.#path));
      for (;;) {
        const level = this.#levels.at(-1) as Level;
        const name = level.folders.pop();
        if (name !== undefined) await this.#down(name);
        else if (this.#levels.length === 1) return;
        else await this.#up(level);
      }
    } finally {
      closeSync(this.#here);
    }
  }

  async #down(name: Buffer): Promise<void> {
    try {
      this.#move(openSync(this.#at(name), FOLDER));
    } catch (error) {
      if (codeOf(error) === "ENOENT") return;
      throw this.#failed(name, error);
    }
    await this.#enter(name);
  }

  async #up({ name }: Level): Promise<void> {
    this.#levels.pop();
    this.#move(openSync(`${place(this.#here)}/..`, FOLDER));
    if (idOf(this.#here) !== this.#levels.at(-1)?.id)
      throw new TsukubeError("in-use", `Cannot remove "${this.#path}": a folder in it was moved, expected it to stay`);
    await rmdir(this.#at(name)).catch((error: unknown) => {
      if (codeOf(error) !== "ENOENT") throw this.#failed(name, error);
    });
  }

  /** Removes the files of the folder that it came to. */
  async #enter(name: Buffer): Promise<void> {
    const level: Level = { name, id: idOf(this.#here), folders: [] };
    this.#levels.push(level);
    if (mountIdAt(this.#here) !== this.#mount)
      throw inUse(
        this.#path,
        Buffer.concat(this.#levels.flatMap(({ name: part }) => [SEPARATOR, part]))
          .toString()
          .slice(1),
      );
    for (const entry of await readdir(place(this.#here), { withFileTypes: true, encoding: "buffer" })) {
      if (entry.isDirectory()) level.folders.push(entry.name);
      else
        await unlink(this.#at(entry.name)).catch((error: unknown) => {
          if (codeOf(error) !== "ENOENT") throw this.#failed(entry.name, error);
        });
    }
  }

  #move(to: number): void {
    closeSync(this.#here);
    this.#here = to;
  }

  /** Names need not be UTF-8. */
  #at(name: Buffer): Buffer {
    return Buffer.concat([Buffer.from(place(this.#here)), SEPARATOR, name]);
  }

  #failed(name: Buffer, cause: unknown): TsukubeError {
    const code = codeOf(cause) ?? "failed";
    const message = `Cannot remove "${this.#path}": the kernel answered ${code} for "${name}", ${this.#levels.length} folders below`;
    return new TsukubeError(code, message, { cause });
  }
}

const SEPARATOR = Buffer.from("/");
const FOLDER = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;

function place(descriptor: number): string {
  return `/proc/self/fd/${descriptor}`;
}

function idOf(descriptor: number): string {
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return `${dev}:${ino}`;
}

function unlessGone(error: unknown): void {
  if (codeOf(error) !== "ENOENT") throw error;
}

function inUse(path: string, point: string): TsukubeError {
  return new TsukubeError(
    "in-use",
    `Cannot remove "${path}": "${point}" is mounted, expected nothing to be; unmount it, it keeps what is in it`,
  );
}
