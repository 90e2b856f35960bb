import type {
  ClusterTrustBundleProjection,
  PersistentVolume,
  PersistentVolumeClaim,
  PodCertificateProjection,
  Volume,
} from "@tsukube/api/types/core-v1";
import type { Random } from "@tsukube/foundation";
import type { Mounts } from "@tsukube/kernel";
import type { EnvironmentSources } from "../containers/environment.ts";
import type { PodCredentials } from "./pod-certificates.ts";

/** What a pod's volumes are made from. */
export interface VolumeSources extends EnvironmentSources {
  claim(name: string): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<PersistentVolume | undefined>;
  /** A bound token of the pod's ServiceAccount. */
  token(audience: string, expirationSeconds: number): Promise<string>;
  /** PEM. */
  trustAnchors(projection: ClusterTrustBundleProjection): Promise<string>;
  /** @param index Of the projected volume's sources. */
  certificate(volume: string, index: number, projection: PodCertificateProjection): Promise<PodCredentials>;
}

export interface VolumeDeps {
  /** Folder of the pod: volumes/NAME below it. */
  readonly podFolder: string;
  readonly mounts: Mounts;
  readonly random: Random;
  /** Aborts when the pod is to go: what waits for its turn is not mounted any more. */
  readonly signal?: AbortSignal;
  /** Hears of each volume that is made. */
  measured?<T>(volume: Volume, work: Promise<T>): Promise<T>;
}
