import type { Pod, PodSpec, PodStatus } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { podLimits } from "../containers/resources.ts";
import { podStatusOf, type StatusInput } from "./pod-status.ts";
import type { RuntimeContainer } from "./runtime-state.ts";
import { runtimeContainer } from "./runtime-under-test.ts";

const NOW = Date.UTC(2025, 0, 1);
const sandbox = { id: "s", ready: true, ips: ["10.64.0.9"], createdAt: 10, attempt: 0 };

function pod(spec: Partial<PodSpec> = {}, status: PodStatus = {}): Pod {
  return { metadata: { name: "p", uid: "u", generation: 3 }, spec: { containers: [{ name: "app" }], ...spec }, status };
}

function status(of: Pod, containers: readonly RuntimeContainer[], more: Partial<StatusInput> = {}): PodStatus {
  return podStatusOf({
    pod: of,
    allocated: of,
    limits: podLimits(of),
    runtime: { sandbox, containers },
    hostIps: ["192.168.0.1"],
    isOver: false,
    extraConditions: [],
    now: NOW,
    notes: {
      waiting: () => undefined,
      ready: () => true,
      started: () => true,
      terminationMessage: () => "",
    },
    ...more,
  });
}

const exited = (name: string, exitCode: number) =>
  runtimeContainer(name, { state: "exited", exitCode, finishedAt: 30 });
const condition = ({ conditions = [] }: PodStatus, type: string) => conditions.find((one) => one.type === type);

test("before anything runs a pod is Pending, after all of it runs it is Running and ready", () => {
  const pending = status(pod(), []);
  expect([pending.phase, pending.containerStatuses?.[0]?.state]).toEqual([
    "Pending",
    { waiting: { reason: "ContainerCreating" } },
  ]);
  const running = status(pod(), [runtimeContainer("app")]);
  expect([running.phase, running.podIP, running.hostIP]).toEqual(["Running", "10.64.0.9", "192.168.0.1"]);
  expect(
    ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"].map((type) => [
      condition(running, type)?.status,
      condition(running, type)?.observedGeneration,
    ]),
  ).toEqual(Array(5).fill(["True", 3]));
  expect(running.observedGeneration).toBe(3);
});

test("while init containers run the others wait for them, and the condition names those that are missing", () => {
  const staged = pod({ initContainers: [{ name: "one" }, { name: "two" }, { name: "side", restartPolicy: "Always" }] });
  const shown = status(staged, [exited("one", 0), runtimeContainer("two")]);
  expect([shown.phase, shown.containerStatuses?.[0]?.state]).toEqual([
    "Pending",
    { waiting: { reason: "PodInitializing" } },
  ]);
  expect(shown.initContainerStatuses?.map(({ ready }) => ready)).toEqual([true, false, false]);
  expect(condition(shown, "Initialized")).toMatchObject({
    status: "False",
    reason: "ContainersNotInitialized",
    message: "containers with incomplete status: [two side]",
  });
});

test("a pod is as ready as its least ready container or sidecar, and its readiness gates", () => {
  const spec = {
    initContainers: [{ name: "side", restartPolicy: "Always" }],
    readinessGates: [{ conditionType: "g" }],
  };
  const running = [runtimeContainer("side"), runtimeContainer("app")];
  const notes = (unready: string) => ({
    waiting: () => undefined,
    ready: ({ name }: RuntimeContainer) => name !== unready,
    started: () => true,
    terminationMessage: () => "",
  });
  expect(condition(status(pod(spec), running, { notes: notes("side") }), "Ready")).toMatchObject({
    status: "False",
    message: "containers with unready status: [side]",
  });
  expect(condition(status(pod(spec), running), "Ready")).toMatchObject({
    status: "False",
    reason: "ReadinessGatesNotReady",
  });
  const open = pod(spec, { conditions: [{ type: "g", status: "True" }] });
  expect(condition(status(open, running), "Ready")?.status).toBe("True");
  expect(status(open, running).conditions?.map(({ type }) => type)).not.toContain("g");
});

test.each([
  [0, "Succeeded", "PodCompleted"],
  [3, "Failed", "PodFailed"],
])("a pod that is over with exit code %i is %s", (code, phase, reason) => {
  const shown = status(pod({ restartPolicy: "Never" }), [exited("app", code)], { isOver: true });
  expect([shown.phase, condition(shown, "Ready")?.reason]).toEqual([phase, reason]);
});

test("a pod is not over while a sidecar still runs, and how that ends does not matter", () => {
  const spec = { restartPolicy: "Never", initContainers: [{ name: "side", restartPolicy: "Always" }] };
  const over = { isOver: true };
  expect(status(pod(spec), [runtimeContainer("side"), exited("app", 0)], over).phase).toBe("Running");
  expect(status(pod(spec), [exited("side", 137), exited("app", 0)], over).phase).toBe("Succeeded");
});

test("a pod that the node ended has failed, once nothing of it runs, and says why", () => {
  const ended = { reason: "Evicted", message: "The node was low on resource: memory." };
  expect(status(pod(), [runtimeContainer("app")], { ended }).phase).toBe("Running");
  expect(status(pod(), [exited("app", 0)], { ended })).toMatchObject({ phase: "Failed", ...ended });
});

test("of a pod that the node did not take no container is shown", () => {
  const refused = { runtime: { sandbox: undefined, containers: [] }, ended: { reason: "OutOfcpu", message: "full" } };
  const shown = status(pod({ initContainers: [{ name: "init" }] }), [], refused);
  expect(shown).toMatchObject({ phase: "Failed", reason: "OutOfcpu" });
  expect([shown.containerStatuses, shown.initContainerStatuses]).toEqual([undefined, undefined]);
});

test("a last phase stays", () => {
  expect(status(pod({}, { phase: "Failed" }), [runtimeContainer("app")]).phase).toBe("Failed");
});

test("a condition keeps the time since when it holds", () => {
  const before = { type: "Ready", status: "True", lastTransitionTime: "2024-12-31T00:00:00Z" };
  const kept = status(pod({}, { conditions: [before] }), [runtimeContainer("app")]);
  expect(condition(kept, "Ready")?.lastTransitionTime).toBe("2024-12-31T00:00:00Z");
  const changed = status(pod({}, { conditions: [before] }), [exited("app", 1)]);
  expect(condition(changed, "ContainersReady")?.lastTransitionTime).toBe("2025-01-01T00:00:00Z");
});

test("a container that backs off waits, and shows how it ended last", () => {
  const notes = {
    waiting: () => ({ reason: "CrashLoopBackOff", message: "back-off 10s" }),
    ready: () => true,
    started: () => true,
    terminationMessage: () => "bye",
  };
  const [shown] = status(pod(), [exited("app", 3)], { notes }).containerStatuses ?? [];
  expect(shown).toMatchObject({
    ready: false,
    state: { waiting: { reason: "CrashLoopBackOff", message: "back-off 10s" } },
    lastState: { terminated: { exitCode: 3, reason: "Error", message: "bye" } },
  });
});

test("resources are what was asked for where the cgroup has it, and what the cgroup has where it differs", () => {
  const resources = { requests: { cpu: "250m", memory: "64Mi" }, limits: { cpu: "0.5", memory: "64Mi" } };
  const shown = (actual: RuntimeContainer["resources"]) =>
    status(pod({ containers: [{ name: "app", resources }] }), [runtimeContainer("app", { resources: actual })])
      .containerStatuses?.[0];
  const same = { cpuShares: 256, cpuQuota: 50_000, cpuPeriod: 100_000, memoryLimitInBytes: 64 << 20 };
  expect(shown(same)).toMatchObject({ allocatedResources: resources.requests, resources });
  expect(shown({ cpuPeriod: "0", cpuQuota: "0" })?.resources).toEqual(resources);
  expect(shown({ ...same, cpuShares: 512, cpuQuota: 100_000, memoryLimitInBytes: 32 << 20 })?.resources).toEqual({
    requests: { cpu: "500m", memory: "64Mi" },
    limits: { cpu: "1", memory: "32Mi" },
  });
});

test("a pod shows what it has as a whole, and what it had while a resize is under way", () => {
  const resources = { requests: { cpu: "250m", memory: "64Mi" }, limits: { memory: "96Mi" } };
  const of = pod({ containers: [{ name: "app", resources }, { name: "free" }] });
  const running = [runtimeContainer("app"), runtimeContainer("free")];
  expect(status(of, running)).toMatchObject({
    allocatedResources: resources.requests,
    resources: { requests: resources.requests },
  });
  expect(status(of, running).resources?.limits).toBeUndefined(); // its cgroup has none: one container may have all
  expect(status(of, []).resources).toEqual(resources);
  const before = { requests: { cpu: "1", memory: "1Gi" }, limits: { memory: "1Gi" } };
  const whole = pod({ resources }, { resources: before });
  expect(status(whole, [runtimeContainer("app")])).toMatchObject({
    allocatedResources: resources.requests,
    resources,
  });
  const underWay = { extraConditions: [{ type: "PodResizeInProgress", status: "True" }] };
  expect(status(whole, [runtimeContainer("app")], underWay).resources).toEqual(before);
  expect(status(pod(), [runtimeContainer("app")])).toMatchObject({ resources: {} });
});

test("a container that has ended shows what it was given", () => {
  const resources = { requests: { cpu: "250m" } };
  const [shown] = status(pod({ containers: [{ name: "app", resources }] }), [exited("app", 0)]).containerStatuses ?? [];
  expect(shown).toMatchObject({ allocatedResources: resources.requests, resources });
});

test("a container's status says who runs it and what is mounted how", () => {
  const volumeMounts = [
    { name: "a", mountPath: "/a" },
    { name: "b", mountPath: "/b", readOnly: true },
  ];
  const user = { linux: { uid: 1000, gid: 0, supplementalGroups: [0] } };
  const [shown] =
    status(pod({ containers: [{ name: "app", volumeMounts }] }), [runtimeContainer("app", { user })])
      .containerStatuses ?? [];
  expect([shown?.user, shown?.volumeMounts]).toEqual([
    user,
    [
      { name: "a", mountPath: "/a" },
      { name: "b", mountPath: "/b", readOnly: true, recursiveReadOnly: "Disabled" },
    ],
  ]);
});
