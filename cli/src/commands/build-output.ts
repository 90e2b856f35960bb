import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { TAR_END, tarHeader, tarPadding } from "@tsukube/engine/tar-header";
import { readTar } from "@tsukube/engine/tar-reader";
import { TsukubeError } from "@tsukube/foundation";
import { alone } from "../cluster/command-lock.ts";
import { refuseTerminal, writeArchive } from "./archive-file.ts";
import type { CommandContext } from "./context.ts";
import { addToLayout } from "./layout-merge.ts";
import { withTemporary } from "./with-temporary.ts";

/** Where the result of a build goes. */
export interface BuildOutputPlace {
  /** As `POST /build?output=` takes it; "engine" for an image of the engine. */
  readonly kind: "files" | "image" | "engine";
  /** The archive itself, or what is in it. */
  readonly unpacks: boolean;
  /** undefined for the standard output. */
  readonly path?: string;
  /** Of the image. */
  readonly names: readonly string[];
}

/**
 * A `--output`, as docker reads it: "DIR", "-", "type=local|tar|oci|docker,dest=PATH", or "type=image|docker" for an image of the engine.
 * @throws {TsukubeError} `usage`.
 */
export function outputPlace(given: string): BuildOutputPlace {
  const short = given === "-" ? "type=tar,dest=-" : given.includes("=") ? given : `type=local,dest=${given}`;
  const { type = "", dest, name, tar, ...others } = optionsIn(short);
  const unpacks = type === "local" || tar === "false";
  const isFile = ["tar", "oci", "docker"].includes(type);
  const isImage = type === "oci" || type === "docker";
  const isKept = type === "image" || (type === "docker" && dest === undefined && tar === undefined);
  const isKnown = (isFile || type === "local" || type === "image") && (dest !== "" || type === "image");
  const fits =
    (tar === undefined || isImage) &&
    (name === undefined || isImage || isKept) &&
    name !== "" &&
    (!unpacks || (dest ?? "-") !== "-");
  if (!isKnown || !fits || Object.keys(others).length > 0 || (type === "image" && dest !== undefined))
    throw new TsukubeError(
      "usage",
      `Cannot use --output ${given}: expected a folder, - for an archive on the standard output, type=local,dest=DIR, type=tar, oci or docker with dest=FILE, or type=image,name=NAME`,
    );
  const names = name === undefined ? [] : [name];
  if (isKept) return { kind: "engine", unpacks: false, names };
  const path = dest === undefined || dest === "-" ? {} : { path: resolve(dest) };
  return { kind: isImage ? "image" : "files", unpacks, ...path, names };
}

function optionsIn(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text.split(",").map((part): [string, string] => {
      const at = part.indexOf("=");
      return at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

/** Before anything is built. @throws {TsukubeError} `usage` for what cannot be written to. */
export async function checkPlace({ path, unpacks }: BuildOutputPlace): Promise<void> {
  refuseTerminal(path);
  if (path === undefined) return;
  const isFolder = (await stat(path).catch(() => undefined))?.isDirectory();
  if (isFolder !== undefined && isFolder !== unpacks)
    throw new TsukubeError(
      "usage",
      `Cannot write the output of the build to "${path}": it is ${isFolder ? "a folder, expected a file" : "no folder, expected one"}`,
    );
}

/**
 * Files are whose they are who builds, and no devices; what is in a folder already stays, but for files of the same names.
 * In an OCI image layout images of other names stay, also those that come at the same time.
 * @throws {TsukubeError} `failed`; `usage` where a layout cannot be read.
 */
export async function receive(
  archive: Readable,
  { kind, path, unpacks }: BuildOutputPlace,
  context: Pick<CommandContext, "clock" | "progress">,
): Promise<void> {
  if (path === undefined || !unpacks) return writeArchive(archive, path);
  await mkdir(path, { recursive: true });
  if (kind === "files") return unpack(archive, path);
  const received = await mkdtemp(join(path, ".layout-"));
  await withTemporary(received, async () => {
    await mkdir(received);
    await unpack(archive, received);
    await alone(join(path, "index.json.lock"), context, () => addToLayout(received, path));
  });
}

async function unpack(archive: Readable, path: string): Promise<void> {
  const tar = spawn("tar", ["-x", "-p", "--no-same-owner", "-f", "-", "-C", path], {
    stdio: ["pipe", "ignore", "pipe"],
  });
  const [sent, [code], said] = await Promise.all([
    pipeline(archive, ownEntries, tar.stdin).catch((error: Error) => error),
    once(tar, "close") as Promise<[number | null]>,
    text(tar.stderr),
  ]);
  if (code !== 0)
    throw new TsukubeError(
      "failed",
      `Cannot write the output of the build to "${path}": ${said.trim() || `tar: ${code}`}`,
    );
  if (sent instanceof Error) throw sent;
}

/** What an archive is to whom all of it will belong: a program that runs as its owner would run as another than was meant. */
async function* ownEntries(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  const devices = new Set<string>();
  for await (const { entry, body } of readTar(archive)) {
    const isDevice = entry.type === "character" || entry.type === "block";
    if (isDevice || (entry.type === "link" && devices.has(entry.linkPath))) {
      devices.add(entry.path);
      continue;
    }
    const others = (entry.uid === uid ? 0 : 0o4000) | (entry.gid === gid ? 0 : 0o2000);
    const size = entry.type === "file" ? entry.size : 0;
    yield tarHeader({ ...entry, size, mode: entry.mode & ~others, xattrs: {} });
    for await (const part of body) yield part;
    yield tarPadding(size);
  }
  yield TAR_END;
}
