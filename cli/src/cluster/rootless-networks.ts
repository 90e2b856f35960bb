import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { realClock, systemRandom } from "@tsukube/host";
import { openSlirpNetworks } from "@tsukube/network";
import type { ContainerNetworks } from "@tsukube/node-contracts";
import { type ClusterPaths, filesOf } from "./paths.ts";
import { UNCONNECTED_NETWORKS } from "./unconnected.ts";

/** Networks of containers without root: by slirp4netns where it is installed and may make links, none elsewhere. */
export async function openRootlessNetworks(paths: ClusterPaths): Promise<ContainerNetworks> {
  if (!existsSync("/usr/bin/slirp4netns") || !isWritable("/dev/net/tun")) return UNCONNECTED_NETWORKS;
  const runtimeFolder = join(paths.runtime, "slirp");
  return openSlirpNetworks({
    ...{ folder: filesOf(paths).dockerNetworks, runtimeFolder, clock: realClock, random: systemRandom },
  });
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
