import { expect, test } from "vitest";
import type { PersistentVolume, PersistentVolumeClaim } from "../../generated/types/core-v1.ts";
import { bestVolumeFor, isReservedFor, storageClassOf, whyUnsuitable } from "./claim-match.ts";
import { defaultClassOf } from "./default-class.ts";

function volume(name: string, storage: string, spec: PersistentVolume["spec"] = {}): PersistentVolume {
  return {
    metadata: { name },
    spec: { capacity: { storage }, accessModes: ["ReadWriteOnce"], storageClassName: "fast", ...spec },
    status: { phase: "Available" },
  };
}

function claim(storage: string, spec: PersistentVolumeClaim["spec"] = {}): PersistentVolumeClaim {
  const resources = { requests: { storage } };
  return {
    metadata: { name: "data", namespace: "shop", uid: "u1" },
    spec: { resources, accessModes: ["ReadWriteOnce"], storageClassName: "fast", ...spec },
  };
}

const nameOf = (found: PersistentVolume | undefined): string | undefined => found?.metadata?.name;

test("the smallest volume that is large enough wins, of equal ones the first by name", () => {
  const volumes = [volume("big", "10Gi"), volume("b", "2Gi"), volume("a", "2048Mi"), volume("small", "1Gi")];
  expect(nameOf(bestVolumeFor(claim("1500Mi"), volumes))).toBe("a");
  expect(nameOf(bestVolumeFor(claim("1Gi"), volumes))).toBe("small");
  expect(bestVolumeFor(claim("11Gi"), volumes)).toBeUndefined();
});

test("a volume that offers no more access modes than asked for goes before a smaller one that does", () => {
  const shared = volume("shared", "1Gi", { accessModes: ["ReadWriteOnce", "ReadWriteMany"] });
  expect(nameOf(bestVolumeFor(claim("1Gi"), [shared, volume("plain", "2Gi")]))).toBe("plain");
  expect(nameOf(bestVolumeFor(claim("1Gi", { accessModes: ["ReadWriteMany"] }), [shared]))).toBe("shared");
  expect(bestVolumeFor(claim("1Gi", { accessModes: ["ReadOnlyMany"] }), [shared])).toBeUndefined();
});

test.each([
  ["another class", volume("v", "1Gi", { storageClassName: "slow" })],
  ["another mode", volume("v", "1Gi", { volumeMode: "Block" })],
  ["another attributes class", volume("v", "1Gi", { volumeAttributesClassName: "gold" })],
  ["a claim of its own", volume("v", "1Gi", { claimRef: { namespace: "shop", name: "other" } })],
  ["not looked at yet", { ...volume("v", "1Gi"), status: { phase: "Pending" } }],
  ["released", { ...volume("v", "1Gi"), status: { phase: "Released" } }],
  ["being deleted", { ...volume("v", "1Gi"), metadata: { name: "v", deletionTimestamp: "2025-01-01T00:00:00Z" } }],
] as const)("a volume does not match: %s", (_why, candidate) => {
  expect(bestVolumeFor(claim("1Gi"), [candidate])).toBeUndefined();
});

test("a selector counts for volumes that are free, not for one that is reserved", () => {
  const selector = { matchLabels: { tier: "gold" } };
  const gold = { ...volume("gold", "5Gi"), metadata: { name: "gold", labels: { tier: "gold" } } };
  expect(nameOf(bestVolumeFor(claim("1Gi", { selector }), [volume("plain", "1Gi"), gold]))).toBe("gold");
  const reserved = volume("reserved", "9Gi", { claimRef: { namespace: "shop", name: "data" }, storageClassName: "x" });
  expect(nameOf(bestVolumeFor(claim("1Gi", { selector }), [gold, reserved]))).toBe("reserved");
});

test("a reservation by name is for any claim of that name, one by uid only for that one", () => {
  expect(isReservedFor(volume("v", "1Gi", { claimRef: { namespace: "shop", name: "data" } }), claim("1Gi"))).toBe(true);
  const of = (uid: string) => volume("v", "1Gi", { claimRef: { namespace: "shop", name: "data", uid } });
  expect(isReservedFor(of("u1"), claim("1Gi"))).toBe(true);
  expect(isReservedFor(of("u2"), claim("1Gi"))).toBe(false);
  expect(isReservedFor(volume("v", "1Gi", { claimRef: { namespace: "x", name: "data" } }), claim("1Gi"))).toBe(false);
});

test("a claim that waits for a node gets nothing but what is reserved for it", () => {
  const reserved = volume("reserved", "1Gi", { claimRef: { namespace: "shop", name: "data" } });
  const options = { waitsForNode: true };
  expect(bestVolumeFor(claim("1Gi"), [volume("free", "1Gi")], options)).toBeUndefined();
  expect(nameOf(bestVolumeFor(claim("1Gi"), [volume("free", "1Gi"), reserved], options))).toBe("reserved");
});

test("with a node only volumes that it reaches count; a reserved one that it does not reach leaves nothing", () => {
  const isReachable = (each: PersistentVolume): boolean => each.metadata?.name !== "far";
  expect(nameOf(bestVolumeFor(claim("1Gi"), [volume("far", "1Gi"), volume("near", "2Gi")], { isReachable }))).toBe(
    "near",
  );
  const far = volume("far", "1Gi", { claimRef: { namespace: "shop", name: "data" } });
  expect(bestVolumeFor(claim("1Gi"), [far, volume("near", "2Gi")], { isReachable })).toBeUndefined();
  const taken = new Set(["near"]);
  expect(bestVolumeFor(claim("1Gi"), [volume("near", "2Gi")], { isReachable, taken })).toBeUndefined();
});

test.each([
  ["requested PV is too small", volume("v", "1Mi")],
  ["storageClassName does not match", volume("v", "1Gi", { storageClassName: "" })],
  ["volumeAttributesClassName does not match", volume("v", "1Gi", { volumeAttributesClassName: "gold" })],
  ["incompatible volumeMode", volume("v", "1Gi", { volumeMode: "Block" })],
  ["incompatible accessMode", volume("v", "1Gi", { accessModes: ["ReadOnlyMany"] })],
  [undefined, volume("v", "1Gi")],
] as const)("a volume asked for by name: %s", (why, candidate) => {
  expect(whyUnsuitable(candidate, claim("1Gi"))).toBe(why);
});

test("the old annotation for the class goes before the field", () => {
  const annotations = { "volume.beta.kubernetes.io/storage-class": "old" };
  expect(storageClassOf({ metadata: { annotations }, spec: { storageClassName: "new" } })).toBe("old");
  expect(storageClassOf({ spec: { storageClassName: "new" } })).toBe("new");
  expect(storageClassOf({})).toBe("");
});

test("of several default classes the newest counts", () => {
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  const made = (name: string, creationTimestamp: string) => ({
    metadata: { name, creationTimestamp, annotations },
    provisioner: "p",
  });
  const plain = { metadata: { name: "plain", creationTimestamp: "2025-03-01T00:00:00Z" }, provisioner: "p" };
  const classes = [made("old", "2025-01-01T00:00:00Z"), made("new", "2025-02-01T00:00:00Z"), plain];
  expect(defaultClassOf(classes)?.metadata?.name).toBe("new");
  expect(defaultClassOf([plain])).toBeUndefined();
});
