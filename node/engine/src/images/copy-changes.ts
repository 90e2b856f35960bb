import { type BigIntStats, createReadStream, lstatSync, readlinkSync } from "node:fs";
import { readdir } from "node:fs/promises";
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

/** Writes into an empty folder how a copy differs from its layers by now, as overlayfs would have: so a layer is made of it. */
export async function writeCopyChanges(copy: CopyOfLayers, target: string): Promise<void> {
  await new Comparison(copy, target).folder("", copy.layers);
}

class Comparison {
  readonly #copy: CopyOfLayers;
  readonly #target: string;
  readonly #links: CopiedLinks = new Map();
  /** Folders that have something new in them. */
  readonly #made = new Set<string>([""]);

  constructor(copy: CopyOfLayers, target: string) {
    this.#copy = copy;
    this.#target = target;
  }

  /** @param path "" or "/a/b". @param below Where the layers have its content. */
  async folder(path: string, below: readonly string[]): Promise<void> {
    const names = (await readdir(this.#copy.root + path)).sort();
    for (const name of names) await this.#entry(path, name, below);
    for (const name of await namesIn(below))
      if (!names.includes(name) && shownIn(below, name) !== undefined) this.#deleted(path, name);
    if (path !== "" && this.#made.has(path)) setTimes(this.#target + path, this.#status(path).mtimeNs);
  }

  async #entry(folder: string, name: string, layers: readonly string[]): Promise<void> {
    const path = `${folder}/${name}`;
    const status = this.#status(path);
    if (status.isSocket()) return;
    const before = shownIn(layers, name);
    if (status.isDirectory()) {
      const stays = before?.status.isDirectory() === true;
      if (!stays || !this.#looksSame(path, status, before.file, before.status)) this.#make(path);
      return this.folder(path, stays ? before.below : []);
    }
    if (before !== undefined && (await this.#isSame(path, status, before.file, before.status))) return;
    this.#make(folder);
    await copyNode(this.#copy.root + path, status, this.#target + path, this.#links);
  }

  #deleted(folder: string, name: string): void {
    this.#make(folder);
    makeNode(`${this.#target}${folder}/${name}`, "character");
  }

  /** Makes a folder and those above it. */
  #make(path: string): void {
    if (this.#made.has(path)) return;
    this.#make(path.slice(0, path.lastIndexOf("/")));
    this.#made.add(path);
    copyFolder(this.#copy.root + path, this.#status(path), this.#target + path);
  }

  #status(path: string): BigIntStats {
    return lstatSync(this.#copy.root + path, { bigint: true });
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
