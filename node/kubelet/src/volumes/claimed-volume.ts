import { existsSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "@tsukube/api/types/core-v1";
import { isControlledBy } from "@tsukube/client";
import { TsukubeError } from "@tsukube/foundation";
import { MOUNT_FLAGS, type Mounts, mountOptions } from "@tsukube/kernel";
import { containersOf } from "../pods/pod-containers.ts";
import { mountDevice } from "./block-device.ts";
import { hostPath } from "./host-path.ts";
import { giveToGroup } from "./ownership.ts";
import { isSetUp, setUpOnce } from "./setup-mark.ts";
import type { VolumeDeps, VolumeSources } from "./volume-sources.ts";
import type { PreparedVolume } from "./volumes.ts";

/**
 * The volume behind a claim: a folder of this node, used where it is, or a block device, as such or by its file system. A local
 * volume is given to the pod's fsGroup when the pod gets it first; a hostPath never is, as upstream.
 * @param path Of the volume below the pod's folder: where a device is mounted, and for what is to be remembered.
 */
export async function claimedVolume(
  pod: Pod,
  volume: Volume,
  path: string,
  sources: VolumeSources,
  { mounts, signal }: { readonly mounts: Pick<Mounts, "isMounted" | "mount" | "unmount"> } & Pick<VolumeDeps, "signal">,
): Promise<PreparedVolume> {
  const name = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata?.name}-${volume.name}`;
  const claim = await usableClaim(pod, volume, name, isSetUp(path), sources);
  const bound = await boundVolume(claim, sources);
  const readOnly = volume.persistentVolumeClaim?.readOnly === true;
  const { hostPath: host, local } = bound.spec ?? {};
  const isBlock = claim.spec?.volumeMode === "Block";
  const { isMounted, isMapped } = usesOf(pod, volume.name);
  if (isBlock && isMounted) fail(`volume ${volume.name} has volumeMode Block, but is specified in volumeMounts`);
  if (!isBlock && isMapped) fail(`volume ${volume.name} has volumeMode Filesystem, but is specified in volumeDevices`);
  if (host !== undefined && !isBlock) {
    const found = await hostPath(host.path, host.type ?? "");
    await setUpOnce(path, async () => {});
    return { path: found, readOnly };
  }
  if (local === undefined)
    return fail(
      `persistentvolume "${bound.metadata?.name}" is of type ${typeOf(bound)}, expected ${isBlock ? "local" : "hostPath or local"}`,
    );
  if (!existsSync(local.path)) fail(`path "${local.path}" does not exist`);
  if (isBlock) return { path: "", device: await hostPath(local.path, "BlockDevice"), readOnly };
  const isDevice = statSync(local.path).isBlockDevice();
  const options = optionsOf(bound, readOnly);
  if (isDevice && isMounted)
    await mountDevice({ device: local.path, target: path, type: local.fsType || "ext4", options, signal }, mounts);
  const folder = isDevice ? path : await hostPath(local.path, "Directory");
  const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
  await setUpOnce(path, async () => {
    if (fsGroup === undefined || (isDevice && (!isMounted || isReadOnly(options)))) return;
    await giveToGroup(await realpath(folder), fsGroup, {
      readOnly,
      onlyOnMismatch: fsGroupChangePolicy === "OnRootMismatch",
    });
  });
  return { path: folder, readOnly, claim: name };
}

function usesOf(pod: Pod, volume: string): { readonly isMounted: boolean; readonly isMapped: boolean } {
  const named = ({ name }: { readonly name: string }): boolean => name === volume;
  return {
    isMounted: containersOf(pod).some(({ volumeMounts = [] }) => volumeMounts.some(named)),
    isMapped: containersOf(pod).some(({ volumeDevices = [] }) => volumeDevices.some(named)),
  };
}

async function usableClaim(
  pod: Pod,
  volume: Volume,
  name: string,
  hasIt: boolean,
  sources: VolumeSources,
): Promise<PersistentVolumeClaim> {
  const claim = await sources.claim(name);
  const key = `${pod.metadata?.namespace}/${name}`;
  if (claim === undefined) return fail(`persistentvolumeclaim "${name}" not found`);
  if (volume.ephemeral !== undefined && !isControlledBy(claim, pod)) {
    const { namespace, name: podName } = pod.metadata ?? {};
    fail(`PVC ${key} was not created for pod ${namespace}/${podName} (pod is not owner)`);
  }
  if (claim.metadata?.deletionTimestamp !== undefined && !hasIt) fail(`PVC ${key} is being deleted`);
  if (claim.status?.phase !== "Bound" || (claim.spec?.volumeName ?? "") === "") fail(`PVC ${key} is not bound`);
  return claim;
}

async function boundVolume(claim: PersistentVolumeClaim, sources: VolumeSources): Promise<PersistentVolume> {
  const name = claim.spec?.volumeName ?? "";
  const volume = await sources.volume(name);
  if (volume === undefined) return fail(`persistentvolume "${name}" not found`);
  if (volume.spec?.claimRef?.uid !== claim.metadata?.uid)
    fail(`persistentvolume "${name}" is bound to another claim, expected uid ${claim.metadata?.uid}`);
  return volume;
}

/** How its device is mounted; the annotation is what there was before the field. */
function optionsOf({ metadata, spec }: PersistentVolume, readOnly: boolean): readonly string[] {
  const before = metadata?.annotations?.["volume.beta.kubernetes.io/mount-options"];
  return [...(before === undefined ? (spec?.mountOptions ?? []) : [before]), ...(readOnly ? ["ro"] : [])];
}

function isReadOnly(options: readonly string[]): boolean {
  return (mountOptions(options).flags & MOUNT_FLAGS.readonly) !== 0;
}

const OTHER_FIELDS = new Set(
  "capacity accessModes claimRef persistentVolumeReclaimPolicy storageClassName mountOptions volumeMode nodeAffinity volumeAttributesClassName".split(
    " ",
  ),
);

function typeOf(volume: PersistentVolume): string {
  return Object.keys(volume.spec ?? {}).find((key) => !OTHER_FIELDS.has(key)) ?? "unknown";
}

function fail(message: string): never {
  throw new TsukubeError("volume", message);
}
