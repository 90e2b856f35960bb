import { statfsSync } from "node:fs";
import { TsukubeError } from "@tsukube/foundation";
import { diskUsage } from "@tsukube/kernel";
import type { CachedResult, CacheFolder } from "../build/contracts.ts";
import type { ImageRecord } from "../images/image-store.ts";
import { viewDeps } from "./container-routes.ts";
import { containerSummary, time } from "./containers/container-views.ts";
import type { DockerAnswer, DockerDeps, Route } from "./contracts.ts";
import { Filters } from "./filters.ts";
import { publishImage } from "./image-events.ts";
import { familiarName, imageSummary } from "./image-views.ts";
import { timeIn } from "./time-in.ts";
import { volumeDetails } from "./volume-routes.ts";

/** What holds the disk, and removing what nobody uses. Volumes and networks have their own. */
export function pruneRoutes(deps: DockerDeps): readonly Route[] {
  return [
    { method: "GET", path: /^\/system\/df$/, handle: ({ query }) => diskUse(deps, query.getAll("type")) },
    { method: "POST", path: /^\/containers\/prune$/, handle: ({ query }) => pruneContainers(deps, query) },
    { method: "POST", path: /^\/images\/prune$/, handle: ({ query }) => pruneImages(deps, query) },
    { method: "POST", path: /^\/build\/prune$/, handle: ({ query }) => pruneBuilds(deps, query) },
  ];
}

async function pruneContainers(deps: DockerDeps, query: URLSearchParams): Promise<DockerAnswer> {
  const { dockerContainers: containers, snapshotter, clock } = deps;
  const filters = new Filters(query, ["label", "label!", "until"]);
  const until = timeIn(filters.of("until")?.[0], clock.now());
  const over = containers.store.all.filter(
    ({ state: { status }, config, createdAt }) =>
      ["created", "exited", "dead"].includes(status) &&
      filters.fitsLabels(config.Labels) &&
      (until === undefined || createdAt < until),
  );
  const ContainersDeleted: string[] = [];
  let SpaceReclaimed = 0;
  for (const { id } of over) {
    try {
      const bytes = await snapshotter.writtenBytes(id);
      await containers.remove(id);
      SpaceReclaimed += bytes;
      ContainersDeleted.push(id);
    } catch (error) {
      const container = containers.store.find(id);
      if (container?.state.status === "exited") throw error; // else somebody removed it, or runs it again
    }
  }
  deps.events.publish("container", "prune", "", { reclaimed: String(SpaceReclaimed) });
  return { status: 200, json: { ContainersDeleted, SpaceReclaimed } };
}

/** Images without a name; with the filter `dangling=false` every one that no container uses. The engine's own stay. */
async function pruneImages(deps: DockerDeps, query: URLSearchParams): Promise<DockerAnswer> {
  const { images, inUse, garbage, clock } = deps;
  const filters = new Filters(query, ["dangling", "label", "label!", "until"]);
  const onlyDangling = filters.flag("dangling") !== false;
  const until = timeIn(filters.of("until")?.[0], clock.now());
  const isUnused = (image: ImageRecord): boolean =>
    !inUse().has(image.id) &&
    !image.pinned &&
    (!onlyDangling || image.names.length === 0) &&
    filters.fitsLabels(image.config.Labels) &&
    (until === undefined || Date.parse(image.created ?? "") < until);
  const before = await diskUsage(`${deps.stateDirectory}/s/l`);
  const gone: ImageRecord[] = [];
  for (const { id } of images.all.filter(isUnused)) {
    const removed = await images.remove(id, (image) => !isUnused(image)); // a container may have come to use it
    if (removed === undefined) continue;
    gone.push(removed);
    for (const name of removed.names) publishImage(deps.events, "untag", removed, name);
    publishImage(deps.events, "delete", removed);
  }
  await garbage.collect();
  const SpaceReclaimed = gone.length === 0 ? 0 : Math.max(0, before - (await diskUsage(`${deps.stateDirectory}/s/l`)));
  deps.events.publish("image", "prune", "", { reclaimed: String(SpaceReclaimed) });
  const deleted = gone.flatMap(({ id, names }) => [
    ...names.map((name) => ({ Untagged: familiarName(name) })),
    { Deleted: id },
  ]);
  return { status: 200, json: { ImagesDeleted: deleted, SpaceReclaimed } };
}

const BUILD_FILTERS = ["description", "id", "inuse", "private", "shared", "type", "unused-for", "until"];

/** The longest unused first, down to what is to be kept. */
async function pruneBuilds(
  { builder, clock, events, stateDirectory }: DockerDeps,
  query: URLSearchParams,
): Promise<DockerAnswer> {
  const filters = new Filters(query, BUILD_FILTERS);
  const [unusedFor] = filters.of("until") ?? filters.of("unused-for") ?? [];
  const before = timeIn(unusedFor, clock.now()) ?? Number.POSITIVE_INFINITY;
  const isAsked = (name: string, is: boolean): boolean => (filters.flag(name) ?? is) === is;
  const folders = await builder.cacheFolders();
  const found = [
    ...builder.cached.map((result) => ({ usedAt: result.usedAt, ...cacheView(result) })),
    ...folders.map((folder) => ({ usedAt: folder.usedAt, ...cacheFolderView(folder) })),
  ].toSorted((a, b) => b.usedAt - a.usedAt);
  const most = bytesToKeep(
    query,
    found.reduce((sum, { Size }) => sum + Size, 0),
    stateDirectory,
  );
  let kept = 0;
  const going = found.filter(({ ID, Type, Description, InUse, Shared, Size, usedAt }) => {
    const isGoing =
      !InUse &&
      kept + Size > most &&
      usedAt < before &&
      filters.fits("id", (id) => ID.startsWith(id)) &&
      filters.fits("type", (type) => type === Type) &&
      filters.fits("description", (text) => Description.includes(text)) &&
      isAsked("inuse", InUse) &&
      isAsked("shared", Shared) &&
      isAsked("private", !Shared);
    if (!isGoing) kept += Size;
    return isGoing;
  });
  const CachesDeleted = going.map(({ ID }) => ID);
  const SpaceReclaimed = await builder.prune(new Set(CachesDeleted));
  events.publish("builder", "prune", "", { reclaimed: String(SpaceReclaimed) });
  return { status: 200, json: { CachesDeleted, SpaceReclaimed } };
}

/** As much as it may have, less what the disk is to have free, but never less than what is its own; -1 where nothing is asked for. */
function bytesToKeep(query: URLSearchParams, total: number, folder: string): number {
  const bytes = (name: string): number | undefined => {
    const text = query.get(name) || "0";
    if (!/^-?\d+$/.test(text))
      throw new TsukubeError("invalid", `${name} is in bytes and expects an integer, got ${text}`);
    return Number(text) > 0 ? Number(text) : undefined;
  };
  const [reserved, most, free] = [
    bytes("reserved-space") ?? bytes("keep-storage"),
    bytes("max-used-space"),
    bytes("min-free-space"),
  ];
  if (reserved === undefined && most === undefined && free === undefined) return -1;
  const { bavail, bsize } = statfsSync(folder);
  const excess = free === undefined ? 0 : Math.max(0, free - bavail * bsize);
  const room = free === undefined && most === undefined ? 0 : Math.min(most ?? total, total - excess);
  return Math.max(reserved ?? 0, room);
}

/** `GET /system/df`. @param types Only these kinds; all by default. */
async function diskUse(deps: DockerDeps, types: readonly string[]): Promise<DockerAnswer> {
  const { images, dockerContainers, volumes, snapshotter, builder, clock } = deps;
  const unknown = types.find((type) => !["container", "image", "volume", "build-cache"].includes(type));
  if (unknown !== undefined) throw new TsukubeError("invalid", `unknown object type: ${unknown}`);
  const wants = (type: string): boolean => types.length === 0 || types.includes(type);
  const users = dockerContainers.store.all;
  const views = viewDeps(deps);
  const imagesShown = images.all.map((image) => ({
    ...imageSummary(image),
    SharedSize: sharedSize(image, deps),
    Containers: users.filter(({ imageId }) => imageId === image.id).length,
  }));
  const containersShown = async () =>
    Promise.all(
      users.map(async (container) => {
        const rw = await snapshotter.writtenBytes(container.id);
        const rootFs = rw + (images.find(container.imageId)?.sizeBytes ?? 0);
        return containerSummary(container, views, clock.now(), { rw, rootFs });
      }),
    );
  const volumesShown = async () => {
    const users = deps.dockerContainers.volumeUsers;
    return Promise.all(
      volumes.all.map(async (volume) => ({
        ...volumeDetails(deps, volume),
        UsageData: {
          Size: await diskUsage(volumes.mountpoint(volume.name)),
          RefCount: users.get(volume.name)?.length ?? 0,
        },
      })),
    );
  };
  const cachesShown = async () => [
    ...builder.cached.map(cacheView),
    ...(await builder.cacheFolders()).map(cacheFolderView),
  ];
  return {
    status: 200,
    json: {
      ...(wants("image") ? { LayersSize: await diskUsage(`${deps.stateDirectory}/s/l`), Images: imagesShown } : {}),
      ...(wants("container") ? { Containers: await containersShown() } : {}),
      ...(wants("volume") ? { Volumes: await volumesShown() } : {}),
      ...(wants("build-cache") ? { BuildCache: await cachesShown() } : {}),
    },
  };
}

function cacheView({ id, lineage, bytes, created, usedAt }: CachedResult) {
  return {
    ID: id,
    Type: "regular",
    Description: lineage,
    InUse: false,
    Shared: false,
    Size: bytes,
    CreatedAt: created,
    LastUsedAt: time(usedAt),
    UsageCount: 1,
  };
}

function cacheFolderView({ id, target, bytes, usedAt, inUse }: CacheFolder) {
  return {
    ID: id,
    Type: "exec.cachemount",
    Description: `cached mount ${target}`,
    InUse: inUse,
    Shared: false,
    Size: bytes,
    CreatedAt: time(usedAt),
    LastUsedAt: time(usedAt),
    UsageCount: 1,
  };
}

/** What other images have, too. */
function sharedSize(
  image: { readonly id: string; readonly diffIds: readonly string[] },
  { images }: DockerDeps,
): number {
  const others = new Set(images.all.filter(({ id }) => id !== image.id).flatMap(({ diffIds }) => diffIds));
  return image.diffIds
    .filter((diffId) => others.has(diffId))
    .reduce(
      (sum, diffId) => sum + (images.layers.get(diffId)?.made?.size ?? images.layers.get(diffId)?.forms[0]?.size ?? 0),
      0,
    );
}
