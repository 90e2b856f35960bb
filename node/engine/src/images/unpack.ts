import { createWriteStream } from "node:fs";
import { chmod, chown, lchown, link, lstat, lutimes, mkdir, realpath, rm, symlink } from "node:fs/promises";
import { basename, dirname, join, normalize, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { codeOf, TsukubeError } from "@tsukube/foundation";
import { makeNode, setAttribute } from "@tsukube/kernel";
import { readTar, type TarEntry } from "./tar-reader.ts";

/**
 * How deletions of lower layers are written: overlay marks them, a plain copy deletes at once. "keep" is for archives that are
 * no layers, where a file named ".wh.x" is just that.
 */
export type WhiteoutStyle = "overlay" | "delete" | "keep";

/** For archives that clients send into a container. */
export interface UnpackOptions {
  /** Refuses to replace a folder by something else, and something else by a folder. */
  readonly keepsFolders?: boolean;
}

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";

/**
 * Unpacks one layer into `root` (OCI image spec, layer.md). Names never lead out of `root`, whatever links the layer holds.
 * @throws {TsukubeError} `invalid-tar`.
 */
export async function unpackLayer(
  tar: AsyncIterable<Uint8Array>,
  root: string,
  style: WhiteoutStyle,
  options: UnpackOptions = {},
): Promise<void> {
  const base = await realpath(root);
  const folderTimes: (readonly [string, number])[] = [];
  const source = tar[Symbol.asyncIterator]();
  const whole = { [Symbol.asyncIterator]: () => source };
  for await (const { entry, body } of readTar(whole)) {
    const name = cleanPath(entry.path);
    if (name === "") {
      await applyMetadata(base, entry);
      continue;
    }
    const target = await place(base, name);
    if (style !== "keep" && basename(target) === OPAQUE) await makeOpaque(dirname(target), style);
    else if (style !== "keep" && basename(target).startsWith(PREFIX)) await whiteOut(target, style);
    else {
      if (options.keepsFolders === true) await refuseReplacing(target, entry, name);
      await writeEntry(base, target, entry, body);
      if (entry.type === "directory") folderTimes.push([target, entry.mtime]);
    }
  }
  for await (const _ of whole); // what follows the archive's end belongs to its digest, which the source may check
  for (const [folder, mtime] of folderTimes.reverse()) await lutimes(folder, mtime, mtime).catch(() => {});
}

/** "./a/../../b/" becomes "b": relative, without "..". */
function cleanPath(path: string): string {
  return normalize(`/${path}`).replace(/^\/+|\/+$/g, "");
}

/** The path of `name` below `base` with its folders made; an ancestor that is a link must stay inside. */
async function place(base: string, name: string): Promise<string> {
  const parent = join(base, dirname(name));
  let real: string;
  try {
    real = await realpath(parent);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    await place(base, dirname(name));
    await mkdir(parent, { recursive: true, mode: 0o755 });
    real = await realpath(parent);
  }
  if (real !== base && relative(base, real).startsWith("..")) {
    throw new TsukubeError("invalid-tar", `Cannot unpack "${name}": a link leads out of the image`);
  }
  return join(real, basename(name));
}

async function refuseReplacing(target: string, entry: TarEntry, name: string): Promise<void> {
  const before = await lstat(target).catch(() => undefined);
  if (before === undefined || before.isDirectory() === (entry.type === "directory")) return;
  const [is, by] = before.isDirectory() ? ["directory", "non-directory"] : ["non-directory", "directory"];
  throw new TsukubeError("invalid", `cannot overwrite ${is} "${name}" with ${by}`);
}

async function writeEntry(base: string, target: string, entry: TarEntry, body: AsyncIterable<Buffer>): Promise<void> {
  const before = await lstat(target).catch(() => undefined);
  if (before !== undefined && !(before.isDirectory() && entry.type === "directory"))
    await rm(target, { recursive: true });
  switch (entry.type) {
    case "directory":
      if (before?.isDirectory() !== true) await mkdir(target);
      break;
    case "file":
      await pipeline(body, createWriteStream(target, { flags: "wx", mode: 0o600 }));
      break;
    case "symlink":
      await symlink(entry.linkPath, target);
      break;
    case "link":
      await link(await place(base, cleanPath(entry.linkPath)), target);
      return; // mode, owner and time are those of the first name
    case "character":
    case "block":
      makeNode(target, entry.type, entry.major, entry.minor);
      break;
    case "fifo":
      makeNode(target, "fifo");
  }
  await applyMetadata(target, entry);
}

async function applyMetadata(target: string, entry: TarEntry): Promise<void> {
  await lchown(target, entry.uid, entry.gid);
  if (entry.type !== "symlink") await chmod(target, entry.mode); // after chown, which clears setuid
  for (const [name, value] of Object.entries(entry.xattrs)) {
    if (name.startsWith("trusted.overlay.")) continue; // a layer must not speak to our overlay
    setAttribute(target, name, value);
  }
  await lutimes(target, entry.mtime, entry.mtime);
}

async function whiteOut(marker: string, style: WhiteoutStyle): Promise<void> {
  const target = join(dirname(marker), basename(marker).slice(PREFIX.length));
  await rm(target, { recursive: true, force: true });
  if (style === "overlay") makeNode(target, "character");
}

async function makeOpaque(folder: string, style: WhiteoutStyle): Promise<void> {
  if (style === "overlay") {
    setAttribute(folder, "trusted.overlay.opaque", Buffer.from("y"));
    return;
  }
  const { mode, uid, gid } = await lstat(folder);
  await rm(folder, { recursive: true });
  await mkdir(folder);
  await chown(folder, uid, gid);
  await chmod(folder, mode & 0o7777);
}
