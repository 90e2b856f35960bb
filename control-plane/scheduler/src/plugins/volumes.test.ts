import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import { expect, test } from "vitest";
import type { Snapshot } from "../framework.ts";
import { NodeInfo } from "../node-info.ts";
import { volumeBinding, volumeNeeds, volumeRestrictions } from "./volumes.ts";

interface World {
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly classes?: readonly StorageClass[];
  readonly pods?: readonly Pod[];
}

function node(name: string, labels: Readonly<Record<string, string>> = {}): Node {
  return { metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } } };
}

function snapshotOf({ claims = [], volumes = [], classes = [waiting("fast")], pods = [] }: World): Snapshot {
  const nodes = [new NodeInfo(node("a", { zone: "one" })), new NodeInfo(node("b", { zone: "two" }), pods)];
  return {
    nodes,
    claim: (_namespace, name) => claims.find(({ metadata }) => metadata?.name === name),
    volume: (name) => volumes.find(({ metadata }) => metadata?.name === name),
    volumes: () => volumes,
    storageClass: (name) => classes.find(({ metadata }) => metadata?.name === name),
    namespaceLabels: () => ({}),
    nominated: () => [],
  };
}

function waiting(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return { metadata: { name }, provisioner: "p", volumeBindingMode: "WaitForFirstConsumer", ...more };
}

const byHand = waiting("fast", { provisioner: "kubernetes.io/no-provisioner" });

function claim(
  name: string,
  storage = "1Gi",
  more: { readonly annotations?: Readonly<Record<string, string>>; readonly spec?: PersistentVolumeClaim["spec"] } = {},
): PersistentVolumeClaim {
  return {
    metadata: { name, namespace: "shop", uid: name, ...(more.annotations && { annotations: more.annotations }) },
    spec: {
      storageClassName: "fast",
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage } },
      ...more.spec,
    },
    status: { phase: "Pending" },
  };
}

const DONE = { "pv.kubernetes.io/bind-completed": "yes" };
const boundTo = (volumeName: string) => ({ annotations: DONE, spec: { volumeName } });

function volume(name: string, storage: string, on?: string, more: PersistentVolume["spec"] = {}): PersistentVolume {
  const matchExpressions = [{ key: "kubernetes.io/hostname", operator: "In", values: [on ?? ""] }];
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
  return {
    metadata: { name },
    spec: {
      storageClassName: "fast",
      capacity: { storage },
      accessModes: ["ReadWriteOnce"],
      ...(on !== undefined && { nodeAffinity }),
      ...more,
    },
    status: { phase: "Available" },
  };
}

function podWith(...claimNames: string[]): Pod {
  const volumes = claimNames.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } }));
  return { metadata: { name: "p", namespace: "shop", uid: "pod" }, spec: { containers: [], volumes } };
}

/** Why not, by node. */
function reasons(pod: Pod, world: World): Readonly<Record<string, readonly string[]>> | string {
  const snapshot = snapshotOf(world);
  const prepared = volumeBinding.prepare(pod, snapshot);
  if (prepared?.failure !== undefined) return prepared.failure;
  return Object.fromEntries(
    snapshot.nodes.map((each) => [each.name, (prepared?.filter?.(each) ?? []).map(({ reason }) => reason)]),
  );
}

const NONE = "node(s) didn't find available persistent volumes to bind";
const UNREACHABLE = "node(s) didn't match PersistentVolume's node affinity";

test("a pod without claims is none of its business", () => {
  expect(
    volumeBinding.prepare({ spec: { containers: [], volumes: [{ name: "v", emptyDir: {} }] } }, snapshotOf({})),
  ).toBeUndefined();
});

test("a pod goes where its bound volumes are", () => {
  const world = { claims: [claim("data", "1Gi", boundTo("v"))], volumes: [volume("v", "1Gi", "b")] };
  expect(reasons(podWith("data"), world)).toEqual({ a: [UNREACHABLE], b: [] });
});

test.each([
  ['persistentvolumeclaim "data" not found', []],
  [
    'persistentvolumeclaim "data" is being deleted',
    [{ ...claim("data"), metadata: { name: "data", deletionTimestamp: "2025-01-01T00:00:00Z" } }],
  ],
  [
    'persistentvolumeclaim "data" bound to non-existent persistentvolume "v"',
    [{ ...claim("data", "1Gi", boundTo("v")), status: { phase: "Lost" } }],
  ],
  ["pod has unbound immediate PersistentVolumeClaims", [claim("data", "1Gi", { spec: { storageClassName: "now" } })]],
  ["pod has unbound immediate PersistentVolumeClaims", [claim("data", "1Gi", { spec: { volumeName: "v" } })]],
] as const)("no node helps: %s", (failure, claims) => {
  expect(reasons(podWith("data"), { claims, volumes: [volume("v", "1Gi")] })).toBe(failure);
});

test("a claim bound to a volume that is gone keeps the pod from every node", () => {
  const gone = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
  expect(reasons(podWith("data"), { claims: [claim("data", "1Gi", boundTo("v"))] })).toEqual({ a: [gone], b: [gone] });
});

test("an ephemeral volume waits for its claim, which has to be the pod's own", () => {
  const pod: Pod = { ...podWith(), spec: { containers: [], volumes: [{ name: "tmp", ephemeral: {} }] } };
  expect(reasons(pod, {})).toBe('waiting for ephemeral volume controller to create the persistentvolumeclaim "p-tmp"');
  expect(reasons(pod, { claims: [claim("p-tmp")] })).toBe(
    "PVC shop/p-tmp was not created for pod shop/p (pod is not owner)",
  );
});

test("a claim that waits takes a volume that is there, and goes where one is", () => {
  const world = { claims: [claim("data")], volumes: [volume("v", "1Gi", "b")], classes: [byHand] };
  expect(reasons(podWith("data"), world)).toEqual({ a: [NONE], b: [] });
  const snapshot = snapshotOf(world);
  expect(volumeNeeds(podWith("data"), snapshot.nodes[1]!, snapshot)).toEqual({
    bind: [{ claim: world.claims[0], volume: world.volumes[0] }],
    provision: [],
  });
  expect(volumeNeeds(podWith("data"), snapshot.nodes[0]!, snapshot)).toBeUndefined();
});

test("two claims of a pod need two volumes, the smaller claim chooses first", () => {
  const claims = [claim("large", "5Gi"), claim("small", "1Gi")];
  const one = { claims, volumes: [volume("v", "5Gi", "b")], classes: [byHand] };
  expect(reasons(podWith("large", "small"), one)).toEqual({ a: [NONE], b: [NONE] });
  const two = snapshotOf({ ...one, volumes: [volume("v5", "5Gi", "b"), volume("v2", "2Gi", "b")] });
  const needs = volumeNeeds(podWith("large", "small"), two.nodes[1]!, two);
  expect(needs?.bind.map((each) => [each.claim.metadata?.name, each.volume.metadata?.name])).toEqual([
    ["small", "v2"],
    ["large", "v5"],
  ]);
});

test("what is not there is provisioned, where the class allows", () => {
  const only = waiting("fast", { allowedTopologies: [{ matchLabelExpressions: [{ key: "zone", values: ["two"] }] }] });
  const world = { claims: [claim("data")], classes: [only] };
  expect(reasons(podWith("data"), world)).toEqual({ a: [NONE], b: [] });
  const snapshot = snapshotOf(world);
  expect(volumeNeeds(podWith("data"), snapshot.nodes[1]!, snapshot)).toEqual({ bind: [], provision: world.claims });
});

test("once a provisioner was told a node the pod goes there, unless that node is gone", () => {
  const told = (name: string) => ({ annotations: { "volume.kubernetes.io/selected-node": name } });
  expect(reasons(podWith("data"), { claims: [claim("data", "1Gi", told("b"))] })).toEqual({ a: [NONE], b: [] });
  expect(reasons(podWith("data"), { claims: [claim("data", "1Gi", told("gone"))] })).toEqual({ a: [], b: [] });
});

test("a claim of one pod only keeps other pods from every node while a pod has it", () => {
  const claims = [claim("data", "1Gi", { spec: { accessModes: ["ReadWriteOncePod"] } })];
  const other = { ...podWith("data"), metadata: { name: "other", namespace: "shop", uid: "other" } };
  const filterOf = (pods: readonly Pod[]) =>
    volumeRestrictions.prepare(podWith("data"), snapshotOf({ claims, pods }))?.filter?.(snapshotOf({}).nodes[0]!);
  expect(filterOf([])).toBeUndefined();
  expect(filterOf([other])?.[0]?.reason).toMatch(/ReadWriteOncePod/);
  expect(filterOf([{ ...other, metadata: { ...other.metadata, namespace: "x" } }])).toBeUndefined();
});
