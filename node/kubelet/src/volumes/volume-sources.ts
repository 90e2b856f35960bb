import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { Random } from "@tsukube/foundation";
import type { Mounts } from "@tsukube/kernel";
import type { EnvironmentSources } from "../containers/environment.ts";

/** What a pod's volumes are made from. */
export interface VolumeSources extends EnvironmentSources {
  claim(name: string): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<PersistentVolume | undefined>;
  /** A bound token of the pod's ServiceAccount. */
  token(audience: string, expirationSeconds: number): Promise<string>;
}

export interface VolumeDeps {
  /** Folder of the pod: volumes/NAME below it. */
  readonly podFolder: string;
  readonly mounts: Mounts;
  readonly random: Random;
}
