import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { planVolume } from "./plan-volume.ts";

const OWN = { namespace: "shop", name: "data", uid: "u1" };

function volume(
  policy: string,
  phase: string,
  annotations: Readonly<Record<string, string>> = {},
  spec: PersistentVolume["spec"] = { claimRef: OWN },
): PersistentVolume {
  return {
    metadata: { name: "v", annotations },
    spec: { persistentVolumeReclaimPolicy: policy, ...spec },
    status: { phase },
  };
}

const claim = (spec: PersistentVolumeClaim["spec"] = {}): PersistentVolumeClaim => ({ metadata: OWN, spec });
const made = { "pv.kubernetes.io/provisioned-by": "p.example.com" };

test("a volume without claim, or reserved by name, is available", () => {
  const available = { type: "phase", phase: "Available" };
  expect(planVolume(volume("Retain", "Pending", {}, {}), undefined)).toEqual(available);
  const reserved = { claimRef: { namespace: "shop", name: "data" } };
  expect(planVolume(volume("Retain", "Pending", {}, reserved), undefined)).toEqual(available);
});

test("a volume that its claim names is bound", () => {
  expect(planVolume(volume("Retain", "Available"), claim({ volumeName: "v" }))).toEqual({
    type: "phase",
    phase: "Bound",
  });
});

test("a volume waits for a claim that names none yet, and tells when they can never fit", () => {
  expect(planVolume(volume("Retain", "Available"), claim())).toEqual({ type: "wait", note: undefined });
  expect(planVolume(volume("Retain", "Available"), claim({ volumeMode: "Block" }))).toMatchObject({
    type: "wait",
    note: { reason: "VolumeMismatch" },
  });
});

test("a volume whose claim took another is free again; one made for the claim is released to be deleted", () => {
  const elsewhere = claim({ volumeName: "other" });
  expect(planVolume(volume("Delete", "Bound"), elsewhere)).toEqual({ type: "unbind" });
  expect(planVolume(volume("Retain", "Bound", made), elsewhere)).toEqual({ type: "unbind" });
  expect(planVolume(volume("Delete", "Bound", made), elsewhere)).toEqual({ type: "phase", phase: "Released" });
});

test.each(["Retain", "Delete", "Recycle"])("a volume whose claim is gone is released first: %s", (policy) => {
  expect(planVolume(volume(policy, "Bound"), undefined)).toEqual({ type: "phase", phase: "Released" });
});

test("a released volume is kept, or left to the provisioner that made it", () => {
  const settled = { type: "wait", note: undefined };
  expect(planVolume(volume("Retain", "Released"), undefined)).toEqual(settled);
  expect(planVolume(volume("Delete", "Released", made), undefined)).toEqual(settled);
});

test.each([
  ["Delete", "VolumeFailedDelete"],
  ["Recycle", "VolumeFailedRecycle"],
  ["Shred", "VolumeUnknownReclaimPolicy"],
])("a released volume that nobody can reclaim has failed, and says so once: %s", (policy, reason) => {
  expect(planVolume(volume(policy, "Released"), undefined)).toMatchObject({ type: "fail", note: { reason } });
  expect(planVolume(volume(policy, "Failed"), undefined)).toEqual({ type: "wait", note: undefined });
});
