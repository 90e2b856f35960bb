import type { PersistentVolume, PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import { expect, test } from "vitest";
import { type ClaimView, planClaim } from "./plan-claim.ts";

const BOUND = { "pv.kubernetes.io/bind-completed": "yes" };

function claim(
  spec: PersistentVolumeClaim["spec"] = {},
  annotations: Readonly<Record<string, string>> = {},
): PersistentVolumeClaim {
  const resources = { requests: { storage: "1Gi" } };
  return {
    metadata: { name: "data", namespace: "shop", uid: "u1", annotations },
    spec: { resources, accessModes: ["ReadWriteOnce"], ...spec },
  };
}

function volume(spec: PersistentVolume["spec"] = {}): PersistentVolume {
  return {
    metadata: { name: "v" },
    spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], ...spec },
    status: { phase: "Available" },
  };
}

function storageClass(more: Partial<StorageClass> = {}): StorageClass {
  return { metadata: { name: "fast" }, provisioner: "p.example.com", volumeBindingMode: "Immediate", ...more };
}

const reference = (uid?: string) => ({ namespace: "shop", name: "data", ...(uid !== undefined && { uid }) });
const see = (view: Partial<ClaimView> & Pick<ClaimView, "claim">) =>
  planClaim({
    volume: undefined,
    volumes: [],
    storageClass: undefined,
    defaultClass: undefined,
    waitingPods: [],
    ...view,
  });

test("a claim is bound to the volume that fits", () => {
  expect(see({ claim: claim(), volumes: [volume()] })).toEqual({ type: "bind", volume: volume() });
});

test("without volume and class it waits, and says so", () => {
  expect(see({ claim: claim({ storageClassName: "" }) })).toMatchObject({
    type: "pend",
    note: {
      type: "Normal",
      reason: "FailedBinding",
      message: expect.stringContaining("no persistent volumes available for this claim"),
    },
  });
});

test("a claim made before there was a default class gets that class, one that wants none does not", () => {
  const defaultClass = storageClass({ metadata: { name: "standard" } });
  expect(see({ claim: claim(), defaultClass })).toEqual({ type: "assign-class", name: "standard" });
  expect(see({ claim: claim({ storageClassName: "" }), defaultClass }).type).toBe("pend");
  expect(see({ claim: claim(), defaultClass, volumes: [volume()] }).type).toBe("bind");
});

test("an Immediate class is asked for a volume at once", () => {
  expect(see({ claim: claim({ storageClassName: "fast" }), storageClass: storageClass() })).toMatchObject({
    type: "provision",
    provisioner: "p.example.com",
    note: { type: "Normal", reason: "ExternalProvisioning" },
  });
});

test("a class that waits for the first consumer is asked once the scheduler has chosen a node", () => {
  const waiting = storageClass({ volumeBindingMode: "WaitForFirstConsumer" });
  const wanted = { storageClassName: "fast" };
  expect(see({ claim: claim(wanted), storageClass: waiting })).toMatchObject({
    type: "pend",
    note: { reason: "WaitForFirstConsumer", message: "waiting for first consumer to be created before binding" },
  });
  const pods = ["b", "a"].map((name) => ({ metadata: { name } }));
  expect(see({ claim: claim(wanted), storageClass: waiting, waitingPods: pods.slice(0, 1) })).toMatchObject({
    note: { reason: "WaitForPodScheduled", message: "waiting for pod b to be scheduled" },
  });
  expect(see({ claim: claim(wanted), storageClass: waiting, waitingPods: pods })).toMatchObject({
    note: { message: "waiting for pods a,b to be scheduled" },
  });
  const chosen = claim(wanted, { "volume.kubernetes.io/selected-node": "n" });
  expect(see({ claim: chosen, storageClass: waiting }).type).toBe("provision");
});

test("a volume that fits is left to the scheduler while the claim waits for a node, unless it is reserved", () => {
  const waiting = storageClass({ volumeBindingMode: "WaitForFirstConsumer" });
  const wanted = claim({ storageClassName: "fast" });
  const free = volume({ storageClassName: "fast" });
  expect(see({ claim: wanted, storageClass: waiting, volumes: [free] }).type).toBe("pend");
  const reserved = volume({ storageClassName: "fast", claimRef: reference() });
  expect(see({ claim: wanted, storageClass: waiting, volumes: [reserved] }).type).toBe("bind");
});

test("a class that does not exist, or makes no volumes, is reported", () => {
  const wanted = claim({ storageClassName: "fast" });
  const failed = (message: string) => ({
    type: "pend",
    note: { type: "Warning", reason: "ProvisioningFailed", message },
  });
  expect(see({ claim: wanted })).toEqual(failed('storageclass.storage.k8s.io "fast" not found'));
  const byHand = storageClass({ provisioner: "kubernetes.io/no-provisioner" });
  expect(see({ claim: wanted, storageClass: byHand })).toEqual(
    failed("no volume plugin matched name: kubernetes.io/no-provisioner"),
  );
});

test("a claim that names a volume gets that one or none", () => {
  const named = claim({ volumeName: "v" });
  expect(see({ claim: named, volumes: [volume()] })).toEqual({ type: "pend", note: undefined });
  expect(see({ claim: named, volume: volume() }).type).toBe("bind");
  expect(see({ claim: named, volume: volume({ claimRef: reference() }) }).type).toBe("bind");
  expect(see({ claim: named, volume: volume({ claimRef: reference("other") }) })).toMatchObject({
    type: "pend",
    note: { reason: "FailedBinding", message: 'volume "v" already bound to a different claim.' },
  });
  expect(see({ claim: named, volume: volume({ capacity: { storage: "1Mi" } }) })).toMatchObject({
    type: "pend",
    note: { reason: "VolumeMismatch", message: 'Cannot bind to requested volume "v": requested PV is too small' },
  });
});

test("a claim that was bound stays with its volume", () => {
  const bound = claim({ volumeName: "v" }, BOUND);
  expect(see({ claim: bound, volume: volume({ claimRef: reference("u1") }) }).type).toBe("bind");
  // somebody removed the reference, or its uid
  expect(see({ claim: bound, volume: volume() }).type).toBe("bind");
  expect(see({ claim: bound, volume: volume({ claimRef: reference() }) }).type).toBe("bind");
});

test.each([
  ["its volume is gone", claim({ volumeName: "v" }, BOUND), undefined, "ClaimLost"],
  ["its name of the volume is gone", claim({}, BOUND), undefined, "ClaimLost"],
  [
    "another claim has the volume",
    claim({ volumeName: "v" }, BOUND),
    volume({ claimRef: reference("u2") }),
    "ClaimMisbound",
  ],
] as const)("a bound claim is lost and never bound again: %s", (_why, lost, its, reason) => {
  const free = { ...volume(), metadata: { name: "free" } };
  expect(see({ claim: lost, volume: its, volumes: [free] })).toMatchObject({
    type: "lost",
    note: { type: "Warning", reason },
  });
});
