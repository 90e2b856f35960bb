import type { PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { plan } from "./plan.ts";

const template = {
  metadata: { labels: { a: "b" } },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};
const pod: Pod = {
  metadata: { name: "p", namespace: "shop", uid: "u1" },
  spec: {
    containers: [],
    volumes: [
      { name: "scratch", ephemeral: { volumeClaimTemplate: template } },
      { name: "tmp", emptyDir: {} },
    ],
  },
};
const owned = (uid: string): PersistentVolumeClaim => ({
  metadata: {
    name: "p-scratch",
    namespace: "shop",
    ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p", uid, controller: true }],
  },
});

test("the claim of an ephemeral volume is made from its template and owned by the pod", () => {
  const { create, conflicts } = plan(pod, () => undefined);
  expect(conflicts).toEqual([]);
  expect(create).toEqual([
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: "p-scratch",
        namespace: "shop",
        labels: { a: "b" },
        ownerReferences: [
          { apiVersion: "v1", kind: "Pod", name: "p", uid: "u1", controller: true, blockOwnerDeletion: true },
        ],
      },
      spec: template.spec,
    },
  ]);
});

test("what is there is left alone; a claim of somebody else is a conflict", () => {
  expect(plan(pod, () => owned("u1"))).toEqual({ create: [], conflicts: [] });
  expect(plan(pod, () => owned("earlier pod"))).toEqual({
    create: [],
    conflicts: [{ volume: "scratch", claim: "p-scratch" }],
  });
});

test("a pod that is being deleted gets no claims", () => {
  const going = { ...pod, metadata: { ...pod.metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } };
  expect(plan(going, () => undefined)).toEqual({ create: [], conflicts: [] });
});
