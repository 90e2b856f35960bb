import { closeSync, createReadStream, createWriteStream, fstatSync, readlinkSync, type Stats } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, posix } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { codeOf, Lifetime, TsukubeError } from "@tsukube/foundation";
import { openWithin } from "@tsukube/kernel";
import { rootedPath } from "../build/rooted-path.ts";
import { textWithin } from "../containers/text-within.ts";
import { resolveUser } from "../containers/users.ts";
import { decompressed } from "../images/decompressed.ts";
import { type UnpackOptions, unpackLayer } from "../images/unpack.ts";
import { containerChanges } from "./containers/container-changes.ts";
import { publishOf } from "./containers/container-events.ts";
import { type DockerContainer, isRunning } from "./containers/container-record.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { type PathArchive, pathArchive } from "./path-archive.ts";
import { isTrue } from "./query-flag.ts";

/** Files of containers: `cp`, `diff` and `export`. */
export function fileRoutes(deps: DockerDeps): readonly Route[] {
  const archive = /^\/containers\/([^/]+)\/archive$/;
  return [
    { method: "HEAD", path: archive, handle: (request) => head(deps, request) },
    { method: "GET", path: archive, handle: (request) => get(deps, request) },
    { method: "PUT", path: archive, handle: (request) => put(deps, request) },
    { method: "GET", path: /^\/containers\/([^/]+)\/changes$/, handle: (request) => changes(deps, request) },
    { method: "GET", path: /^\/containers\/([^/]+)\/export$/, handle: (request) => exported(deps, request) },
  ];
}

/** A path of a container, as a client names it. */
interface WantedPath {
  readonly container: DockerContainer;
  /** As the client calls it. */
  readonly name: string;
  /** Absolute, without "..". */
  readonly path: string;
  /** It says that it is a folder: a link at the end is followed. */
  readonly isFolder: boolean;
  /** What is in the folder, not itself. */
  readonly isContent: boolean;
}

function wanted({ parameters, query }: DockerRequest, { dockerContainers }: DockerDeps): WantedPath {
  const [name = ""] = parameters;
  const container = dockerContainers.store.get(name);
  const asked = query.get("path") ?? "";
  if (asked === "") throw new TsukubeError("invalid", "bad parameter: path cannot be empty");
  const isContent = asked.endsWith("/.");
  const path = posix.normalize(`/${asked}`).replace(/(.)\/+$/, "$1");
  return { container, name, path, isFolder: isContent || asked.endsWith("/"), isContent };
}

/** Calls back with a descriptor of the place, and what is there. */
async function atPlace<T>(
  root: string,
  { path, isFolder, name }: WantedPath,
  work: (place: number, status: Stats) => T | Promise<T>,
): Promise<T> {
  const place = placeIn(root, path, isFolder);
  if (place === undefined) throw new TsukubeError("not-found", `Could not find the file ${path} in container ${name}`);
  try {
    return await work(place, fstatSync(place));
  } finally {
    closeSync(place);
  }
}

function placeIn(root: string, path: string, last: boolean): number | undefined {
  try {
    return openWithin(root, path, last);
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Of what a descriptor names, as the container sees it. */
function pathOf(place: number, root: string): string {
  return readlinkSync(`/proc/self/fd/${place}`).slice(root.length) || "/";
}

async function head(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const asked = wanted(request, deps);
  const headers = await deps.rootfs.withMounts(asked.container, (root) => statHeader(root, asked));
  return { status: 200, headers };
}

/** What `docker cp` asks first, as base64 of JSON; modes are Go's. */
async function statHeader(root: string, asked: WantedPath): Promise<Record<string, string>> {
  const { path, isFolder } = asked;
  const stat = await atPlace(root, asked, (_, status) => {
    if (isFolder && !status.isDirectory()) throw new TsukubeError("invalid", `not a directory: ${path}`);
    const linkTarget = status.isSymbolicLink() ? rootedPath(root, path).slice(root.length) || "/" : "";
    const { size, mtime } = status;
    return { name: basename(path) || "/", size, mode: goMode(status), mtime: mtime.toISOString(), linkTarget };
  });
  return { "X-Docker-Container-Path-Stat": Buffer.from(JSON.stringify(stat)).toString("base64") };
}

/** os.FileMode of Go: permissions, and types in its highest bits. */
function goMode(status: Stats): number {
  const high = (bit: number): number => 2 ** bit;
  const type = status.isDirectory()
    ? high(31)
    : status.isSymbolicLink()
      ? high(27)
      : status.isFIFO()
        ? high(25)
        : status.isSocket()
          ? high(24)
          : status.isCharacterDevice()
            ? high(26) + high(21)
            : status.isBlockDevice()
              ? high(26)
              : 0;
  const special = [
    [0o4000, 23],
    [0o2000, 22],
    [0o1000, 20],
  ] as const;
  const bits = special.reduce((sum, [mask, bit]) => sum + ((status.mode & mask) === 0 ? 0 : high(bit)), 0);
  return type + bits + (status.mode & 0o777);
}

async function get(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const asked = wanted(request, deps);
  const { path, isFolder, isContent } = asked;
  const { promise, resolve, reject } = Promise.withResolvers<DockerAnswer>();
  const open = async (root: string) => {
    const headers = await statHeader(root, asked);
    publishOf(deps.events, "archive-path", asked.container, { path });
    return { headers, archive: pathArchive(root, path, isContent ? "." : basename(path) || ".", isFolder) };
  };
  const work = deps.rootfs.withMounts(asked.container, open, async ({ headers, archive }) => {
    resolve({ bytes: archive.bytes, type: "application/x-tar", headers });
    await readOrLeft(archive, request.signal);
  });
  work.catch(reject);
  return promise;
}

/** Waits until an archive was read, or the client went away. */
async function readOrLeft(archive: PathArchive, signal: AbortSignal): Promise<void> {
  const leave = (): void => void archive.close();
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  await archive.closed;
}

async function put(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { path, name, container } = wanted(request, deps);
  const asked = { path, name, container, isFolder: true, isContent: false };
  const keepsFolders = isTrue(request.query.get("noOverwriteDirNonDir"));
  const isForUser = isTrue(request.query.get("copyUIDGID"));
  const unpack = (bytes: AsyncIterable<Uint8Array>): Promise<void> =>
    deps.rootfs.withMounts(container, (root) =>
      atPlace(root, asked, async (place, status) => {
        if (!status.isDirectory()) throw new TsukubeError("invalid", "extraction point is not a directory");
        refuseReadonly(container, pathOf(place, root));
        const owner = isForUser ? await ownerOf(container, root) : {};
        await unpackLayer(decompressed(bytes), `/proc/self/fd/${place}`, "keep", { keepsFolders, ...owner });
      }),
    );
  await (isRunning(container) ? received(deps, request.body, unpack) : unpack(request.body));
  publishOf(deps.events, "extract-to-dir", container, { path });
  return { status: 200 };
}

/** Takes all of an upload before work for which a container stands still: it may itself be who sends, and nobody holds it up by sending slowly. */
async function received(
  { uploads, random }: DockerDeps,
  body: Readable,
  work: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const file = `${uploads}/${Buffer.from(random.bytes(8)).toString("hex")}`;
  try {
    await pipeline(body, createWriteStream(file, { flags: "wx", mode: 0o600 }));
    await using lifetime = new Lifetime();
    const bytes = createReadStream(file);
    lifetime.add("upload", () => void bytes.destroy());
    await work(bytes);
  } finally {
    await rm(file, { force: true });
  }
}

/** The user that a container runs as has the files, where it is told of one. */
async function ownerOf(
  { config: { User = "" } }: DockerContainer,
  root: string,
): Promise<Pick<UnpackOptions, "owner">> {
  if (User === "") return {};
  const text = async (name: string): Promise<string> => (await textWithin(root, `/etc/${name}`)) ?? "";
  const { uid, gid } = resolveUser(User, await text("passwd"), await text("group"));
  return { owner: { uid, gid } };
}

function refuseReadonly({ hostConfig, mounts }: DockerContainer, path: string): void {
  const above = mounts.filter(({ destination }) => `${path}/`.startsWith(`${destination}/`));
  const [mount] = above.sort((a, b) => b.destination.length - a.destination.length);
  if (mount?.readonly === true) throw new TsukubeError("forbidden", "mounted volume is marked read-only");
  if (hostConfig.ReadonlyRootfs === true && mount === undefined)
    throw new TsukubeError("forbidden", "container rootfs is marked read-only");
}

async function changes(deps: DockerDeps, { parameters }: DockerRequest): Promise<DockerAnswer> {
  const container = deps.dockerContainers.store.get(parameters[0] ?? "");
  const chain = deps.images.find(container.imageId)?.chain ?? [];
  const lower = chain.map((chainId) => deps.snapshotter.layerFolder(chainId)).reverse();
  const found = await deps.snapshotter.changes(container.id, async (folder) =>
    folder === undefined ? [] : containerChanges(folder, lower),
  );
  return { status: 200, json: found.length === 0 ? null : found.map(({ path, kind }) => ({ Path: path, Kind: kind })) };
}

async function exported(deps: DockerDeps, { parameters, signal }: DockerRequest): Promise<DockerAnswer> {
  const container = deps.dockerContainers.store.get(parameters[0] ?? "");
  const { promise, resolve, reject } = Promise.withResolvers<DockerAnswer>();
  const work = deps.rootfs.within(container, async (root) => {
    publishOf(deps.events, "export", container);
    const archive = pathArchive(root, "/", ".");
    resolve({ bytes: archive.bytes, type: "application/x-tar" });
    await readOrLeft(archive, signal);
  });
  work.catch(reject);
  return promise;
}
