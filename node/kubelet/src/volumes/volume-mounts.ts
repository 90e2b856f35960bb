import { join } from "node:path";
import type { Container, VolumeMount } from "@tsukube/api/types/core-v1";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import type { Device, Mount } from "@tsukube/node-contracts/cri";
import { expand } from "../containers/environment.ts";
import { bindSubPath } from "./sub-path.ts";
import type { PreparedVolumes } from "./volumes.ts";

const PROPAGATIONS: Readonly<Record<string, NonNullable<Mount["propagation"]>>> = {
  Bidirectional: "PROPAGATION_BIDIRECTIONAL",
  HostToContainer: "PROPAGATION_HOST_TO_CONTAINER",
};

/**
 * The container's mounts of the pod's volumes.
 * @param env For `subPathExpr`.
 * @throws {TsukubeError} `config` naming the mount that cannot be had and why.
 */
export async function volumeMounts(
  container: Container,
  volumes: PreparedVolumes,
  env: ReadonlyMap<string, string>,
): Promise<readonly Mount[]> {
  const out: Mount[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries())
    out.push(await mountOf(container, mount, index, volumes, env));
  return out;
}

/** The container's block devices. @throws {TsukubeError} `config` naming the one that cannot be had and why. */
export function volumeDevices(container: Container, { volumes }: PreparedVolumes): readonly Device[] {
  return (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const { device, readOnly = false } = volumes.get(name) ?? {};
    if (device === undefined)
      return fail(`no block device "${name}" for volumeDevice of container "${container.name}"`);
    return { hostPath: device, containerPath: devicePath, permissions: readOnly ? "r" : "mrw" };
  });
}

async function mountOf(
  container: Container,
  mount: VolumeMount,
  index: number,
  volumes: PreparedVolumes,
  env: ReadonlyMap<string, string>,
): Promise<Mount> {
  const volume = volumes.volumes.get(mount.name);
  if (volume === undefined) return fail(`no volume "${mount.name}" for volumeMount of container "${container.name}"`);
  if (mount.recursiveReadOnly === "Enabled")
    fail(`volumeMount "${mount.name}": recursiveReadOnly "Enabled" is not supported, expected "IfPossible"`);
  const subPath = subPathOf(mount, env);
  if (volume.image !== undefined)
    return {
      image: { image: volume.image },
      imageSubPath: subPath,
      containerPath: mount.mountPath,
      readonly: true,
      propagation: "PROPAGATION_PRIVATE",
    };
  const target = join(volumes.podFolder, "volume-subpaths", mount.name, container.name, `${index}`);
  return {
    hostPath: subPath === "" ? volume.path : await below(volume.path, subPath, target, container, mount, volumes),
    containerPath: mount.mountPath,
    readonly: mount.readOnly === true || volume.readOnly,
    propagation: PROPAGATIONS[mount.mountPropagation ?? ""] ?? "PROPAGATION_PRIVATE",
  };
}

async function below(
  volume: string,
  subPath: string,
  target: string,
  container: Container,
  mount: VolumeMount,
  { mounts }: PreparedVolumes,
): Promise<string> {
  try {
    return await bindSubPath(volume, subPath, target, mounts);
  } catch (error) {
    const message = `failed to prepare subPath for volumeMount "${mount.name}" of container "${container.name}": ${messageOf(error)}`;
    throw new TsukubeError("config", message);
  }
}

function subPathOf({ name, subPath = "", subPathExpr }: VolumeMount, env: ReadonlyMap<string, string>): string {
  if (subPathExpr === undefined) return subPath;
  const path = expand(subPathExpr, env);
  if (path.includes("$("))
    fail(`volumeMount "${name}": subPathExpr "${subPathExpr}" has a variable that the container lacks`);
  return path;
}

function fail(message: string): never {
  throw new TsukubeError("config", message);
}
