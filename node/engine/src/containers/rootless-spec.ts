import { existsSync } from "node:fs";
import { notDelegated } from "@tsukube/kernel";
import type { ContainerConfig } from "@tsukube/node-contracts/cri";
import type { DeviceNode } from "./devices.ts";
import type { OciMount, OciSpec } from "./spec.ts";

/**
 * What a runtime can do of a container without being root of the machine. Nodes of /dev are those of the machine, shown there;
 * who may use them is told by their modes.
 * @param ids Whether the engine has more than its own. @param exists On the machine. @throws {TsukubeError} `unsupported` for limits, which need control groups.
 */
export function rootlessSpec(spec: OciSpec, ids: "many-ids" | "one-id", exists = existsSync): OciSpec {
  const { devices: _, ...limits } = spec.linux.resources;
  const asked = Object.entries(limits).filter(([, value]) => isSet(value));
  if (asked.length > 0) throw notDelegated(asked.map(([name]) => name));
  const has = (kind: string): boolean => spec.linux.namespaces.some(({ type }) => type === kind);
  const borrowed = [
    ...(has("pid") ? [] : ["proc"]),
    ...(has("network") ? [] : ["sysfs"]),
    ...(has("ipc") ? [] : ["mqueue"]),
  ];
  const { cgroupsPath: __, ...linux } = spec.linux;
  const { oomScoreAdj: ___, ...process } = spec.process;
  return {
    ...spec,
    process: process as OciSpec["process"],
    mounts: spec.mounts
      .filter(({ type, destination }) => type !== "cgroup" && !(borrowed.includes(type) && !exists(destination)))
      .map((mount) => (borrowed.includes(mount.type) ? shown(mount) : ids === "one-id" ? ownIds(mount) : mount)),
    linux: {
      ...linux,
      namespaces: linux.namespaces.filter(({ type }) => type !== "cgroup"),
      resources: { devices: [] },
    },
  };
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
