import type { ContainerStatus, Pod } from "@tsukube/api/types/core-v1";
import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { beforeEach, expect, test } from "vitest";
import { measuredRuntime, operationOf } from "../cri/measured-runtime.ts";
import type { Cri } from "../cri/runtime.ts";
import { PodMetrics, Terminations } from "./pod-metrics.ts";

let clock: VirtualClock;
let exposed: ReturnType<typeof createMetrics>;
let metrics: PodMetrics;
beforeEach(() => {
  clock = new VirtualClock();
  exposed = createMetrics();
  metrics = new PodMetrics(exposed, clock);
});

/** Series that begin so, without buckets. */
const lines = (start: string): readonly string[] =>
  exposed
    .expose()
    .split("\n")
    .filter((line) => line.startsWith(start) && !line.includes("_bucket{"));

const ended = (name: string, id: string, exitCode: number, reason: string): ContainerStatus => ({
  ...{ name, image: "", imageID: "", ready: false, restartCount: 0 },
  state: { terminated: { containerID: id, exitCode, reason } },
});

test("each container that ended is counted once, by its kind, exit code and reason", () => {
  const terminations = new Terminations(metrics);
  const first = ended("app", "a1", 1, "Error");
  terminations.report({ containerStatuses: [first] });
  terminations.report({ containerStatuses: [first], initContainerStatuses: [ended("init", "i1", 0, "Completed")] });
  const again = { ...ended("app", "a2", 1, "Error"), lastState: first.state! };
  terminations.report({ containerStatuses: [again] });
  expect(lines("kubelet_terminated_containers_total")).toEqual([
    'kubelet_terminated_containers_total{container_type="container",exit_code="1",reason="Error"} 2',
    'kubelet_terminated_containers_total{container_type="init_container",exit_code="0",reason="Completed"} 1',
  ]);
});

test("what the API knows to have ended was counted before we came", () => {
  const terminations = new Terminations(metrics);
  const told = { containerStatuses: [ended("app", "a1", 1, "Error")] };
  terminations.report({ containerStatuses: [...told.containerStatuses, ended("b", "b1", 0, "Completed")] }, told);
  expect(lines("kubelet_terminated_containers_total")).toHaveLength(1);
});

test("starts of containers are counted by their kind, and why they failed", () => {
  const pod = { spec: { containers: [{ name: "app" }], initContainers: [{ name: "init" }] } } as Pod;
  metrics.starting(pod, "init");
  metrics.starting(pod, "app")("ErrImagePull");
  metrics.starting(pod, "app");
  expect(lines("kubelet_started_containers")).toEqual([
    'kubelet_started_containers_errors_total{container_type="container",code="ErrImagePull"} 1',
    'kubelet_started_containers_total{container_type="init_container"} 1',
    'kubelet_started_containers_total{container_type="container"} 2',
  ]);
});

test("how long pods and their volumes take is measured, and volumes that fail", async () => {
  const since = clock.monotonic();
  await clock.advance(1500);
  metrics.podStarted(since);
  const first = metrics.synced(true, clock.sleep(2000));
  await clock.advance(2000);
  await first;
  await metrics.synced(false, Promise.resolve());
  await metrics.mounted({ name: "v", configMap: { name: "c" } }, Promise.resolve());
  await metrics.mounted({ name: "v", secret: {} }, Promise.reject(new Error("no secret"))).catch(() => {});
  await metrics.mounted({ name: "v", persistentVolumeClaim: { claimName: "c" } }, Promise.resolve());
  expect(lines("kubelet_pod_")).toEqual([
    ...["kubelet_pod_start_duration_seconds_sum 1.5", "kubelet_pod_start_duration_seconds_count 1"],
    'kubelet_pod_worker_duration_seconds_sum{operation_type="create"} 2',
    'kubelet_pod_worker_duration_seconds_count{operation_type="create"} 1',
    'kubelet_pod_worker_duration_seconds_sum{operation_type="sync"} 0',
    'kubelet_pod_worker_duration_seconds_count{operation_type="sync"} 1',
  ]);
  const mounts = lines("storage_operation_duration_seconds_count").map((line) =>
    /plugin="([^"]*)".*status="([^"]*)"/.exec(line)?.slice(1),
  );
  expect(mounts).toEqual([
    ["kubernetes.io/configmap", "success"],
    ["kubernetes.io/secret", "fail-unknown"],
  ]);
});

test("calls of the runtime are counted and measured under upstream's names; events are none", async () => {
  const runtime = {
    RunPodSandbox: () => clock.sleep(500),
    StopContainer: () => Promise.reject(new Error("gone")),
    GetContainerEvents: async function* () {},
    close() {},
  };
  const cri = measuredRuntime({ runtime, images: {}, close() {} } as unknown as Cri, exposed, clock);
  const running = cri.runtime.RunPodSandbox({});
  await clock.advance(500);
  await running;
  await expect(cri.runtime.StopContainer({})).rejects.toThrow("gone");
  for await (const event of cri.runtime.GetContainerEvents({})) expect(event).toBeUndefined();
  expect(lines("kubelet_runtime_operations")).toEqual([
    'kubelet_runtime_operations_duration_seconds_sum{operation_type="run_podsandbox"} 0.5',
    'kubelet_runtime_operations_duration_seconds_count{operation_type="run_podsandbox"} 1',
    'kubelet_runtime_operations_duration_seconds_sum{operation_type="stop_container"} 0',
    'kubelet_runtime_operations_duration_seconds_count{operation_type="stop_container"} 1',
    'kubelet_runtime_operations_errors_total{operation_type="stop_container"} 1',
    'kubelet_runtime_operations_total{operation_type="run_podsandbox"} 1',
    'kubelet_runtime_operations_total{operation_type="stop_container"} 1',
  ]);
  const calls = ["ImageFsInfo", "UpdateContainerResources", "ListPodSandboxStats", "ExecSync"];
  expect(calls.map(operationOf)).toEqual(["image_fs_info", "update_container", "list_podsandbox_stats", "exec_sync"]);
});
