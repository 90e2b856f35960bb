import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { changeProtection, changeUnused, isInUse, isReferredTo } from "./plan.ts";

const FINALIZER = "kubernetes.io/pvc-protection";
const claim: PersistentVolumeClaim = { metadata: { name: "data", namespace: "shop", finalizers: ["x", FINALIZER] } };
const deleted: PersistentVolumeClaim = {
  metadata: { ...claim.metadata, deletionTimestamp: "2025-01-01T00:00:00Z" },
};

function pod(
  node: string,
  more: Partial<Pod> = {},
  volume: object = { persistentVolumeClaim: { claimName: "data" } },
): Pod {
  return {
    metadata: { name: "p", namespace: "shop", uid: "pod" },
    spec: { nodeName: node, containers: [], volumes: [{ name: "v", ...volume }] },
    ...more,
  };
}

test("a claim is in use by a pod on a node, also by one that has ended", () => {
  expect(isInUse(claim, [pod("n")])).toBe(true);
  expect(isInUse(claim, [pod("n", { status: { phase: "Succeeded" } })])).toBe(true);
  expect(isInUse(claim, [pod("")])).toBe(false);
  expect(isInUse(claim, [pod("n", { metadata: { name: "p", namespace: "other" } })])).toBe(false);
  expect(isInUse(claim, [pod("n", {}, { persistentVolumeClaim: { claimName: "other" } })])).toBe(false);
});

test("a pod refers to a claim until it has ended, or is deleted and nothing of it runs", () => {
  const going = { metadata: { ...pod("").metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } };
  const running = { containerStatuses: [{ name: "c", state: { running: {} } }] } as Pod["status"] & object;
  expect(isReferredTo(claim, [pod("")])).toBe(true);
  expect(isReferredTo(claim, [pod("n", { ...going, status: running })])).toBe(true);
  expect(isReferredTo(claim, [pod("n", going)])).toBe(false);
  expect(isReferredTo(claim, [pod("n", { status: { phase: "Failed" } })])).toBe(false);
});

test("since when a claim is unused stays as it was told, beside other conditions", () => {
  const resizing = { type: "Resizing", status: "True" };
  const unused = changeUnused({ ...claim, status: { phase: "Bound", conditions: [resizing] } }, false, 0);
  expect(unused.status?.conditions).toMatchObject([resizing, { type: "Unused", status: "True" }]);
  expect(changeUnused(unused, false, 60_000)).toBe(unused);
  expect(changeUnused(unused, true, 60_000).status?.conditions).toMatchObject([
    resizing,
    { type: "Unused", status: "False", lastTransitionTime: "1970-01-01T00:01:00Z" },
  ]);
});

test("the claim of an ephemeral volume is in use by the pod that owns it", () => {
  const named = { metadata: { name: "p-v", namespace: "shop" } };
  const owned = {
    metadata: {
      ...named.metadata,
      ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid: "pod", controller: true }],
    },
  };
  expect(isInUse(owned, [pod("n", {}, { ephemeral: {} })])).toBe(true);
  expect(isInUse(named, [pod("n", {}, { ephemeral: {} })])).toBe(false);
});

test("the finalizer is there while the object lives, stays while it is in use, and then goes alone", () => {
  const bare = { metadata: { name: "data" } };
  expect(changeProtection(bare, FINALIZER, () => false).metadata).toEqual({ name: "data", finalizers: [FINALIZER] });
  expect(changeProtection(claim, FINALIZER, () => false)).toBe(claim);
  expect(changeProtection(deleted, FINALIZER, () => true)).toBe(deleted);
  expect(changeProtection(deleted, FINALIZER, () => false).metadata?.finalizers).toEqual(["x"]);
});

test("an object that is being deleted gets no finalizer any more", () => {
  const going = { metadata: { ...deleted.metadata, finalizers: ["x"] } };
  expect(changeProtection(going, FINALIZER, () => true)).toBe(going);
});
