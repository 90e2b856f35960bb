import { existsSync } from "node:fs";
import { type Cgroups, noCgroups, refuseLimits } from "@tsukube/kernel";
import type { ContainerConfig } from "@tsukube/node-contracts/cri";
import type { DeviceNode } from "./devices.ts";
import type { OciMount, OciSpec } from "./spec.ts";

/**
 * What a runtime can do of a container without being root of the machine. Nodes of /dev are those of the machine, shown there;
 * who may use them is told by their modes.
 * @param ids Whether the engine has more than its own. @param exists On the machine.
 * @throws {TsukubeError} `unsupported` for limits without control groups for them.
 */
export function rootlessSpec(
  spec: OciSpec,
  ids: "many-ids" | "one-id",
  cgroups: Pick<Cgroups, "controllers" | "version">,
  exists = existsSync,
): OciSpec {
  const { devices: _, ...limits } = spec.linux.resources;
  refuseResources(limits, cgroups);
  const has = (kind: string): boolean => spec.linux.namespaces.some(({ type }) => type === kind);
  const borrowed = [
    ...(has("pid") ? [] : ["proc"]),
    ...(has("network") ? [] : ["sysfs"]),
    ...(has("ipc") ? [] : ["mqueue"]),
  ];
  const { cgroupsPath, ...linux } = spec.linux;
  const { oomScoreAdj: __, ...process } = spec.process;
  const isGrouped = cgroups !== noCgroups;
  const isKept = (type: string): boolean => isGrouped || type !== "cgroup";
  return {
    ...spec,
    process: process as OciSpec["process"],
    mounts: spec.mounts
      .filter(({ type, destination }) => isKept(type) && !(borrowed.includes(type) && !exists(destination)))
      .map((mount) => (borrowed.includes(mount.type) ? shown(mount) : ids === "one-id" ? ownIds(mount) : mount)),
    linux: {
      ...linux,
      ...(isGrouped && { cgroupsPath }),
      namespaces: linux.namespaces.filter(({ type }) => isKept(type)),
      resources: isGrouped ? { ...limits, devices: [] } : { devices: [] }, // their use is told by the modes of their nodes
    },
  };
}

/** @param resources Of the OCI's runtime specification. @throws {TsukubeError} `unsupported` where a controller for one of them is not there. */
export function refuseResources(
  resources: object,
  { controllers, version }: Pick<Cgroups, "controllers" | "version">,
): void {
  const lacks = (resource: string, wanted: object): boolean =>
    Object.entries(wanted).some(
      ([key, value]) => isSet(value) && !controllers.includes(controllerOf(resource, key, version)),
    );
  const limits = Object.entries(resources).filter(([name, wanted]) => name !== "devices" && lacks(name, wanted ?? {}));
  refuseLimits(
    limits.map(([name]) => name),
    controllers,
  );
}

function controllerOf(resource: string, key: string, version: 1 | 2): string {
  switch (resource) {
    case "cpu":
      return key === "cpus" || key === "mems" ? "cpuset" : "cpu";
    case "blockIO":
      return version === 1 ? "blkio" : "io";
    case "hugepageLimits":
      return "hugetlb";
    case "unified":
      return key.split(".")[0] ?? "";
    default:
      return resource;
  }
}

/** What the machine has there: a view of one's own comes with one's own namespace alone. */
function shown({ destination, options }: OciMount): OciMount {
  return { destination, type: "bind", source: destination, options: ["rbind", "rprivate", ...options] };
}

/** Something is said, however deep. */
function isSet(value: unknown): boolean {
  return typeof value === "object" && value !== null ? Object.values(value).some(isSet) : value !== undefined;
}

/** Terminals belong to a group that a namespace of one id does not have. */
function ownIds(mount: OciMount): OciMount {
  return { ...mount, options: mount.options.filter((option) => !/^gid=(?!0$)/.test(option)) };
}

/** Nodes cannot be made: those of the machine are mounted. */
export function withDevicesShown(config: ContainerConfig, devices: readonly DeviceNode[]): ContainerConfig {
  const shown = devices.map(({ hostPath, path }) => ({ hostPath, containerPath: path }));
  return { ...config, mounts: [...(config.mounts ?? []), ...shown] };
}
