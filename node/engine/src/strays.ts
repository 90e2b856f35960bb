import { readdir } from "node:fs/promises";
import { basename } from "node:path";
import { codeOf, type Logger, messageOf } from "@tsukube/foundation";
import { type Mounts, removeTree, systemMounts } from "@tsukube/kernel";
import type { ContainerNetworks } from "@tsukube/node-contracts";
import { monitorOf } from "./containers/conmon.ts";
import type { OciRuntime } from "./containers/runtime.ts";
import type { Snapshotter } from "./images/snapshotter.ts";

/** What is there of containers and sandboxes: each should have a record. */
export interface Found {
  /** Ids of those that the runtime has made; their processes may run. */
  readonly made: readonly string[];
  readonly mounts: readonly string[];
  /** Folders that the runtime was given, and what conmon writes. */
  readonly bundles: readonly string[];
  /** Ids of those whose writing is on the disk. */
  readonly written: readonly string[];
  /** Ids of those that networks have addresses and ports for. */
  readonly attached: readonly string[];
}

interface Deps {
  readonly mounts: Pick<Mounts, "below" | "unmount">;
  readonly runtime: Pick<OciRuntime, "delete">;
  readonly snapshotter: Pick<Snapshotter, "written" | "remove">;
  readonly networks?: Pick<ContainerNetworks, "attachments" | "detach" | "unpublish">;
  readonly runtimeDirectory: string;
  readonly logger: Logger;
}

/** Ask before anything new begins: what has no record by then never gets one. */
export async function findAll({ mounts, snapshotter, networks, runtimeDirectory }: Deps): Promise<Found> {
  return {
    made: await namesIn(`${runtimeDirectory}/oci`),
    mounts: mounts.below(runtimeDirectory),
    bundles: await bundlesIn(runtimeDirectory),
    written: await snapshotter.written(),
    attached: [...new Set(networks?.attachments.map(({ containerId }) => containerId))],
  };
}

const ID = /^[0-9a-f]{64}$/;
/** Folders of those of CRI and of Docker, below an engine's own. */
const PARTS = ["", "docker/"];
const RECORDS = ["containers", "runs", "sandboxes", "services", "service-sandboxes"];

/** Names in a folder, none where it does not exist. @throws where it cannot be read: what is there is not known then. */
async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
    return [];
  });
}

async function bundlesIn(runtimeDirectory: string): Promise<readonly string[]> {
  const folders = PARTS.map((part) => `${runtimeDirectory}/${part}bundles`);
  const paths = folders.map(async (folder) => (await namesIn(folder)).map((name) => `${folder}/${name}`));
  return (await Promise.all(paths)).flat().filter((path) => ID.test(basename(path)));
}

/**
 * Ids of containers and sandboxes that have a record below an engine's state, a damaged one too: what is theirs may be of use yet.
 * @throws where a folder of records is there and cannot be read: nobody is known to be without a record then.
 */
async function recordedIn(stateDirectory: string): Promise<ReadonlySet<string>> {
  const folders = PARTS.flatMap((part) => RECORDS.map((name) => `${stateDirectory}/${part}${name}`));
  return new Set((await Promise.all(folders.map(namesIn))).flat());
}

/** Pure: what of it belongs to nobody any more, such as where a disk lost records. */
export function straysIn(found: Found, known: ReadonlySet<string>, runtimeDirectory: string): Found {
  const isStray = (id: string): boolean => !known.has(id);
  const idsIn = (mount: string) => mount.slice(runtimeDirectory.length).match(/(?<=\/)[0-9a-f]{64}(?=\/|$)/g) ?? [];
  return {
    made: found.made.filter((id) => ID.test(id) && isStray(id)), // steps of builds have short names
    mounts: found.mounts.filter((path) => idsIn(path).some(isStray)),
    bundles: found.bundles.filter((path) => isStray(basename(path))),
    written: found.written.filter(isStray),
    attached: found.attached.filter(isStray),
  };
}

/** Takes away what of it has no record, and says so. What does not go is left to the next start. */
export async function removeStrays(found: Found, stateDirectory: string, deps: Deps): Promise<void> {
  const { logger, networks, runtimeDirectory } = deps;
  const known = await recordedIn(stateDirectory).catch((error: unknown) => {
    logger.error("cannot tell what no record speaks of, and remove nothing", { error: messageOf(error) });
  });
  if (known === undefined) return;
  const strays = straysIn(found, known, runtimeDirectory);
  const tried = async (what: string, name: string, remove: () => void | Promise<void>): Promise<void> => {
    try {
      await remove();
      logger.warn("removed what no record speaks of", { what, name });
    } catch (error) {
      logger.warn("cannot remove what no record speaks of", { what, name, error: messageOf(error) });
    }
  };
  for (const id of strays.made) await tried("container", id, () => end(id, deps)); // first: it uses what follows
  for (const path of strays.mounts) await tried("mount", path, () => deps.mounts.unmount(path));
  for (const path of strays.bundles) await tried("bundle", path, () => removeTree(path, deps.mounts));
  for (const id of strays.written) await tried("files", id, () => deps.snapshotter.remove(id));
  for (const id of strays.attached)
    await tried("network", id, async () => {
      await networks?.unpublish(id);
      await networks?.detach(id);
    });
}

/** Ends its processes, and its conmon where that does not see it. */
async function end(id: string, { runtime, runtimeDirectory }: Deps): Promise<void> {
  await runtime.delete(id);
  for (const part of PARTS) {
    const monitor = monitorOf(`${runtimeDirectory}/${part}bundles/${id}`, id);
    if (monitor !== undefined) process.kill(monitor, "SIGKILL");
  }
}

/** What an engine that starts would take away, without networks; builds that are under way have no records either, and short names. */
export async function straysBelow(stateDirectory: string, runtimeDirectory: string): Promise<Found> {
  const written = (await namesIn(`${stateDirectory}/s/w`)).filter((name) => ID.test(name));
  const found = {
    made: await namesIn(`${runtimeDirectory}/oci`),
    mounts: systemMounts.below(runtimeDirectory),
    bundles: await bundlesIn(runtimeDirectory),
    written,
  };
  return straysIn({ ...found, attached: [] }, await recordedIn(stateDirectory), runtimeDirectory);
}
