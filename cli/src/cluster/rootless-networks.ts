import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { Logger } from "@tsukube/foundation";
import { realClock, systemRandom } from "@tsukube/host";
import { openContainerNetworks, SlirpUplink } from "@tsukube/network";
import type { ContainerNetworks } from "@tsukube/node-contracts";
import { missingPrograms, NETWORK_PROGRAMS } from "../host-packages.ts";
import { type ClusterPaths, filesOf } from "./paths.ts";
import { UNCONNECTED_NETWORKS } from "./unconnected.ts";

/** What leads from containers without root to the network of the machine, where its programs are installed and may make links. */
export function uplinkOf(paths: ClusterPaths): SlirpUplink | undefined {
  const isUsable = missingPrograms(NETWORK_PROGRAMS).length === 0 && isWritable("/dev/net/tun");
  return isUsable ? new SlirpUplink({ folder: join(paths.runtime, "uplink") }) : undefined;
}

/** Networks of containers without root. */
export async function openRootlessNetworks(
  paths: ClusterPaths,
  uplink: SlirpUplink | undefined,
  logger: Logger,
): Promise<ContainerNetworks> {
  if (uplink === undefined) return UNCONNECTED_NETWORKS;
  const files = filesOf(paths);
  const networks = await openContainerNetworks({
    ...{ folder: files.dockerNetworks, sysctlRecord: files.dockerSysctls, table: "tsukube", uplink },
    ...{ clock: realClock, random: systemRandom, logger },
  });
  await networks.ensure({ name: "bridge", internal: false, labels: {} }); // that it is there tells that containers are connected
  return networks;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
