import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from "@tsukube/api/types/core-v1";
import { systemMounts } from "@tsukube/kernel";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimedVolume } from "./claimed-volume.ts";
import type { VolumeSources } from "./volume-sources.ts";

const GROUP = process.getgid?.() ?? 0;
let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "claimed-"));
  mkdirSync(join(base, "disk"), { mode: 0o755 });
});
afterEach(() => rmSync(base, { recursive: true }));

const pod: Pod = { metadata: { name: "p", namespace: "shop", uid: "pod" }, spec: { containers: [] } };
const grouped: Pod = { ...pod, spec: { containers: [], securityContext: { fsGroup: GROUP } } };
const data: Volume = { name: "v", persistentVolumeClaim: { claimName: "data" } };

function claim(more: Partial<PersistentVolumeClaim> = {}): PersistentVolumeClaim {
  return {
    metadata: { name: "data", namespace: "shop", uid: "u1" },
    spec: { volumeName: "pv" },
    status: { phase: "Bound" },
    ...more,
  };
}

function volume(spec: PersistentVolume["spec"] = { local: { path: join(base, "disk") } }): PersistentVolume {
  return { metadata: { name: "pv" }, spec: { claimRef: { name: "data", uid: "u1" }, ...spec } };
}

function prepare(
  its: PersistentVolumeClaim | undefined,
  bound: PersistentVolume | undefined = volume(),
  of: Volume = data,
  who: Pod = pod,
) {
  const sources = { claim: async () => its, volume: async () => bound } as unknown as VolumeSources;
  return claimedVolume(who, of, join(base, "pod", "v"), sources, { mounts: systemMounts });
}

test("a local volume is used where it is, and read-only when the pod says so", async () => {
  expect(await prepare(claim())).toEqual({ path: join(base, "disk"), readOnly: false, claim: "data" });
  const readOnly = { name: "v", persistentVolumeClaim: { claimName: "data", readOnly: true } };
  expect(await prepare(claim(), volume(), readOnly)).toEqual({
    path: join(base, "disk"),
    readOnly: true,
    claim: "data",
  });
});

test("a local volume that is missing is not made: an empty one would hide the loss", async () => {
  const lost = join(base, "lost");
  await expect(prepare(claim(), volume({ local: { path: lost } }))).rejects.toThrow(`path "${lost}" does not exist`);
  expect(existsSync(lost)).toBe(false);
});

test("a local volume is given to the pod's group once, a hostPath never", async () => {
  const disk = join(base, "disk");
  await prepare(claim(), volume({ hostPath: { path: disk } }), data, grouped);
  expect(statSync(disk).mode & 0o7777).toBe(0o755);
  rmSync(join(base, "pod"), { recursive: true });
  await prepare(claim(), volume(), data, grouped);
  expect(statSync(disk).mode & 0o2070).toBe(0o2070);
  rmSync(disk, { recursive: true });
  mkdirSync(disk, { mode: 0o755 });
  await prepare(claim(), volume(), data, grouped);
  expect(statSync(disk).mode & 0o7777).toBe(0o755);
});

test("a link to a local volume is followed when it is given to a group", async () => {
  symlinkSync(join(base, "disk"), join(base, "link"));
  await prepare(claim(), volume({ local: { path: join(base, "link") } }), data, grouped);
  expect(statSync(join(base, "disk")).mode & 0o2070).toBe(0o2070);
});

test("a claim that is being deleted is refused to new pods only", async () => {
  const going = claim({ metadata: { ...claim().metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } });
  await expect(prepare(going)).rejects.toThrow("PVC shop/data is being deleted");
  await prepare(claim());
  expect((await prepare(going)).path).toBe(join(base, "disk"));
});

test("the claim of an ephemeral volume has to be the pod's own", async () => {
  const ephemeral: Volume = { name: "v", ephemeral: {} };
  const owned = (uid: string) =>
    claim({
      metadata: {
        ...claim().metadata,
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid, controller: true }],
      },
    });
  expect((await prepare(owned("pod"), volume(), ephemeral)).path).toBe(join(base, "disk"));
  await expect(prepare(owned("earlier"), volume(), ephemeral)).rejects.toThrow(
    "PVC shop/p-v was not created for pod shop/p (pod is not owner)",
  );
});

test.each([
  ['persistentvolumeclaim "data" not found', undefined, undefined],
  ["PVC shop/data is not bound", claim({ status: { phase: "Pending" } }), undefined],
  ["is not a block device", claim({ spec: { volumeName: "pv", volumeMode: "Block" } }), undefined],
  ["bound to another claim", claim(), { spec: { claimRef: { uid: "u2" } } }],
  [
    "is of type nfs, expected hostPath or local",
    claim(),
    { spec: { claimRef: { uid: "u1" }, nfs: { server: "s", path: "/" } } },
  ],
] as const)("what cannot be mounted says why: %s", async (why, its, bound) => {
  await expect(prepare(its, bound)).rejects.toThrow(why);
});
