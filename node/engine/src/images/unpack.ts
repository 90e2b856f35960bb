import { closeSync, constants, createWriteStream, fstatSync, openSync } from "node:fs";
import { chmod, lchown, link, lstat, mkdir, open, symlink } from "node:fs/promises";
import { basename, dirname, normalize } from "node:path";
import { pipeline } from "node:stream/promises";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { makeNode, O_PATH, setAttribute, setTimes } from "@tsukube/kernel";
import type { SparseMap } from "./sparse-map.ts";
import { readTar, type TarEntry } from "./tar-reader.ts";
import { emptyFolder, removeTree, UnpackPlaces } from "./unpack-places.ts";

/**
 * How deletions of lower layers are written: overlay marks them, for users who are not root where they may write; a plain copy
 * deletes at once. "keep" is for archives that are no layers, where a file named ".wh.x" is just that.
 */
export type WhiteoutStyle = keyof typeof OPAQUE_MARKS | "delete" | "keep";

/** Extended attributes of folders that hide those below. */
export const OPAQUE_MARKS = { overlay: "trusted.overlay.opaque", "user-overlay": "user.overlay.opaque" } as const;

/** For archives that clients send into a container. */
export interface UnpackOptions {
  /** Refuses to replace a folder by something else, and something else by a folder. */
  readonly keepsFolders?: boolean;
  /** Of everything, whoever has it in the archive. */
  readonly owner?: { readonly uid: number; readonly gid: number };
}

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Of AUFS itself: no part of the layer. */
const METADATA = ".wh..wh.";

/**
 * Unpacks one layer into `root` (OCI image spec, layer.md). Names never lead out of `root`, whatever links the layer holds, and
 * whatever links others put into `root` meanwhile.
 * @throws {TsukubeError} `invalid-tar`, `unsupported`.
 */
export async function unpackLayer(
  tar: AsyncIterable<Uint8Array>,
  root: string,
  style: WhiteoutStyle,
  options: UnpackOptions = {},
): Promise<void> {
  const places = new UnpackPlaces(root);
  try {
    await new Unpacking(places, style, options).unpack(tar);
  } finally {
    places.close();
  }
}

class Unpacking {
  readonly #places: UnpackPlaces;
  readonly #style: WhiteoutStyle;
  readonly #options: UnpackOptions;

  constructor(places: UnpackPlaces, style: WhiteoutStyle, options: UnpackOptions) {
    this.#places = places;
    this.#style = style;
    this.#options = options;
  }

  async unpack(tar: AsyncIterable<Uint8Array>): Promise<void> {
    const folderTimes: (readonly [name: string, time: bigint])[] = [];
    const source = tar[Symbol.asyncIterator]();
    const whole = { [Symbol.asyncIterator]: () => source };
    for await (const { entry: sent, body } of readTar(whole)) {
      const entry = { ...sent, ...this.#options.owner };
      const name = cleanPath(entry.path);
      if (name === "") await applyMetadata(this.#places.root, entry);
      else if (!(await this.#deletes(name))) {
        await this.#write(name, entry, body).catch((error: unknown) => {
          throw isImpossible(entry, codeOf(error) ?? "") ? impossible(entry, error) : error;
        });
        if (entry.type === "directory") folderTimes.push([name, entry.mtimeNs]);
      }
    }
    for await (const _ of whole); // what follows the archive's end belongs to its digest, which the source may check
    for (const [name, time] of folderTimes.reverse()) this.#setTime(name, time);
  }

  #setTime(name: string, time: bigint): void {
    const folder = this.#places.existing(name);
    try {
      if (folder !== undefined) setTimes(folder, time);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error; // it may be gone
    }
  }

  /** Whether an entry stands for something of a lower layer that is no longer there. */
  async #deletes(name: string): Promise<boolean> {
    if (this.#style === "keep" || !basename(name).startsWith(PREFIX)) return false;
    this.#places.forget();
    const marker = basename(name);
    if (marker === OPAQUE) await this.#makeOpaque(this.#places.folderOf(name));
    else if (!marker.startsWith(METADATA)) await this.#whiteOut(dirname(name), marker.slice(PREFIX.length));
    return true;
  }

  async #whiteOut(folder: string, name: string): Promise<void> {
    if (["", ".", ".."].includes(name))
      throw new TsukubeError(
        "invalid-tar",
        `Cannot unpack "${folder}/${PREFIX}${name}": it deletes no name of its folder`,
      );
    const target = this.#places.pathOf(`${folder}/${name}`);
    await removeTree(target);
    if (this.#style in OPAQUE_MARKS) makeNode(target, "character");
  }

  async #makeOpaque(folder: string): Promise<void> {
    const mark = Object.entries(OPAQUE_MARKS).find(([style]) => style === this.#style)?.[1];
    if (mark === undefined) await emptyFolder(`${folder}/.`);
    else setAttribute(`${folder}/.`, mark, Buffer.from("y"));
  }

  async #write(name: string, entry: TarEntry, body: AsyncIterable<Buffer>): Promise<void> {
    const target = this.#places.pathOf(name);
    const before = await lstat(target).catch(() => undefined);
    if (before !== undefined && this.#options.keepsFolders === true) refuseReplacing(before, entry, name);
    const stays = before?.isDirectory() === true && entry.type === "directory";
    if (before !== undefined && !stays) {
      await removeTree(target);
      if (before.isDirectory() || before.isSymbolicLink()) this.#places.forget(); // what was found through it
    }
    if (stays) return applyMetadata(target, entry);
    if (entry.type !== "link") return create(this.#places.pathOf(name), entry, body);
    const source = this.#places.pathOf(cleanPath(entry.linkPath));
    await link(source, this.#places.pathOf(name)); // mode, owner and time are those of the first name
  }
}

async function create(target: string, entry: TarEntry, body: AsyncIterable<Buffer>): Promise<void> {
  switch (entry.type) {
    case "directory":
      await mkdir(target);
      break;
    case "file":
      if (entry.sparse !== undefined) await writeSparse(target, entry.sparse, body);
      else await pipeline(body, createWriteStream(target, { flags: "wx", mode: 0o600 }));
      break;
    case "symlink":
      await symlink(entry.linkPath, target);
      break;
    case "link":
      return;
    case "character":
    case "block":
      makeNode(target, entry.type, entry.major, entry.minor);
      break;
    case "fifo":
      makeNode(target, "fifo");
  }
  await applyMetadata(target, entry);
}

/** What an archive asks for that cannot be; what else fails lies with the machine. */
const IMPOSSIBLE = new Set(["ENOENT", "ENOTDIR", "EISDIR", "ELOOP", "ENAMETOOLONG", "EMLINK", "EFBIG", "E2BIG"]);

function isImpossible({ type }: TarEntry, code: string): boolean {
  return IMPOSSIBLE.has(code) || (type === "link" && code === "EPERM"); // to a folder; devices may want more rights than there are
}

function impossible({ path, type, linkPath }: TarEntry, cause: unknown): TsukubeError {
  const what = type === "link" ? `"${path}", a link to "${linkPath}"` : `"${path}"`;
  return new TsukubeError("invalid-tar", `Cannot unpack ${what}: ${codeOf(cause)}`, { cause });
}

/** "./a/../../b/" becomes "b": relative, without "..". */
function cleanPath(path: string): string {
  return normalize(`/${path}`).replace(/^\/+|\/+$/g, "");
}

function refuseReplacing(before: { isDirectory(): boolean }, entry: TarEntry, name: string): void {
  if (before.isDirectory() === (entry.type === "directory")) return;
  const [is, by] = before.isDirectory() ? ["directory", "non-directory"] : ["non-directory", "directory"];
  throw new TsukubeError("invalid", `cannot overwrite ${is} "${name}" with ${by}`);
}

async function applyMetadata(target: string, entry: TarEntry): Promise<void> {
  await lchown(target, entry.uid, entry.gid).catch((cause: unknown) => {
    if (codeOf(cause) !== "EINVAL") throw cause;
    throw new TsukubeError(
      "unsupported",
      `Cannot give "${entry.path}" to ${entry.uid}:${entry.gid}: this engine runs without root and has no such ids, expected some for its user in /etc/subuid and /etc/subgid, and the package uidmap`,
      { cause },
    );
  });
  if (entry.type !== "symlink") await changeMode(target, entry.mode); // after chown, which clears setuid
  for (const [name, value] of Object.entries(entry.xattrs)) {
    if (/^(trusted|user)\.overlay\./.test(name)) continue; // a layer must not speak to our overlay
    setAttribute(target, name, value);
  }
  setTimes(target, entry.mtimeNs);
}

/** What is between the parts stays a hole. */
async function writeSparse(target: string, { parts, size }: SparseMap, body: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(target, "wx", 0o600);
  try {
    let index = 0;
    let within = 0;
    for await (const piece of body) {
      for (let at = 0; at < piece.length; ) {
        const [offset, length] = parts[index] as readonly [number, number]; // the map is checked to hold the body
        const most = Math.min(piece.length - at, length - within);
        const { bytesWritten } = await file.write(piece, at, most, offset + within); // fewer as a disk becomes full: the next try tells
        at += bytesWritten;
        within += bytesWritten;
        if (within === length) [index, within] = [index + 1, 0];
      }
    }
    await file.truncate(size);
  } finally {
    await file.close();
  }
}

/** chmod(2) would follow a link that somebody put in the file's place. */
async function changeMode(target: string, mode: number): Promise<void> {
  const place = openSync(target, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!fstatSync(place).isSymbolicLink()) await chmod(`/proc/self/fd/${place}`, mode);
  } finally {
    closeSync(place);
  }
}
