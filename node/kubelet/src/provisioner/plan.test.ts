import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import { expect, test } from "vitest";
import { FINALIZER, PROVISIONER, planClaim, planVolume } from "./plan.ts";

const SELECTED = "volume.kubernetes.io/selected-node";
const asked = { "volume.kubernetes.io/storage-provisioner": PROVISIONER };

function claim(
  annotations: Readonly<Record<string, string>> = { ...asked, [SELECTED]: "here" },
  spec: PersistentVolumeClaim["spec"] = {},
): PersistentVolumeClaim {
  return {
    metadata: { name: "data", namespace: "shop", uid: "u1", resourceVersion: "7", annotations },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } }, ...spec },
  };
}

function storageClass(more: Partial<StorageClass> = {}): StorageClass {
  const standard = { metadata: { name: "standard" }, provisioner: PROVISIONER, reclaimPolicy: "Delete" };
  return { ...standard, volumeBindingMode: "WaitForFirstConsumer", ...more };
}

const see = (one: PersistentVolumeClaim, its: StorageClass | undefined) =>
  planClaim(one, its, "here", (name) => `/volumes/${name}`);

test("a claim gets a volume of its uid, bound to it and to the node", () => {
  const plan = see(claim(), storageClass());
  expect(plan).toMatchObject({
    type: "provision",
    volume: {
      metadata: { name: "pvc-u1", finalizers: [FINALIZER] },
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteOnce"],
        persistentVolumeReclaimPolicy: "Delete",
        storageClassName: "standard",
        claimRef: { namespace: "shop", name: "data", uid: "u1" },
        local: { path: "/volumes/pvc-u1" },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", values: ["here"] }] }],
          },
        },
      },
    },
  });
});

test.each([
  ["of another provisioner", claim(), storageClass({ provisioner: "other" })],
  ["of a class that is gone", claim(), undefined],
  ["that the binder has not passed on", claim({ [SELECTED]: "here" }), storageClass()],
  ["for another node", claim({ ...asked, [SELECTED]: "there" }), storageClass()],
  ["that waits for a node", claim(asked), storageClass()],
  ["that has a volume", claim(undefined, { volumeName: "v" }), storageClass()],
] as const)("a claim is left alone: %s", (_which, one, its) => {
  expect(see(one, its).type).toBe("ignore");
});

test("a claim of an Immediate class needs no node, one that is being deleted needs nothing", () => {
  expect(see(claim(asked), storageClass({ volumeBindingMode: "Immediate" })).type).toBe("provision");
  const going = claim();
  const deleted = { ...going, metadata: { ...going.metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } };
  expect(see(deleted, storageClass()).type).toBe("ignore");
});

test.each([
  ["volumeMode", claim(undefined, { volumeMode: "Block" }), storageClass()],
  ["selector", claim(undefined, { selector: { matchLabels: { a: "b" } } }), storageClass()],
  ["dataSource", claim(undefined, { dataSource: { kind: "VolumeSnapshot", name: "s" } }), storageClass()],
  ["volumeAttributesClassName", claim(undefined, { volumeAttributesClassName: "gold" }), storageClass()],
  ['parameter "path"', claim(), storageClass({ parameters: { path: "/x" } })],
  ["mountOptions", claim(), storageClass({ mountOptions: ["noatime"] })],
] as const)("what a folder cannot do is refused: %s", (word, one, its) => {
  expect(see(one, its)).toMatchObject({ type: "refuse", why: expect.stringContaining(word) });
});

test("a volume to be kept is not held back by a finalizer", () => {
  const plan = see(claim(), storageClass({ reclaimPolicy: "Retain" }));
  expect(plan).toMatchObject({ volume: { metadata: { finalizers: [] } } });
});

function volume(
  policy: string,
  phase: string,
  more: PersistentVolume["metadata"] = {},
  node = "here",
): PersistentVolume {
  const values = [node];
  const matchExpressions = [{ key: "kubernetes.io/hostname", operator: "In", values }];
  return {
    metadata: {
      name: "pvc-u1",
      annotations: { "pv.kubernetes.io/provisioned-by": PROVISIONER },
      finalizers: ["kubernetes.io/pv-protection", FINALIZER],
      ...more,
    },
    spec: {
      persistentVolumeReclaimPolicy: policy,
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
    },
    status: { phase },
  };
}

const deleted = { deletionTimestamp: "2025-01-01T00:00:00Z" };

test.each([
  ["bound", volume("Delete", "Bound"), "ignore"],
  ["bound and deleted", volume("Delete", "Bound", deleted), "ignore"],
  ["released", volume("Delete", "Released"), "remove"],
  ["failed to be removed before", volume("Delete", "Failed"), "remove"],
  ["released and deleted", volume("Delete", "Released", deleted), "remove"],
  ["deleted, and our part is done", volume("Delete", "Released", { ...deleted, finalizers: ["x"] }), "ignore"],
  ["released, to be kept", volume("Retain", "Released", { finalizers: ["x"] }), "ignore"],
  ["released on another node", volume("Delete", "Released", {}, "there"), "ignore"],
  ["released, by another provisioner", volume("Delete", "Released", { annotations: {} }), "ignore"],
] as const)("a volume that is %s", (_state, one, type) => {
  expect(planVolume(one, "here").type).toBe(type);
});

test("the finalizer follows the reclaim policy, which users may change", () => {
  expect(planVolume(volume("Retain", "Bound"), "here")).toEqual({
    type: "finalizers",
    finalizers: ["kubernetes.io/pv-protection"],
  });
  expect(planVolume(volume("Delete", "Bound", { finalizers: ["x"] }), "here")).toEqual({
    type: "finalizers",
    finalizers: ["x", FINALIZER],
  });
});
