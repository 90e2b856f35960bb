import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Pod, Volume } from "@tsukube/api/types/core-v1";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import type { Mounts } from "@tsukube/kernel";
import { writeAtomicVolume } from "./atomic-writer.ts";
import { claimedVolume } from "./claimed-volume.ts";
import { emptyDir } from "./empty-dir.ts";
import { filesOf } from "./file-volumes.ts";
import { hostPath } from "./host-path.ts";
import type { VolumeDeps, VolumeSources } from "./volume-sources.ts";

export { volumeDevices, volumeMounts } from "./volume-mounts.ts";
export type { VolumeDeps, VolumeSources } from "./volume-sources.ts";

/** A volume of a pod that is ready to be mounted into containers. */
export interface PreparedVolume {
  /** On the host; "" for an image or a device. */
  readonly path: string;
  /** A block device as such, on the host. */
  readonly device?: string;
  /** The runtime mounts this image. */
  readonly image?: string;
  /** Whatever a container asks for: it may not write. */
  readonly readOnly: boolean;
  /** Whose volume it is, where its file system tells how full that is. */
  readonly claim?: string;
}

/** The volumes of a pod by name, and where what belongs to their mounts is kept. */
export interface PreparedVolumes extends Pick<VolumeDeps, "podFolder" | "mounts"> {
  readonly volumes: ReadonlyMap<string, PreparedVolume>;
}

/**
 * Makes every volume of the pod, or brings it up to date. When it returns or throws nothing is in work any more: the pod's folder
 * may be removed.
 * @throws {TsukubeError} `volume` saying which cannot be had and why, in upstream's words: it becomes the event FailedMount.
 */
export async function prepareVolumes(pod: Pod, sources: VolumeSources, deps: VolumeDeps): Promise<PreparedVolumes> {
  const prepared = await Promise.allSettled(
    (pod.spec?.volumes ?? []).map(async (volume) => {
      try {
        const work = prepare(pod, volume, sources, deps);
        return [volume.name, await (deps.measured?.(volume, work) ?? work)] as const;
      } catch (error) {
        const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${messageOf(error)}`;
        throw new TsukubeError("volume", message);
      }
    }),
  );
  const failed = prepared.find(({ status }) => status === "rejected");
  if (failed?.status === "rejected") throw failed.reason;
  const volumes = prepared.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  return { volumes: new Map(volumes), podFolder: deps.podFolder, mounts: deps.mounts };
}

async function prepare(pod: Pod, volume: Volume, sources: VolumeSources, deps: VolumeDeps): Promise<PreparedVolume> {
  const path = join(deps.podFolder, "volumes", volume.name);
  if (volume.emptyDir !== undefined && volume.emptyDir !== null)
    return { path: await emptyDir(pod, volume, path, sources, deps), readOnly: false };
  if (volume.hostPath !== undefined)
    return { path: await hostPath(volume.hostPath.path, volume.hostPath.type ?? ""), readOnly: false };
  if (volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined)
    return claimedVolume(pod, volume, path, sources, deps);
  if (volume.image !== undefined) return { path: "", image: volume.image.reference ?? "", readOnly: true };
  const files = await filesOf(pod, volume, sources);
  if (files === undefined) {
    const kind = Object.keys(volume).find((key) => key !== "name") ?? "unknown";
    throw new TsukubeError("volume", `volumes of type ${kind} are not supported, expected one of ${SUPPORTED}`);
  }
  // what may be secret never reaches a disk; after a reboot the folder is there and the file system in it is not
  if (volume.configMap === undefined) await inMemory(path, deps.mounts);
  await writeAtomicVolume(path, files, deps.random, pod.spec?.securityContext?.fsGroup);
  return { path, readOnly: true };
}

async function inMemory(path: string, mounts: Mounts): Promise<void> {
  await mkdir(path, { recursive: true });
  if (!mounts.isMounted(path)) mounts.tmpfs(path, { mode: "0777" });
}

const SUPPORTED =
  "configMap, downwardAPI, emptyDir, ephemeral, hostPath, image, persistentVolumeClaim, projected, secret";
