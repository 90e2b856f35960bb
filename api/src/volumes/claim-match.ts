import type { PersistentVolume, PersistentVolumeClaim } from "../../generated/types/core-v1.ts";
import { compareQuantities, parseQuantity, type Quantity } from "../quantity.ts";
import { labelMatcherOf } from "../selectors/index.ts";
import { BETA_STORAGE_CLASS } from "./annotations.ts";

/** The class of a claim or a volume; "" for none. */
export function storageClassOf(object: PersistentVolumeClaim | PersistentVolume): string {
  return object.metadata?.annotations?.[BETA_STORAGE_CLASS] ?? object.spec?.storageClassName ?? "";
}

/** Whether the volume names this claim: by name when its user wrote the reference, by uid as well once the binder has. */
export function isReservedFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const reference = volume.spec?.claimRef;
  if (reference === undefined) return false;
  const { name, namespace, uid } = claim.metadata ?? {};
  const isSame = (reference.uid ?? "") === "" || reference.uid === uid;
  return reference.name === name && reference.namespace === namespace && isSame;
}

/** Why a volume that the claim asks for by name does not do, in upstream's words; undefined when it does. */
export function whyUnsuitable(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (compareQuantities(capacityOf(volume), requestOf(claim)) < 0) return "requested PV is too small";
  if (storageClassOf(volume) !== storageClassOf(claim)) return "storageClassName does not match";
  if (attributesClassOf(volume) !== attributesClassOf(claim)) return "volumeAttributesClassName does not match";
  if (modeOf(volume) !== modeOf(claim)) return "incompatible volumeMode";
  if (!offersAccess(volume, claim)) return "incompatible accessMode";
  return undefined;
}

/** Block or Filesystem: never to be mixed up. */
export function hasSameMode(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return modeOf(volume) === modeOf(claim);
}

export interface MatchOptions {
  /** Whether the node in question reaches the volume; left out while no node is known. */
  readonly isReachable?: (volume: PersistentVolume) => boolean;
  /** The claim waits for its first consumer: without a node only a volume that is reserved for it counts. */
  readonly waitsForNode?: boolean;
  /** Names of volumes that other claims of the same pod are to get. */
  readonly taken?: ReadonlySet<string>;
}

/**
 * The volume for a claim: one reserved for it, else the one that offers the fewest access modes beside those asked for, then
 * the smallest that is large enough, then the first by name.
 */
export function bestVolumeFor(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  options: MatchOptions = {},
): PersistentVolume | undefined {
  const request = requestOf(claim);
  const possible = volumes.filter(
    (volume) =>
      volume.metadata?.deletionTimestamp === undefined &&
      options.taken?.has(volume.metadata?.name ?? "") !== true &&
      modeOf(volume) === modeOf(claim) &&
      attributesClassOf(volume) === attributesClassOf(claim) &&
      offersAccess(volume, claim) &&
      compareQuantities(capacityOf(volume), request) >= 0,
  );
  const isReachable = options.isReachable ?? ((): boolean => true);
  const reserved = possible.find((volume) => isReservedFor(volume, claim));
  if (reserved !== undefined) return isReachable(reserved) ? reserved : undefined;
  if (options.isReachable === undefined && options.waitsForNode === true) return undefined;
  const { selector } = claim.spec ?? {};
  const matcher = selector === undefined ? undefined : labelMatcherOf(selector);
  return possible
    .filter(
      (volume) =>
        volume.spec?.claimRef === undefined &&
        volume.status?.phase === "Available" &&
        storageClassOf(volume) === storageClassOf(claim) &&
        (matcher === undefined || matcher.matches(volume.metadata?.labels)) &&
        isReachable(volume),
    )
    .sort(byTightness)[0];
}

/** What the claim asks for. */
export function requestOf(claim: PersistentVolumeClaim): Quantity {
  return parseQuantity(claim.spec?.resources?.requests?.["storage"] ?? "0");
}

function capacityOf(volume: PersistentVolume): Quantity {
  return parseQuantity(volume.spec?.capacity?.["storage"] ?? "0");
}

function byTightness(a: PersistentVolume, b: PersistentVolume): number {
  const modes = (a.spec?.accessModes?.length ?? 0) - (b.spec?.accessModes?.length ?? 0);
  if (modes !== 0) return modes;
  const size = compareQuantities(capacityOf(a), capacityOf(b));
  return size !== 0 ? size : (a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1;
}

function offersAccess(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const offered = volume.spec?.accessModes ?? [];
  return (claim.spec?.accessModes ?? []).every((mode) => offered.includes(mode));
}

function modeOf(object: PersistentVolumeClaim | PersistentVolume): string {
  return object.spec?.volumeMode ?? "Filesystem";
}

function attributesClassOf(object: PersistentVolumeClaim | PersistentVolume): string {
  return object.spec?.volumeAttributesClassName ?? "";
}
