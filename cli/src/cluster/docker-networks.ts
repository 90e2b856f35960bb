import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Logger } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import {
  containerPortsIn,
  type HeldPort,
  NAME_PORT,
  type OtherNetworks,
  openContainerNetworks,
  podPortsIn,
  type SharedPorts,
} from "@tsukube/network";
import { type ClusterPaths, filesOf } from "./paths.ts";

/** The networks of Docker's containers. */
export function openNetworks(paths: ClusterPaths, logger: Logger) {
  const files = filesOf(paths);
  return openContainerNetworks({
    folder: files.dockerNetworks,
    table: `tsukube-${paths.name}-docker`,
    sysctlRecord: files.dockerSysctls,
    others: () => othersOf(paths).map(networksOf),
    podPorts: () => podPorts(upOf([paths, ...othersOf(paths)])),
    choiceLock: files.networkLock,
    clock: realClock,
    random: systemRandom,
    logger,
  });
}

/** What a node's pods must not take: ports of containers, and of other nodes' pods. */
export function sharedPorts(paths: ClusterPaths): SharedPorts {
  const elsewhere = async (): Promise<readonly HeldPort[]> => {
    const others = othersOf(paths);
    const folders = upOf([paths, ...others]).map((each) => filesOf(each).dockerNetworks);
    return [...(await podPorts(upOf(others))), ...(await Promise.all(folders.map(containerPortsIn))).flat()];
  };
  return { elsewhere, choiceLock: filesOf(paths).networkLock, clock: realClock };
}

async function podPorts(clusters: readonly ClusterPaths[]): Promise<readonly HeldPort[]> {
  return (await Promise.all(clusters.map((each) => podPortsIn(filesOf(each).podNetwork)))).flat();
}

function networksOf(paths: ClusterPaths): OtherNetworks {
  return { folder: filesOf(paths).dockerNetworks, isUp: upOf([paths]).length > 0 };
}

/** Those that have something in the kernel. */
function upOf(clusters: readonly ClusterPaths[]): readonly ClusterPaths[] {
  return clusters.filter(({ runtime }) => existsSync(runtime));
}

/** The other clusters and engines of this host. */
function othersOf(paths: ClusterPaths): readonly ClusterPaths[] {
  const [states, runtimes] = [dirname(paths.state), dirname(paths.runtime)];
  const names = existsSync(states) ? readdirSync(states).filter((name) => name !== paths.name) : [];
  return names.map((name) => ({ name, state: join(states, name), runtime: join(runtimes, name) }));
}

/**
 * What answers their names: this version of Tsukube in a container.
 * @param bundle The hash that names it. @param netns Where the networks are; that of the machine by default.
 */
export function namesOf(paths: ClusterPaths, bundle: string, netns?: string) {
  const folder = "/networks";
  return {
    image: `tsukube.local/system:${bundle}`,
    command: ["node", join("/tsukube", "names.js"), "--folder", folder],
    folders: { [folder]: filesOf(paths).dockerNetworks },
    port: NAME_PORT,
    ...(netns === undefined ? {} : { netns }),
  };
}
