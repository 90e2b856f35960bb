import { boundVolume } from "@tsukube/api";
import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { boundClaim, claimInPhase, provisionedBy, unboundVolume, volumeInPhase } from "./binding.ts";

const MARK = { "pv.kubernetes.io/bound-by-controller": "yes" };
const claim: PersistentVolumeClaim = {
  metadata: { name: "data", namespace: "shop", uid: "u1", resourceVersion: "7" },
  spec: { accessModes: ["ReadWriteOnce"] },
  status: { phase: "Pending" },
};
const volume: PersistentVolume = {
  metadata: { name: "v" },
  spec: { capacity: { storage: "2Gi" }, accessModes: ["ReadWriteOnce", "ReadWriteMany"] },
};

test("the binder's choice is marked on the volume, and undone without trace", () => {
  const bound = boundVolume(volume, claim);
  expect(bound.metadata?.annotations).toEqual(MARK);
  expect(bound.spec?.claimRef).toEqual({
    kind: "PersistentVolumeClaim",
    apiVersion: "v1",
    namespace: "shop",
    name: "data",
    uid: "u1",
    resourceVersion: "7",
  });
  expect(boundVolume(bound, claim)).toBe(bound);
  expect(unboundVolume(bound)).toEqual({ ...volume, metadata: { name: "v", annotations: {} } });
});

test("a reservation by the user gets the uid, no mark, and outlives unbinding", () => {
  const reserved = { ...volume, spec: { ...volume.spec, claimRef: { namespace: "shop", name: "data" } } };
  const bound = boundVolume(reserved, claim);
  expect(bound.spec?.claimRef?.uid).toBe("u1");
  expect(bound.metadata?.annotations).toBeUndefined();
  expect(unboundVolume(bound).spec?.claimRef).toMatchObject({ namespace: "shop", name: "data" });
  expect(unboundVolume(bound).spec?.claimRef?.uid).toBeUndefined();
});

test("a claim remembers whether the binder or its user chose the volume", () => {
  const chosen = boundClaim(claim, volume);
  expect(chosen.spec?.volumeName).toBe("v");
  expect(chosen.metadata?.annotations).toEqual({ ...MARK, "pv.kubernetes.io/bind-completed": "yes" });
  expect(boundClaim(chosen, volume)).toBe(chosen);
  const named = boundClaim({ ...claim, spec: { volumeName: "v" } }, volume);
  expect(named.metadata?.annotations).toEqual({ "pv.kubernetes.io/bind-completed": "yes" });
});

test("a bound claim shows what the volume has; a lost one shows nothing", () => {
  const bound = claimInPhase(claim, "Bound", volume);
  expect(bound.status).toEqual({
    phase: "Bound",
    accessModes: ["ReadWriteOnce", "ReadWriteMany"],
    capacity: { storage: "2Gi" },
  });
  expect(claimInPhase(bound, "Bound", volume)).toBe(bound);
  expect(claimInPhase(bound, "Lost").status).toEqual({ phase: "Lost" });
  expect(claimInPhase(claim, "Pending")).toBe(claim);
});

test("the capacity of a bound claim is not taken back to what the volume was once made with", () => {
  const grown = { ...claim, status: { ...claimInPhase(claim, "Bound", volume).status, capacity: { storage: "3Gi" } } };
  expect(claimInPhase(grown, "Bound", volume).status?.capacity).toEqual({ storage: "3Gi" });
});

test("a volume's phase changes with time and message, and is not written twice", () => {
  const available = volumeInPhase(volume, "Available", "2025-01-01T00:00:00Z");
  expect(available.status).toEqual({ phase: "Available", lastPhaseTransitionTime: "2025-01-01T00:00:00Z" });
  expect(volumeInPhase(available, "Available", "2025-01-02T00:00:00Z")).toBe(available);
  const failed = volumeInPhase(available, "Failed", "2025-01-02T00:00:00Z", "why");
  expect(failed.status).toEqual({ phase: "Failed", lastPhaseTransitionTime: "2025-01-02T00:00:00Z", message: "why" });
});

test("the provisioner is asked under both names of the annotation", () => {
  const asked = provisionedBy(claim, "p");
  expect(Object.keys(asked.metadata?.annotations ?? {}).sort()).toEqual([
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
  ]);
  expect(provisionedBy(asked, "p")).toBe(asked);
});
