import { existsSync } from "node:fs";
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "@tsukube/api/types/core-v1";
import { isControlledBy } from "@tsukube/client";
import { TsukubeError } from "@tsukube/foundation";
import { hostPath } from "./host-path.ts";
import { giveToGroup } from "./ownership.ts";
import { isSetUp, setUpOnce } from "./setup-mark.ts";
import type { VolumeSources } from "./volume-sources.ts";
import type { PreparedVolume } from "./volumes.ts";

/**
 * The volume behind a claim: a folder of this node, used where it is. A local volume is given to the pod's fsGroup when the
 * pod gets it first; a hostPath never is, as upstream.
 * @param path Of the volume below the pod's folder, for what is to be remembered.
 */
export async function claimedVolume(
  pod: Pod,
  volume: Volume,
  path: string,
  sources: VolumeSources,
): Promise<PreparedVolume> {
  const name = volume.persistentVolumeClaim?.claimName ?? `${pod.metadata?.name}-${volume.name}`;
  const claim = await usableClaim(pod, volume, name, isSetUp(path), sources);
  const bound = await boundVolume(claim, sources);
  const readOnly = volume.persistentVolumeClaim?.readOnly === true;
  const { hostPath: host, local } = bound.spec ?? {};
  if (host !== undefined) {
    const found = await hostPath(host.path, host.type ?? "");
    await setUpOnce(path, async () => {});
    return { path: found, readOnly };
  }
  if (local === undefined)
    return fail(`persistentvolume "${bound.metadata?.name}" is of type ${typeOf(bound)}, expected hostPath or local`);
  if (!existsSync(local.path)) fail(`path "${local.path}" does not exist`);
  await hostPath(local.path, "Directory");
  const { fsGroup, fsGroupChangePolicy } = pod.spec?.securityContext ?? {};
  await setUpOnce(path, async () => {
    if (fsGroup === undefined) return;
    await giveToGroup(local.path, fsGroup, { readOnly, onlyOnMismatch: fsGroupChangePolicy === "OnRootMismatch" });
  });
  return { path: local.path, readOnly, claim: name };
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
  if (claim.spec?.volumeMode === "Block")
    fail(`PVC ${key} has volumeMode Block, which this node cannot mount, expected Filesystem`);
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
