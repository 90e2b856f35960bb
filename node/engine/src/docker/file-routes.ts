import { lstatSync, type Stats, statSync } from "node:fs";
import { basename } from "node:path";
import { TsukubeError } from "@tsukube/foundation";
import { rootedPath } from "../build/rooted-path.ts";
import { decompressed } from "../images/decompressed.ts";
import { unpackLayer } from "../images/unpack.ts";
import { isTrue } from "./container-routes.ts";
import { containerChanges } from "./containers/container-changes.ts";
import type { DockerContainer, MountPoint } from "./containers/container-record.ts";
import type { DockerAnswer, DockerDeps, DockerRequest, Route } from "./contracts.ts";
import { pathArchive } from "./path-archive.ts";

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

function wanted({ parameters, query }: DockerRequest, { dockerContainers }: DockerDeps) {
  const container = dockerContainers.store.get(parameters[0] ?? "");
  const path = query.get("path") ?? "";
  if (path === "") throw new TsukubeError("invalid", "bad parameter: path cannot be empty");
  return { container, path };
}

/** The place of a path in a container's file system; a link at the end is itself, unless the path says that it is a folder. */
function placeOf(
  root: string,
  path: string,
  { id }: DockerContainer,
): { readonly place: string; readonly status: Stats } {
  const isFolder = path.endsWith("/") || path.endsWith("/.");
  const place = rootedPath(root, path, isFolder);
  const status = lstatSync(place, { throwIfNoEntry: false });
  if (status === undefined) throw new TsukubeError("not-found", `Could not find the file ${path} in container ${id}`);
  if (isFolder && !status.isDirectory()) throw new TsukubeError("invalid", `not a directory: ${path}`);
  return { place, status };
}

async function head(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { container, path } = wanted(request, deps);
  const headers = await deps.rootfs.withMounts(container, async (root) => statHeader(root, path, container));
  return { status: 200, headers };
}

/** What `docker cp` asks first, as base64 of JSON; modes are Go's. */
function statHeader(root: string, path: string, container: DockerContainer): Record<string, string> {
  const { status } = placeOf(root, path, container);
  const linkTarget = status.isSymbolicLink() ? rootedPath(root, path).slice(root.length) || "/" : "";
  const stat = {
    name: basename(path.replace(/\/\.?$/, "")) || "/",
    size: status.size,
    mode: goMode(status),
    mtime: status.mtime.toISOString(),
    linkTarget,
  };
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
  const { container, path } = wanted(request, deps);
  return held(deps, container, (root) =>
    deps.rootfs.frozen(container, () => {
      const { place } = placeOf(root, path, container);
      const isContent = path.endsWith("/.");
      const name = isContent ? "." : basename(rootedPath("", path, false)) || ".";
      return { bytes: pathArchive(place, name), headers: statHeader(root, path, container) };
    }),
  );
}

/** Answers while the file system of a container stays mounted. */
async function held(
  deps: DockerDeps,
  container: DockerContainer,
  open: (
    root: string,
  ) => Promise<{ readonly bytes: AsyncIterable<Uint8Array>; readonly headers: Record<string, string> }>,
): Promise<DockerAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<DockerAnswer>();
  const work = deps.rootfs.withMounts(container, async (root) => {
    const { bytes, headers } = await open(root);
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    resolve({ bytes: ending(bytes, end), type: "application/x-tar", headers });
    await over;
  });
  work.catch(reject);
  return promise;
}

async function* ending(bytes: AsyncIterable<Uint8Array>, end: () => void): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } finally {
    end();
  }
}

async function put(deps: DockerDeps, request: DockerRequest): Promise<DockerAnswer> {
  const { container, path } = wanted(request, deps);
  const { hostConfig, mounts, id } = container;
  const isIn = ({ destination, readonly }: MountPoint): boolean =>
    !readonly && `${path}/`.startsWith(`${destination}/`);
  if (hostConfig.ReadonlyRootfs === true && !mounts.some(isIn))
    throw new TsukubeError("invalid", "container rootfs is marked read-only");
  await deps.rootfs.withMounts(container, (root) =>
    deps.rootfs.frozen(container, async () => {
      const target = rootedPath(root, path);
      const status = statSync(target, { throwIfNoEntry: false });
      if (status === undefined)
        throw new TsukubeError("not-found", `Could not find the file ${path} in container ${id}`);
      if (!status.isDirectory()) throw new TsukubeError("invalid", "extraction point is not a directory");
      await unpackLayer(decompressed(request.body), target, "keep", {
        keepsFolders: isTrue(request.query.get("noOverwriteDirNonDir")),
      });
    }),
  );
  return { status: 200 };
}

async function changes(deps: DockerDeps, { parameters }: DockerRequest): Promise<DockerAnswer> {
  const container = deps.dockerContainers.store.get(parameters[0] ?? "");
  const chain = deps.images.find(container.imageId)?.chain ?? [];
  const lower = chain.map((chainId) => deps.snapshotter.layerFolder(chainId)).reverse();
  const found = await containerChanges(deps.snapshotter.writable(container.id), lower);
  return { status: 200, json: found.length === 0 ? null : found.map(({ path, kind }) => ({ Path: path, Kind: kind })) };
}

async function exported(deps: DockerDeps, { parameters }: DockerRequest): Promise<DockerAnswer> {
  const container = deps.dockerContainers.store.get(parameters[0] ?? "");
  const { promise, resolve, reject } = Promise.withResolvers<DockerAnswer>();
  const work = deps.rootfs.within(container, async (root) => {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    resolve({ bytes: ending(pathArchive(root, "."), end), type: "application/x-tar" });
    await over;
  });
  work.catch(reject);
  return promise;
}
