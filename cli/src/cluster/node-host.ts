import { existsSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@tsukube/foundation";
import { createMetrics, realClock, systemRandom } from "@tsukube/host";
import { systemCgroups, systemMounts } from "@tsukube/kernel";
import {
  bridgedPods,
  ensureBridge,
  openPodNetwork,
  removeBridge,
  removePodTable,
  systemCommands,
} from "@tsukube/network";
import type { PodNetwork } from "@tsukube/node-contracts";
import { removeProxy } from "@tsukube/proxy";
import { addressesOf } from "./addresses.ts";
import { openNetworks } from "./docker-networks.ts";
import { type ClusterPaths, filesOf } from "./paths.ts";
import type { ClusterRecord } from "./record.ts";
import { openRootlessNetworks, uplinkOf } from "./rootless-networks.ts";
import { UNCONNECTED } from "./unconnected.ts";

/** Names of what a node's cluster has in the kernel. */
function kernelNames(name: string) {
  return { proxyTable: `tsukube-${name}`, podTable: `tsukube-${name}-pods`, cgroup: `/tsukube-${name}` };
}

/** The pods' bridge: before both processes, because the API server listens on its address. */
export async function prepareHost(paths: ClusterPaths, record: ClusterRecord): Promise<void> {
  const { bridge, gateway, prefixLength, ipv6 } = addressesOf(record);
  await ensureBridge({
    ...{ name: bridge, gateway, prefixLength, sysctlRecord: filesOf(paths).sysctls },
    ...(ipv6 !== undefined && { ipv6 }),
  });
}

/** Removes everything that a stopped node left on the host: containers, mounts, links, tables, groups, changed sysctls. */
export async function cleanHost(paths: ClusterPaths, record: ClusterRecord, othersRemain: boolean): Promise<void> {
  const files = filesOf(paths);
  const { bridge, podCidr, gateway, ipv6, serviceCidr, primaryFamily } = addressesOf(record);
  const names = kernelNames(paths.name);
  const network = await openPodNetwork({
    stateDirectory: files.podNetwork,
    podCidr,
    gateway,
    bridge,
    table: names.podTable,
    ...(ipv6 !== undefined && { ipv6: { ...ipv6, isPrimary: primaryFamily === "IPv6" } }),
  });
  await cleanEngine(paths, network, othersRemain);
  await network.collect([]);
  await removeProxy({ table: names.proxyTable, serviceCidr, bridge });
  await systemCommands.nft(removePodTable(names.podTable, ipv6 !== undefined));
  await removeBridge({ name: bridge, sysctlRecord: files.sysctls, othersRemain });
}

/** What an engine that does not run left on the host. @param network Of pods; that of containers by default. @param rootless See {@link EngineOptions}. */
export async function cleanEngine(
  paths: ClusterPaths,
  network: PodNetwork | undefined,
  othersRemain: boolean,
  rootless?: "many-ids" | "one-id",
): Promise<void> {
  const files = filesOf(paths);
  const { cgroup } = kernelNames(paths.name);
  if (existsSync(files.engine)) {
    const { startEngine } = await import("@tsukube/engine");
    const containerNetworks = rootless === undefined ? await openNetworks(paths, silentLogger) : undefined;
    const connected =
      containerNetworks === undefined
        ? { network: UNCONNECTED, containerNetworks: await openRootlessNetworks(paths, uplinkOf(paths), silentLogger) }
        : { network: network ?? bridgedPods(containerNetworks), containerNetworks };
    const engine = await startEngine({
      stateDirectory: files.engine,
      runtimeDirectory: join(paths.runtime, "engine"),
      criSocket: files.criSocket,
      ...connected,
      ...(rootless === undefined ? {} : { rootless }),
      startsContainers: false,
      cgroupParent: cgroup,
      clock: realClock,
      random: systemRandom,
      metrics: createMetrics(),
      logger: silentLogger,
    });
    await engine.stopAll(othersRemain);
    await engine.close();
  }
  for (const mount of [...systemMounts.below(paths.state), ...systemMounts.below(paths.runtime)])
    if (mount !== paths.state && mount !== paths.runtime) systemMounts.unmount(mount);
  if (rootless === undefined) await systemCgroups().remove(cgroup);
}
