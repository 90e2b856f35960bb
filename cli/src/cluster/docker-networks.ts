import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Logger } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { NAME_PORT, type OtherNetworks, openContainerNetworks } from "@tsukube/network";
import { type ClusterPaths, filesOf } from "./paths.ts";

/** The networks of Docker's containers. */
export function openNetworks(paths: ClusterPaths, logger: Logger) {
  const files = filesOf(paths);
  return openContainerNetworks({
    folder: files.dockerNetworks,
    table: `tsukube-${paths.name}-docker`,
    sysctlRecord: files.dockerSysctls,
    others: () => othersOf(paths),
    choiceLock: files.networkLock,
    clock: realClock,
    random: systemRandom,
    logger,
  });
}

function othersOf(paths: ClusterPaths): readonly OtherNetworks[] {
  const [states, runtimes] = [dirname(paths.state), dirname(paths.runtime)];
  const names = existsSync(states) ? readdirSync(states).filter((name) => name !== paths.name) : [];
  return names.map((name) => ({
    folder: filesOf({ ...paths, state: join(states, name) }).dockerNetworks,
    isUp: existsSync(join(runtimes, name)),
  }));
}

/** What answers their names: this version of Tsukube in a container. @param bundle The hash that names it. */
export function namesOf(paths: ClusterPaths, bundle: string) {
  const folder = "/networks";
  return {
    image: `tsukube.local/system:${bundle}`,
    command: ["node", join("/tsukube", "names.js"), "--folder", folder],
    folders: { [folder]: filesOf(paths).dockerNetworks },
    port: NAME_PORT,
  };
}
