import { ApiError, boundVolume, isReservedFor, SELECTED_NODE } from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import type { Clock } from "@tsukube/foundation";
import type { Snapshot } from "./framework.ts";
import { keyOf } from "./node-info.ts";
import { claimFailure, isBound, podClaimsOf } from "./plugins/pod-claims.ts";
import { isReachable, type VolumeNeeds } from "./plugins/volumes.ts";

/** Upstream's bindTimeoutSeconds. */
const TIMEOUT_MS = 600_000;

const CLAIMS = { group: "", version: "v1", resource: "persistentvolumeclaims" };
const VOLUMES = { group: "", version: "v1", resource: "persistentvolumes" };

/** How far the volumes of a pod are. `failed`: they cannot be had on that node, the pod needs another decision. */
export type VolumeProgress = "bound" | "waiting" | "failed" | "overdue";

interface Pending {
  readonly node: string;
  readonly until: number;
  /** What was written, by "claims/NAME" or "volumes/NAME": what the cache shows counts from that resourceVersion on. */
  readonly written: Map<string, bigint>;
}

/**
 * Gets a pod its volumes on the node that was chosen for it, before the pod is bound there: reserves volumes that are there, and
 * names the node to the provisioners of the others. The binder (a controller) does the rest.
 */
export class VolumeBinder {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();

  constructor(client: Client, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Keys of the pods that wait for volumes. */
  get waiting(): Iterable<string> {
    return this.#pending.keys();
  }

  isWaiting(key: string): boolean {
    return this.#pending.has(key);
  }

  forget(key: string): void {
    this.#pending.delete(key);
  }

  /** @returns after how long to give up, in ms. @throws {ApiError} `Conflict` when the decision was made on a stale cache. */
  async begin(pod: Pod, node: string, { bind, provision }: VolumeNeeds): Promise<number> {
    const written = new Map<string, bigint>();
    for (const { claim, volume } of bind) {
      const reserved = await this.#reserve(volume, claim);
      written.set(`volumes/${volume.metadata?.name}`, versionOf(reserved));
    }
    for (const claim of provision) {
      const told = await this.#tell(claim, node);
      written.set(`claims/${claim.metadata?.name}`, versionOf(told));
    }
    this.#pending.set(keyOf(pod), { node, until: this.#clock.monotonic() + TIMEOUT_MS, written });
    return TIMEOUT_MS;
  }

  progress(pod: Pod, snapshot: Snapshot): VolumeProgress {
    const pending = this.#pending.get(keyOf(pod));
    const node = snapshot.nodes.find(({ name }) => name === pending?.node);
    if (pending === undefined || node === undefined) return "failed";
    const states = podClaimsOf(pod).map((each): VolumeProgress => {
      const claim = snapshot.claim(pod.metadata?.namespace ?? "", each.name);
      if (claim === undefined || claimFailure(pod, each, claim, snapshot) !== undefined) return "failed";
      if (!isBound(claim)) return stillMeant(claim, pending, snapshot) ? "waiting" : "failed";
      const volume = snapshot.volume(claim.spec?.volumeName ?? "");
      if (volume === undefined) return "waiting"; // that cache is behind
      return isReachable(volume, node) ? "bound" : "failed";
    });
    if (states.includes("failed")) return "failed";
    if (!states.includes("waiting")) return "bound";
    return this.#clock.monotonic() < pending.until ? "waiting" : "overdue";
  }

  async #reserve(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<PersistentVolume> {
    const next = boundVolume(volume, claim);
    if (next === volume) return volume;
    const written = { ...next, apiVersion: "v1", kind: "PersistentVolume" };
    return this.#client.resource<PersistentVolume>(VOLUMES).update(written);
  }

  async #tell(claim: PersistentVolumeClaim, node: string): Promise<PersistentVolumeClaim> {
    const { namespace = "", name = "", resourceVersion = "", annotations } = claim.metadata ?? {};
    if (annotations?.[SELECTED_NODE] === node) return claim;
    const body = { metadata: { resourceVersion, annotations: { [SELECTED_NODE]: node } } };
    const claims = this.#client.resource<PersistentVolumeClaim>(CLAIMS, namespace);
    return claims.patch(name, { type: "merge", body });
  }
}

/** Whether the claim still is to get what was decided. A provisioner that cannot do it takes the node's name away. */
function stillMeant(claim: PersistentVolumeClaim, { node, written }: Pending, snapshot: Snapshot): boolean {
  const told = written.get(`claims/${claim.metadata?.name}`);
  if (told !== undefined) return versionOf(claim) < told || claim.metadata?.annotations?.[SELECTED_NODE] === node;
  return snapshot.volumes().some((volume) => {
    const reserved = written.get(`volumes/${volume.metadata?.name}`);
    return reserved !== undefined && (versionOf(volume) < reserved || isReservedFor(volume, claim));
  });
}

function versionOf({ metadata }: PersistentVolume | PersistentVolumeClaim): bigint {
  return BigInt(metadata?.resourceVersion ?? "0");
}

/** The decision was made on what is no longer so. */
export function isStale(error: unknown): boolean {
  return ApiError.is(error, "Conflict") || ApiError.is(error, "NotFound");
}
