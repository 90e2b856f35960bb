import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { buildContext, fileArchive } from "@tsukube/engine/context";
import { TsukubeError } from "@tsukube/foundation";
import { layoutArchive } from "./layout-archive.ts";

/** A further build context: a folder or archive to send, an image, or a repository. */
export interface ContextPlace {
  readonly name: string;
  readonly folder?: string;
  readonly archive?: AsyncIterable<Uint8Array>;
  /** The archive of an image. */
  readonly layout?: AsyncIterable<Uint8Array>;
  readonly image?: string;
  readonly remote?: string;
}

/** What is built. */
export interface BuildSource {
  readonly context: { readonly archive: AsyncIterable<Uint8Array> } | { readonly remote: string };
  /** Within the context, or within `place`. */
  readonly dockerfile: string;
  /** Where the Dockerfile lies, if not in the context. */
  readonly place?: ContextPlace;
}

const REMOTE = /^\w+:\/\/|^git@/;
const TAR_MAGIC_AT = 257;
/** gzip, bzip2, zstd, xz. */
const COMPRESSED = ["1f8b", "425a68", "28b52ffd", "fd377a585a00"].map((digits) => Buffer.from(digits, "hex"));

/**
 * Finds the context and its Dockerfile, as docker does: `file` is looked for from here, and then in the folder.
 * @param folder "-" for an archive, or a Dockerfile alone, on the standard input. @param file "-" for a Dockerfile there.
 * @throws {TsukubeError} `usage`.
 */
export async function buildSource(
  folder: string,
  file: string | undefined,
  input: () => Buffer = () => readFileSync(0),
): Promise<BuildSource> {
  if (folder === "-") return fromInput(file, input());
  if (REMOTE.test(folder)) return { context: { remote: folder }, dockerfile: file ?? "Dockerfile" };
  const root = resolve(folder);
  if (!existsSync(root) || !statSync(root).isDirectory())
    throw new TsukubeError("usage", `Cannot build "${folder}": no such folder, expected one with a Dockerfile`);
  if (file === "-") {
    const place = { name: "dockerfile", archive: fileArchive([["Dockerfile", input()]]) };
    return { context: { archive: buildContext(root, "Dockerfile") }, dockerfile: "Dockerfile", place };
  }
  const candidates = file === undefined ? [join(root, "Dockerfile")] : [resolve(file), resolve(root, file)];
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found === undefined)
    throw new TsukubeError(
      "usage",
      `Cannot build "${folder}": it has no ${file ?? "Dockerfile"}, expected one; -f names another`,
    );
  const within = relative(root, found);
  if (within !== ".." && !within.startsWith("../"))
    return { context: { archive: buildContext(root, within) }, dockerfile: within };
  const dockerfile = basename(found);
  const own = join(dirname(found), `${dockerfile}.dockerignore`);
  const files = [found, ...(existsSync(own) ? [own] : [])].map((path) => [basename(path), readFileSync(path)] as const);
  const place = { name: "dockerfile", archive: fileArchive(files) };
  return { context: { archive: buildContext(root, dockerfile) }, dockerfile, place };
}

function fromInput(file: string | undefined, bytes: Buffer): BuildSource {
  const isArchive =
    bytes.toString("latin1", TAR_MAGIC_AT, TAR_MAGIC_AT + 5) === "ustar" ||
    COMPRESSED.some((magic) => bytes.subarray(0, magic.length).equals(magic));
  const context = { archive: isArchive ? once(bytes) : fileArchive([["Dockerfile", bytes]]) };
  return { context, dockerfile: isArchive ? (file ?? "Dockerfile") : "Dockerfile" };
}

/** A `--build-context`: "NAME=PLACE". @throws {TsukubeError} `usage`. */
export function contextPlace(text: string): ContextPlace {
  const at = text.indexOf("=");
  const [name, place] = [text.slice(0, Math.max(at, 0)), text.slice(at + 1)];
  if (name !== "" && place.startsWith("docker-image://")) return { name, image: place.slice("docker-image://".length) };
  if (name !== "" && place.startsWith("oci-layout://"))
    return { name, layout: layoutArchive(place.slice("oci-layout://".length)) };
  if (name !== "" && REMOTE.test(place)) return { name, remote: place };
  const folder = resolve(place);
  if (name !== "" && place !== "" && existsSync(folder) && statSync(folder).isDirectory()) return { name, folder };
  throw new TsukubeError(
    "usage",
    `Cannot use --build-context ${text}: expected NAME=FOLDER, NAME=docker-image://IMAGE, NAME=oci-layout://FOLDER or NAME=a git repository`,
  );
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
