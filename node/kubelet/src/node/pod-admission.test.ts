import type { Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { type AdmissionInput, refusalOf } from "./pod-admission.ts";
import type { PressureCondition } from "./pressure.ts";

const GIB = 2 ** 30;
const pod = (cpu = "0", more: { qosClass?: string; priority?: number; tolerations?: [] } = {}): Pod => ({
  spec: {
    containers: [{ name: "app", resources: { requests: { cpu } } }],
    ...(more.priority !== undefined && { priority: more.priority }),
    ...(more.tolerations !== undefined && { tolerations: more.tolerations }),
  },
  status: { qosClass: more.qosClass ?? "BestEffort" },
});

function refusal(of: Pod, more: Partial<AdmissionInput> = {}, ...under: PressureCondition[]) {
  const room = { cpuMilli: 2000, memoryBytes: 4 * GIB };
  const has = (condition: PressureCondition) => under.includes(condition);
  return refusalOf({ pod: of, others: [], room, maxPods: 3, mapsUsers: false, has, ...more });
}

test("a pod that fits is taken; one that does not, or is one too many, has failed", () => {
  expect(refusal(pod("2"))).toBeUndefined();
  expect(refusal(pod("1500m"), { others: [pod("1")] })).toMatchObject({
    reason: "OutOfcpu",
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
  });
  expect(refusal(pod(), { others: [pod(), pod(), pod()] })?.reason).toBe("OutOfpods");
  expect(refusal(pod(), { others: [pod("5")] })).toBeUndefined();
});

test.each([
  [{ hostPort: 80 }, { hostPort: 80 }, "NodePorts"],
  [{ hostPort: 80 }, { hostPort: 80, protocol: "UDP" }, undefined],
  [{ hostPort: 80 }, { hostPort: 81 }, undefined],
  [{ hostPort: 80, hostIP: "10.0.0.1" }, { hostPort: 80, hostIP: "10.0.0.2" }, undefined],
  [{ hostPort: 80, hostIP: "0.0.0.0" }, { hostPort: 80, hostIP: "10.0.0.2" }, "NodePorts"],
  [{ containerPort: 80 }, { containerPort: 80 }, undefined],
])("a pod that wants a port of the node that another one has is refused: %j beside %j", (one, two, reason) => {
  const withPort = (port: object): Pod => ({
    spec: { containers: [{ name: "app", ports: [{ containerPort: 1, ...port }] }] },
  });
  expect(refusal(withPort(one), { others: [withPort(two)] })?.reason).toBe(reason);
});

test("under pressure a node takes no more pods, but critical ones, and for memory those that asked for some", () => {
  expect(refusal(pod(), {}, "MemoryPressure")).toMatchObject({
    reason: "Evicted",
    message: "The node had condition: [MemoryPressure]. ",
  });
  expect(refusal(pod("1", { qosClass: "Burstable" }), {}, "MemoryPressure")).toBeUndefined();
  expect(refusal(pod("1", { qosClass: "Burstable" }), {}, "DiskPressure")?.reason).toBe("Evicted");
  expect(refusal(pod("0", { priority: 2_000_000_000 }), {}, "DiskPressure")).toBeUndefined();
});

test.each([
  [
    { securityContext: { sysctls: [{ name: "kernel.msgmax", value: "1" }] } },
    "SysctlForbidden",
    'forbidden sysctl: "kernel.msgmax"',
  ],
  [{ securityContext: { appArmorProfile: { type: "RuntimeDefault" } } }, "AppArmor", "Cannot enforce AppArmor"],
  [{ hostUsers: false }, "UserNamespaces", "does not support user namespaces"],
  [{ os: { name: "windows" } }, "PodOSNotSupported", "the OS field doesn't match node OS"],
  [{ resourceClaims: [{ name: "gpu" }] }, "ResourceClaims", 'resource claim "gpu" cannot be prepared'],
])("a pod is refused rather than run without what it demands: %j", (spec, reason, message) => {
  const found = refusal({ spec: { containers: [{ name: "app" }], ...spec } });
  expect([found?.reason, found?.message]).toEqual([reason, expect.stringContaining(message)]);
});

test("users of their own are for pods where the runtime can map them", () => {
  const wanting: Pod = { spec: { containers: [{ name: "app" }], hostUsers: false } };
  expect(refusal(wanting)?.reason).toBe("UserNamespaces");
  expect(refusal(wanting, { mapsUsers: true })).toBeUndefined();
});

test("safe sysctls, no profile and the host's users are no demands", () => {
  const sysctls = [
    { name: "net.ipv4.tcp_syncookies", value: "1" },
    { name: "kernel/shm_rmid_forced", value: "1" },
  ];
  const securityContext = { sysctls, appArmorProfile: { type: "Unconfined" } };
  expect(refusal({ spec: { containers: [{ name: "app" }], hostUsers: true, securityContext } })).toBeUndefined();
});
