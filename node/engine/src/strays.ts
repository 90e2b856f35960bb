import { readdir } from "node:fs/promises";
import { type Logger, messageOf } from "@tsukube/foundation";
import { type Mounts, systemMounts } from "@tsukube/kernel";
import type { ContainerNetworks } from "@tsukube/node-contracts";
import type { Snapshotter } from "./images/snapshotter.ts";

/** What is there of containers and sandboxes: each should have a record. */
export interface Found {
  readonly mounts: readonly string[];
  /** Ids of those whose writing is on the disk. */
  readonly written: readonly string[];
  /** Ids of those that networks have addresses and ports for. */
  readonly attached: readonly string[];
}

interface Deps {
  readonly mounts: Pick<Mounts, "below" | "unmount">;
  readonly snapshotter: Pick<Snapshotter, "written" | "remove">;
  readonly networks?: Pick<ContainerNetworks, "attachments" | "detach" | "unpublish">;
  readonly runtimeDirectory: string;
  readonly logger: Logger;
}

/** Ask before anything new begins: what has no record by then never gets one. */
export async function findAll({ mounts, snapshotter, networks, runtimeDirectory }: Deps): Promise<Found> {
  return {
    mounts: mounts.below(runtimeDirectory),
    written: await snapshotter.written(),
    attached: [...new Set(networks?.attachments.map(({ containerId }) => containerId))],
  };
}

const ID = /^[0-9a-f]{64}$/;
const RECORDS = ["containers", "runs", "sandboxes", "services", "service-sandboxes"];

/** Ids of containers and sandboxes that have a record below an engine's state, a damaged one too: what is theirs may be of use yet. */
export async function recordedIn(stateDirectory: string): Promise<ReadonlySet<string>> {
  const folders = ["", "docker/"].flatMap((part) => RECORDS.map((name) => `${stateDirectory}/${part}${name}`));
  return new Set((await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])))).flat());
}

/** Pure: what of it belongs to nobody any more, such as where a disk lost records. */
export function straysIn({ mounts, written, attached }: Found, known: ReadonlySet<string>): Found {
  const isStray = (id: string): boolean => !known.has(id);
  return {
    mounts: mounts.filter((path) => (path.match(/(?<=\/)[0-9a-f]{64}(?=\/|$)/g) ?? []).some(isStray)),
    written: written.filter(isStray),
    attached: attached.filter(isStray),
  };
}

/** Takes it away, and says so. What does not go is left to the next start. */
export async function removeStrays(strays: Found, deps: Deps): Promise<void> {
  const { logger, networks } = deps;
  const tried = async (what: string, name: string, remove: () => void | Promise<void>): Promise<void> => {
    try {
      await remove();
      logger.warn("removed what no record speaks of", { what, name });
    } catch (error) {
      logger.warn("cannot remove what no record speaks of", { what, name, error: messageOf(error) });
    }
  };
  for (const path of strays.mounts) await tried("mount", path, () => deps.mounts.unmount(path));
  for (const id of strays.written) await tried("files", id, () => deps.snapshotter.remove(id));
  for (const id of strays.attached)
    await tried("network", id, async () => {
      await networks?.unpublish(id);
      await networks?.detach(id);
    });
}

/** What an engine that starts would take away, without networks; builds that are under way have no records either, and short names. */
export async function straysBelow(stateDirectory: string, runtimeDirectory: string): Promise<Found> {
  const names = await readdir(`${stateDirectory}/s/w`).catch(() => []);
  const found = { mounts: systemMounts.below(runtimeDirectory), written: names.filter((name) => ID.test(name)) };
  return straysIn({ ...found, attached: [] }, await recordedIn(stateDirectory));
}
