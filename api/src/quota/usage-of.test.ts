import { expect, test } from "vitest";
import type { PersistentVolumeClaim, Pod, PodSpec, Service } from "../../generated/types/core-v1.ts";
import type { ResourceClaim } from "../../generated/types/resource-v1.ts";
import type { KubeObject } from "../object.ts";
import { usageText } from "./usage.ts";
import { trackedNames, usageOf } from "./usage-of.ts";

const NOW = Date.UTC(2025, 0, 1);
const core = (resource: string) => ({ group: "", resource });
const usage = (resource: string, object: KubeObject) => usageText(usageOf(core(resource), object, NOW));
const pod = (spec: Partial<PodSpec>, more: Partial<Pod> = {}): Pod => ({ spec: { containers: [], ...spec }, ...more });
const ask = (cpu: string, limit?: string) => ({
  name: cpu,
  resources: { requests: { cpu }, ...(limit !== undefined && { limits: { cpu: limit } }) },
});

test("every kind is counted by its name and group", () => {
  expect(usageText(usageOf({ group: "batch", resource: "jobs" }, {}, NOW))).toEqual({ "count/jobs.batch": "1" });
  expect(usage("configmaps", {})).toEqual({ configmaps: "1", "count/configmaps": "1" });
  expect(usage("endpoints", {})).toEqual({ "count/endpoints": "1" });
});

test("a pod uses what its containers ask for, under all three names", () => {
  const resources = {
    requests: { cpu: "500m", memory: "1Gi", "hugepages-2Mi": "4Mi", "example.com/gpu": "2", "ephemeral-storage": "1M" },
    limits: { cpu: "1", memory: "2Gi" },
  };
  expect(usage("pods", pod({ containers: [{ name: "a", resources }, ask("250m")] }))).toEqual({
    "count/pods": "1",
    pods: "1",
    cpu: "750m",
    memory: "1Gi",
    "ephemeral-storage": "1M",
    "hugepages-2Mi": "4Mi",
    "requests.cpu": "750m",
    "requests.memory": "1Gi",
    "requests.ephemeral-storage": "1M",
    "requests.hugepages-2Mi": "4Mi",
    "requests.example.com/gpu": "2",
    "limits.cpu": "1",
    "limits.memory": "2Gi",
  });
});

test("an init container counts by what it needs at its time, sidecars always, overhead on top", () => {
  const sidecar = { ...ask("1"), restartPolicy: "Always" };
  const requested = (spec: Partial<PodSpec>) => usage("pods", pod(spec))["requests.cpu"];
  expect(requested({ containers: [ask("1")], initContainers: [ask("3")] })).toBe("3");
  expect(requested({ containers: [ask("1")], initContainers: [sidecar, ask("3")] })).toBe("4");
  expect(requested({ containers: [ask("1")], initContainers: [ask("3"), sidecar] })).toBe("3");
  expect(requested({ containers: [ask("4")], initContainers: [sidecar, ask("3")] })).toBe("5");
  expect(requested({ containers: [ask("1")], overhead: { cpu: "100m" } })).toBe("1100m");
});

test("overhead raises only limits that there are", () => {
  const limited = (spec: Partial<PodSpec>) => usage("pods", pod({ ...spec, overhead: { cpu: "100m" } }))["limits.cpu"];
  expect(limited({ containers: [ask("1", "2")] })).toBe("2100m");
  expect(limited({ containers: [ask("1")] })).toBeUndefined();
});

test("what the pod asks for as a whole takes the place of its containers", () => {
  const resources = { requests: { cpu: "2" }, limits: { cpu: "3" } };
  expect(usage("pods", pod({ containers: [ask("1")], resources }))).toMatchObject({ cpu: "2", "limits.cpu": "3" });
});

test("while a pod is resized it uses the larger of what it has and what it wants", () => {
  const status = {
    containerStatuses: [
      {
        name: "1",
        ready: true,
        restartCount: 0,
        image: "",
        imageID: "",
        allocatedResources: { cpu: "3" },
        resources: { requests: { cpu: "2" }, limits: { cpu: "5" } },
      },
    ],
  };
  expect(usage("pods", pod({ containers: [ask("1", "1")] }, { status }))).toMatchObject({
    cpu: "3",
    "limits.cpu": "5",
  });
  const whole = { allocatedResources: { cpu: "3" }, resources: { requests: { cpu: "2" }, limits: { cpu: "5" } } };
  const resources = { requests: { cpu: "1" }, limits: { cpu: "1" } };
  expect(usage("pods", pod({ containers: [ask("1")], resources }, { status: whole }))).toMatchObject({
    cpu: "3",
    "limits.cpu": "5",
  });
  const conditions = [{ type: "PodResizePending", status: "True", reason: "Infeasible" }];
  const infeasible = { status: { ...status, conditions } };
  expect(usage("pods", pod({ containers: [{ ...ask("9"), name: "1" }] }, infeasible))).toMatchObject({ cpu: "3" });
});

test("a pod that ended, or that outlives its grace period, uses only its place in the store", () => {
  const spec = { containers: [ask("1")] };
  const deletionTimestamp = "2024-12-31T23:59:00Z";
  for (const phase of ["Succeeded", "Failed"])
    expect(usage("pods", pod(spec, { status: { phase } }))).toEqual({ "count/pods": "1" });
  const stuck = pod(spec, { metadata: { deletionTimestamp, deletionGracePeriodSeconds: 30 } });
  expect(usage("pods", stuck)).toEqual({ "count/pods": "1" });
  const going = pod(spec, { metadata: { deletionTimestamp, deletionGracePeriodSeconds: 61 } });
  expect(usage("pods", going)).toMatchObject({ pods: "1", cpu: "1" });
});

test.each<[string, Service["spec"], string, string]>([
  ["ClusterIP", { ports: [{ port: 1, nodePort: 30000 }] }, "0", "0"],
  ["NodePort", { ports: [{ port: 1 }, { port: 2 }] }, "2", "0"],
  ["LoadBalancer", { ports: [{ port: 1 }, { port: 2 }] }, "2", "1"],
  [
    "LoadBalancer",
    { ports: [{ port: 1 }, { port: 2, nodePort: 30000 }], allocateLoadBalancerNodePorts: false },
    "1",
    "1",
  ],
])("a Service of type %s uses node ports and load balancers", (type, spec, nodePorts, balancers) => {
  expect(usage("services", { spec: { ...spec, type } } as Service)).toEqual({
    "count/services": "1",
    services: "1",
    "services.nodeports": nodePorts,
    "services.loadbalancers": balancers,
  });
});

test("a claim uses whole bytes, of its class too, and what was allocated when that is more", () => {
  const claim = (storageClassName?: string, allocated?: string): PersistentVolumeClaim => ({
    spec: {
      resources: { requests: { storage: "1500m" } },
      ...(storageClassName !== undefined && { storageClassName }),
    },
    ...(allocated !== undefined && { status: { allocatedResources: { storage: allocated } } }),
  });
  expect(usage("persistentvolumeclaims", claim())).toEqual({
    "count/persistentvolumeclaims": "1",
    persistentvolumeclaims: "1",
    "requests.storage": "2",
  });
  expect(usage("persistentvolumeclaims", claim("gold", "1Gi"))).toMatchObject({
    "requests.storage": "1Gi",
    "gold.storageclass.storage.k8s.io/requests.storage": "1Gi",
    "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
  });
});

test("a resource claim uses the most devices of each class that it can be given", () => {
  const exactly = (deviceClassName: string, count: number) => ({
    deviceClassName,
    allocationMode: "ExactCount",
    count,
  });
  const requests = [
    { name: "a", exactly: exactly("gpu", 2) },
    { name: "b", exactly: { deviceClassName: "nic", allocationMode: "All" } },
    {
      name: "c",
      firstAvailable: [
        { name: "x", ...exactly("gpu", 1) },
        { name: "y", ...exactly("gpu", 4) },
      ],
    },
  ];
  const claim: ResourceClaim = { spec: { devices: { requests } } };
  expect(usageText(usageOf({ group: "resource.k8s.io", resource: "resourceclaims" }, claim, NOW))).toEqual({
    "count/resourceclaims.resource.k8s.io": "1",
    "gpu.deviceclass.resource.k8s.io/devices": "6",
    "nic.deviceclass.resource.k8s.io/devices": "32",
  });
});

test("of a quota's names each kind tracks its own", () => {
  const names = [
    "count/pods",
    "pods",
    "limits.cpu",
    "requests.example.com/gpu",
    "hugepages-2Mi",
    "services.nodeports",
    "requests.storage",
    "gold.storageclass.storage.k8s.io/requests.storage",
    "secrets",
    "count/jobs.batch",
    "gpu.deviceclass.resource.k8s.io/devices",
  ];
  expect(trackedNames(core("pods"), names)).toEqual(names.slice(0, 5));
  expect(trackedNames(core("services"), names)).toEqual(["services.nodeports"]);
  expect(trackedNames(core("persistentvolumeclaims"), names)).toEqual(names.slice(6, 8));
  expect(trackedNames(core("secrets"), names)).toEqual(["secrets"]);
  expect(trackedNames({ group: "batch", resource: "jobs" }, names)).toEqual(["count/jobs.batch"]);
  expect(trackedNames({ group: "resource.k8s.io", resource: "resourceclaims" }, names)).toEqual(names.slice(10));
  expect(trackedNames({ group: "example.com", resource: "secrets" }, names)).toEqual([]);
});
