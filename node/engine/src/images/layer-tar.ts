import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync, type Stats } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { TsukubeError } from "@tsukube/foundation";
import { attribute, attributeNames, deviceNumbers, shortName } from "@tsukube/kernel";
import { TAR_END, type TarHeader, tarHeader, tarPadding } from "./tar-header.ts";
import { LONGEST_PATH, type TarType } from "./tar-reader.ts";

export interface LayerTarOptions {
  /**
   * "kept" (the default) writes owners, modes, times (whole seconds) and attributes as they are. "plain" is for files of this
   * machine that lie in a layer as hard links: root owns all, at time 0, with modes 0755 and 0644, without attributes or hard
   * links, so that the archive depends on names and content alone.
   */
  readonly metadata?: LayerMetadata;
}
export type LayerMetadata = "kept" | "plain";

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Read at once, which for small files costs a quarter of an asynchronous read. */
const SMALL = 128 * 1024;
const CHUNK = 512 * 1024;

/**
 * The layer in a folder as a tar archive (OCI image spec, layer.md): what {@link unpackLayer} makes of it is the folder again.
 * Deletions as overlayfs writes them (devices 0/0, opaque folders) become `.wh.` entries. Sockets are left out, as is the root
 * itself. The same content gives the same bytes. Files are streamed: memory stays below a few MB.
 * @param root A folder that nobody changes meanwhile.
 * @throws {TsukubeError} `unsupported` for names or overlay features that a layer cannot carry; `changed` when a file did.
 */
export async function* writeLayerTar(root: string, options: LayerTarOptions = {}): AsyncGenerator<Buffer> {
  const walk = new Walk(options.metadata ?? "kept");
  let waiting: Buffer[] = [];
  let size = 0;
  const flush = (): Buffer => {
    const whole = Buffer.concat(waiting, size);
    waiting = [];
    size = 0;
    return whole;
  };
  for await (const part of walk.folder("", root)) {
    if (part.length >= CHUNK && size === 0) {
      yield part;
      continue;
    }
    waiting.push(part);
    size += part.length;
    if (size >= CHUNK) yield flush();
  }
  waiting.push(TAR_END);
  size += TAR_END.length;
  yield flush();
}

/** sha256 ("sha256:…") and length of what streams by. */
export async function digestOf(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<{ readonly digest: string; readonly size: number }> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const part of stream) {
    hash.update(part);
    size += part.length;
  }
  return { digest: `sha256:${hash.digest("hex")}`, size };
}

class Walk {
  readonly #metadata: LayerMetadata;
  /** First names of files that have several. */
  readonly #linked = new Map<string, string>();

  constructor(metadata: LayerMetadata) {
    this.#metadata = metadata;
  }

  /** The entries below a folder. @param folder "", or ends with a slash. @param place Where it lies. */
  async *folder(folder: string, place: string): AsyncGenerator<Buffer> {
    using here = shortName(place);
    for (const name of (await readdir(here.path)).sort()) {
      const path = folder + name;
      const file = `${here.path}/${name}`;
      const stat = lstatSync(file, { throwIfNoEntry: false });
      if (stat === undefined) throw name.includes("\ufffd") ? notUtf8(path) : changed(path);
      if (isWhiteout(stat)) {
        yield marker(`${folder}${PREFIX}${name}`);
        continue;
      }
      if (stat.isSocket()) continue;
      refuse(path, name);
      if (stat.isDirectory()) yield* this.#directory(`${path}/`, file, stat);
      else yield* this.#entry(path, file, stat);
    }
  }

  async *#directory(path: string, file: string, stat: Stats): AsyncGenerator<Buffer> {
    const names = attributeNames(file);
    yield tarHeader({ ...this.#metadataOf(path, file, stat, names), type: "directory", size: 0 });
    for (const namespace of ["trusted", "user"]) {
      if (names.includes(`${namespace}.overlay.redirect`)) {
        throw new TsukubeError(
          "unsupported",
          `Cannot archive "${path}": overlayfs only noted where it was moved from, expected a mount with redirect_dir=off`,
        );
      }
      const opaque = `${namespace}.overlay.opaque`;
      if (names.includes(opaque) && attribute(file, opaque).toString() === "y") {
        yield marker(path + OPAQUE);
        break;
      }
    }
    yield* this.folder(path, file);
  }

  async *#entry(path: string, file: string, stat: Stats): AsyncGenerator<Buffer> {
    const names = attributeNames(file);
    if (names.some((name) => /^(trusted|user)\.overlay\.metacopy$/.test(name))) {
      throw new TsukubeError(
        "unsupported",
        `Cannot archive "${path}": overlayfs left its content in a lower layer, expected a mount with metacopy=off`,
      );
    }
    const about = this.#metadataOf(path, file, stat, names);
    const first = this.#firstName(path, stat);
    if (first !== undefined) yield tarHeader({ ...about, type: "link", size: 0, linkPath: first, xattrs: {} });
    else if (stat.isFile()) yield* fileEntry(file, { ...about, type: "file", size: stat.size });
    else if (stat.isSymbolicLink())
      yield tarHeader({ ...about, mode: 0o777, type: "symlink", size: 0, linkPath: readlinkSync(file) });
    else yield tarHeader({ ...about, type: nodeType(stat), size: 0, ...deviceNumbers(stat.rdev) });
  }

  #firstName(path: string, stat: Stats): string | undefined {
    if (stat.nlink < 2 || this.#metadata === "plain") return undefined;
    const inode = `${stat.dev}:${stat.ino}`;
    const first = this.#linked.get(inode);
    if (first === undefined) this.#linked.set(inode, path);
    return first;
  }

  #metadataOf(path: string, file: string, stat: Stats, names: readonly string[]): Omit<TarHeader, "type" | "size"> {
    if (this.#metadata === "plain") return { path, mode: plainMode(stat), uid: 0, gid: 0, mtime: 0 };
    const carried = names.filter((name) => isCarried(name));
    return {
      path,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      mtime: Math.floor(stat.mtimeMs / 1000),
      xattrs: Object.fromEntries(carried.map((name) => [name, attribute(file, name)])),
    };
  }
}

async function* fileEntry(file: string, header: TarHeader): AsyncGenerator<Buffer> {
  yield tarHeader(header);
  if (header.size <= SMALL) {
    const content = readFileSync(file);
    if (content.length !== header.size) throw changed(header.path);
    yield content;
  } else {
    yield* largeFile(file, header);
  }
  yield tarPadding(header.size);
}

async function* largeFile(place: string, { path, size }: TarHeader): AsyncGenerator<Buffer> {
  const file = await open(place);
  try {
    for (let left = size; left > 0; ) {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(Math.min(CHUNK, left)));
      if (bytesRead === 0) throw changed(path);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function changed(path: string): TsukubeError {
  return new TsukubeError("changed", `Cannot archive "${path}": it changed while it was read, expected it to rest`);
}

function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

function marker(path: string): Buffer {
  return tarHeader({ path, type: "file", mode: 0o600, uid: 0, gid: 0, size: 0, mtime: 0 });
}

function refuse(path: string, name: string): void {
  if (name.startsWith(PREFIX)) {
    throw new TsukubeError(
      "unsupported",
      `Cannot archive "${path}": names that begin with ${PREFIX} mean deletions in a layer, expected another name`,
    );
  }
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new TsukubeError(
      "unsupported",
      `Cannot archive "${path.slice(0, 100)}…": its path is longer than ${LONGEST_PATH} bytes, which no layer carries`,
    );
  }
}

function notUtf8(path: string): TsukubeError {
  return new TsukubeError("unsupported", `Cannot archive "${path}": its name is not UTF-8, expected one that is`);
}

/** Capabilities of programs, and what users attached; the rest belongs to this machine. */
export function isCarried(name: string): boolean {
  return name === "security.capability" || (name.startsWith("user.") && !name.startsWith("user.overlay."));
}

function plainMode(stat: Stats): number {
  if (stat.isDirectory()) return (stat.mode & 0o1000) === 0 ? 0o755 : 0o1777;
  return (stat.mode & 0o111) === 0 ? 0o644 : 0o755;
}

function nodeType(stat: Stats): TarType {
  if (stat.isFIFO()) return "fifo";
  return stat.isBlockDevice() ? "block" : "character";
}
