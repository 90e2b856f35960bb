import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { TsukubeError } from "@tsukube/foundation";
import { type Pack, pack } from "tar-stream";
import { DockerIgnore, ignoreFile } from "../build/docker-ignore.ts";

/** A folder as the tar archive that `POST /build` takes, without what its .dockerignore leaves out. */
export async function* buildContext(folder: string, dockerfile: string): AsyncIterable<Uint8Array> {
  const file = ignoreFile(folder, dockerfile);
  if (file === undefined) return yield* packContext(folder);
  const needed = [dockerfile, relative(folder, file), ".dockerignore"];
  const ignore = new DockerIgnore(await readFile(file, "utf8"), needed);
  const holdsNeeded = (path: string): boolean => needed.some((each) => each.startsWith(`${path}/`));
  yield* packContext(folder, (path, isFolder) => {
    if (!ignore.ignores(path)) return true;
    return isFolder && (!ignore.isFinal || holdsNeeded(path)); // something below may be kept
  });
}

/** A few files as such an archive. */
export function fileArchive(files: readonly (readonly [name: string, content: Buffer])[]): AsyncIterable<Uint8Array> {
  const archive = pack();
  for (const [name, content] of files) archive.entry({ name }, content);
  archive.finalize();
  return archive as AsyncIterable<Uint8Array>;
}

/**
 * Some files of a folder as such an archive, beside others; links lead to them, what is not there is left out.
 * @param paths Below the folder.
 */
export function chosenFiles(
  root: string,
  paths: ReadonlySet<string>,
  files: Parameters<typeof fileArchive>[0],
): AsyncIterable<Uint8Array> {
  return packed(async (archive) => {
    for (const [name, content] of files) archive.entry({ name }, content);
    for (const path of [...paths].sort()) {
      const status = await stat(join(root, path)).catch(() => undefined);
      if (status?.isFile() === true) await addFile(archive, join(root, path), { name: path, size: status.size });
    }
  });
}

/**
 * A folder as the tar archive that `POST /build` takes. Owners are root's, as docker sends them; sockets and devices are left out.
 * @param keep Whether a path below the folder goes along, "src/main.ts"; a folder that does not is not looked into.
 */
function packContext(
  root: string,
  keep: (path: string, isFolder: boolean) => boolean = () => true,
): AsyncIterable<Uint8Array> {
  return packed((archive) => addFolder(archive, root, "", keep));
}

async function* packed(fill: (archive: Pack) => Promise<void>): AsyncIterable<Uint8Array> {
  const archive = pack();
  const filled = fill(archive).then(
    () => archive.finalize(),
    (error: Error) => archive.destroy(error),
  );
  yield* archive as AsyncIterable<Uint8Array>;
  await filled;
}

async function addFolder(
  archive: Pack,
  root: string,
  path: string,
  keep: (path: string, isFolder: boolean) => boolean,
): Promise<void> {
  for (const name of (await readdir(join(root, path))).sort()) {
    const below = path === "" ? name : `${path}/${name}`;
    const status = await lstat(join(root, below));
    if (!keep(below, status.isDirectory())) continue;
    const header = { name: below, mode: status.mode & 0o7777, mtime: status.mtime };
    if (status.isDirectory()) {
      archive.entry({ ...header, type: "directory" });
      await addFolder(archive, root, below, keep);
    } else if (status.isSymbolicLink()) {
      archive.entry({ ...header, type: "symlink", linkname: await readlink(join(root, below)) });
    } else if (status.isFile()) {
      await addFile(archive, join(root, below), { ...header, size: status.size });
    }
  }
}

async function addFile(
  archive: Pack,
  path: string,
  header: { readonly name: string; readonly size: number },
): Promise<void> {
  const entry = archive.entry(header);
  if (header.size === 0) {
    entry.end(Buffer.alloc(0));
    return;
  }
  try {
    await pipeline(createReadStream(path, { end: header.size - 1 }), entry);
  } catch (error) {
    throw new TsukubeError("failed", `Cannot send "${header.name}" of the build context: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
