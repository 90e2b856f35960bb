import { type BigIntStats, createReadStream, lstatSync, readlinkSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { codeOf } from "@tsukube/foundation";
import { attribute, makeNode, setTimes } from "@tsukube/kernel";
import { type CopiedLinks, copyFolder, copyNode, keptAttributes } from "./copied-node.ts";
import { namesIn, shownIn } from "./layer-stack.ts";

/** A copy of layers, and how it was when it was made. */
export interface CopyOfLayers {
  readonly root: string;
  /** Folders of the layers, the uppermost first. */
  readonly layers: readonly string[];
  /** Inodes of its files by their paths ("/etc/passwd"). */
  readonly inodes: ReadonlyMap<string, string>;
  /** When it was whole, in nanoseconds since the epoch. */
  readonly since: bigint;
}

/** Unit in which stat(2) tells what a file takes. */
const BLOCK = 512;

/** Writes into an empty folder how a copy differs from its layers by now, as overlayfs would have: so a layer is made of it. */
export async function writeCopyChanges(copy: CopyOfLayers, target: string): Promise<void> {
  await new Comparison(copy, new Writing(copy.root, target)).folder("", copy.layers);
}

/** What the same would take on the disk, in bytes. */
export async function sizeOfCopyChanges(copy: CopyOfLayers): Promise<number> {
  const summing = new Summing();
  await new Comparison(copy, summing).folder("", copy.layers);
  return summing.bytes;
}

/** Is told each difference, folders before what is in them. Paths are like "/a/b". */
interface Differences {
  folder(path: string, status: BigIntStats): void;
  file(path: string, status: BigIntStats): void | Promise<void>;
  deleted(path: string): void;
  /** Everything of a folder was told. */
  over(folder: string, status: BigIntStats): void;
  /** What was told of a path is not so: it went meanwhile. */
  gone(path: string): void;
}

class Summing implements Differences {
  readonly #seen = new Set<bigint>();
  bytes = 0;

  folder(_: string, { blocks }: BigIntStats): void {
    this.bytes += Number(blocks) * BLOCK;
  }

  file(_: string, { blocks, ino }: BigIntStats): void {
    if (!this.#seen.has(ino)) this.bytes += Number(blocks) * BLOCK;
    this.#seen.add(ino);
  }

  deleted(): void {}
  over(): void {}
  gone(): void {}
}

class Writing implements Differences {
  readonly #root: string;
  readonly #target: string;
  readonly #links: CopiedLinks = new Map();
  /** Folders that have something new in them. */
  readonly #made = new Set<string>([""]);

  constructor(root: string, target: string) {
    this.#root = root;
    this.#target = target;
  }

  /** Makes a folder and those above it. */
  folder(path: string, status = statusOf(this.#root + path)): void {
    if (this.#made.has(path)) return;
    this.folder(dirnameOf(path));
    copyFolder(this.#root + path, status, this.#target + path);
    this.#made.add(path);
  }

  async file(path: string, status: BigIntStats): Promise<void> {
    this.folder(dirnameOf(path));
    await copyNode(this.#root + path, status, this.#target + path, this.#links);
  }

  deleted(path: string): void {
    this.folder(dirnameOf(path));
    makeNode(this.#target + path, "character");
  }

  over(folder: string, { mtimeNs }: BigIntStats): void {
    if (folder !== "" && this.#made.has(folder)) setTimes(this.#target + folder, mtimeNs);
  }

  gone(path: string): void {
    rmSync(this.#target + path, { recursive: true, force: true });
  }
}

class Comparison {
  readonly #copy: CopyOfLayers;
  readonly #differences: Differences;

  constructor(copy: CopyOfLayers, differences: Differences) {
    this.#copy = copy;
    this.#differences = differences;
  }

  /** @param path "" or "/a/b". @param below Where the layers have its content. */
  async folder(path: string, below: readonly string[]): Promise<void> {
    const there = new Set<string>();
    for (const name of (await readdir(this.#copy.root + path)).sort())
      if (await this.#isThere(path, name, below)) there.add(name);
    for (const name of await namesIn(below))
      if (!there.has(name) && shownIn(below, name) !== undefined) this.#differences.deleted(`${path}/${name}`);
    this.#differences.over(path, this.#status(path));
  }

  /** Tells of it; what goes while a container runs counts as never seen. */
  async #isThere(folder: string, name: string, layers: readonly string[]): Promise<boolean> {
    const path = `${folder}/${name}`;
    try {
      await this.#entry(path, name, layers);
      return true;
    } catch (error) {
      const isGone = lstatSync(this.#copy.root + path, { throwIfNoEntry: false }) === undefined;
      if (codeOf(error) !== "ENOENT" || !isGone) throw error;
      this.#differences.gone(path);
      return false;
    }
  }

  async #entry(path: string, name: string, layers: readonly string[]): Promise<void> {
    const status = this.#status(path);
    if (status.isSocket()) return;
    const before = shownIn(layers, name);
    if (status.isDirectory()) {
      const stays = before?.status.isDirectory() === true;
      if (!stays || !this.#looksSame(path, status, before.file, before.status)) this.#differences.folder(path, status);
      return this.folder(path, stays ? before.below : []);
    }
    if (before !== undefined && (await this.#isSame(path, status, before.file, before.status))) return;
    await this.#differences.file(path, status);
  }

  #status(path: string): BigIntStats {
    return statusOf(this.#copy.root + path);
  }

  /** Who gave a file the content, size and time of another without its inode changing has to be found out by reading it. */
  async #isSame(path: string, status: BigIntStats, before: string, was: BigIntStats): Promise<boolean> {
    const untouched = status.ctimeNs < this.#copy.since && this.#copy.inodes.get(path) === String(status.ino);
    if (untouched) return true;
    if (!this.#looksSame(path, status, before, was) || status.mtimeNs !== was.mtimeNs) return false;
    if (status.isSymbolicLink()) return readlinkSync(this.#copy.root + path) === readlinkSync(before);
    return !status.isFile() || (await haveSameContent(this.#copy.root + path, before));
  }

  #looksSame(path: string, status: BigIntStats, before: string, was: BigIntStats): boolean {
    const file = this.#copy.root + path;
    const same = (["mode", "uid", "gid", "rdev"] as const).every((member) => status[member] === was[member]);
    if (!same || (status.isFile() && status.size !== was.size)) return false;
    const names = keptAttributes(file);
    if (names.join() !== keptAttributes(before).join()) return false;
    return names.every((name) => attribute(file, name).equals(attribute(before, name)));
  }
}

function statusOf(file: string): BigIntStats {
  return lstatSync(file, { bigint: true });
}

function dirnameOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

async function haveSameContent(a: string, b: string): Promise<boolean> {
  const other = createReadStream(b)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  for await (const part of createReadStream(a) as AsyncIterable<Buffer>) {
    while (rest.length < part.length) {
      const next = await other.next();
      if (next.done === true) return false;
      rest = Buffer.concat([rest, next.value]);
    }
    if (!part.equals(rest.subarray(0, part.length))) return false;
    rest = rest.subarray(part.length);
  }
  return rest.length === 0 && (await other.next()).done === true;
}
