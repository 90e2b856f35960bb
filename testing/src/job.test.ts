import type { Job, JobSpec } from "@tsukube/api/types/batch-v1";
import type { Pod, PodStatus } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

let cluster: Cluster;
let jobs: ResourceClient<Job>;
let pods: ResourceClient<Pod>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  jobs = cluster.client.resource({ group: "batch", version: "v1", resource: "jobs" }, "default");
  pods = cluster.client.resource({ group: "", version: "v1", resource: "pods" }, "default");
});
afterEach(() => cluster.close());

const INDEX = "batch.kubernetes.io/job-completion-index";
const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };

async function create(spec: Partial<JobSpec> = {}): Promise<Job> {
  const job = await jobs.create({ metadata: { name: "pi" }, spec: { template, ...spec } });
  await cluster.clock.advance(1000);
  return job;
}

async function running(): Promise<readonly Pod[]> {
  const { items } = await pods.list();
  return items.filter(({ status, metadata }) => status?.phase === "Pending" && !metadata?.deletionTimestamp);
}

/** What a kubelet would report of the pod's end. */
async function end(pod: Pod, exitCode: number, more: Partial<PodStatus> = {}): Promise<void> {
  const phase = exitCode === 0 ? "Succeeded" : "Failed";
  const finishedAt = formatTime(cluster.clock.now());
  const state = { terminated: { exitCode, finishedAt } };
  const status = { name: "c", image: "i", imageID: "", ready: false, restartCount: 0, state };
  await pods.updateStatus({ ...pod, status: { ...pod.status, phase, containerStatuses: [status], ...more } });
}

const conditions = async (): Promise<unknown> =>
  (await jobs.get("pi")).status?.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`);

test("a job completes with its pod, and the pod is free to go", async () => {
  await create();
  const [pod] = await running();
  expect(pod?.metadata?.finalizers).toEqual(["batch.kubernetes.io/job-tracking"]);
  expect((await jobs.get("pi")).status).toMatchObject({ active: 1, ready: 0, terminating: 0 });
  await end(pod!, 0);
  await cluster.clock.advance(1000);
  expect((await pods.get(pod!.metadata!.name!)).metadata?.finalizers).toBeUndefined();
  const { status } = await jobs.get("pi");
  expect(status).toEqual({
    startTime: "2025-01-01T00:00:00Z",
    completionTime: "2025-01-01T00:00:01Z",
    succeeded: 1,
    ready: 0,
    terminating: 0,
    uncountedTerminatedPods: {},
    conditions: expect.anything(),
  });
  expect(await conditions()).toEqual([
    "SuccessCriteriaMet=True CompletionsReached",
    "Complete=True CompletionsReached",
  ]);
});

test("failed pods are replaced after 10 s, 20 s, ... until the limit is reached", async () => {
  await create({ backoffLimit: 2 });
  for (const wait of [10_000, 20_000]) {
    await end((await running())[0]!, 1);
    await cluster.clock.advance(wait - 2000);
    expect(await running()).toHaveLength(0);
    await cluster.clock.advance(4000);
    expect(await running()).toHaveLength(1);
  }
  await end((await running())[0]!, 1);
  await cluster.clock.advance(1000);
  expect((await jobs.get("pi")).status).toMatchObject({ failed: 3 });
  expect(await conditions()).toEqual(["FailureTarget=True BackoffLimitExceeded", "Failed=True BackoffLimitExceeded"]);
});

test("an indexed job runs each index once", async () => {
  await create({ completionMode: "Indexed", completions: 3, parallelism: 2 });
  const first = await running();
  expect(first.map(({ metadata }) => metadata?.annotations?.[INDEX]).sort()).toEqual(["0", "1"]);
  expect(first[0]?.metadata?.name).toMatch(/^pi-[01]-[a-z0-9]{5}$/);
  expect(first[0]?.metadata?.labels?.[INDEX]).toBe(first[0]?.metadata?.annotations?.[INDEX]);
  expect(first[0]?.spec?.hostname).toBe(`pi-${first[0]?.metadata?.annotations?.[INDEX]}`);
  for (const pod of first) await end(pod, 0);
  await cluster.clock.advance(1000);
  expect((await jobs.get("pi")).status).toMatchObject({ succeeded: 2, completedIndexes: "0,1", active: 1 });
  await end((await running())[0]!, 0);
  await cluster.clock.advance(1000);
  expect((await jobs.get("pi")).status).toMatchObject({ succeeded: 3, completedIndexes: "0-2" });
});

test("indexes fail for themselves with backoffLimitPerIndex", async () => {
  await create({ completionMode: "Indexed", completions: 2, parallelism: 2, backoffLimitPerIndex: 1 });
  const failing = (await running()).find(({ metadata }) => metadata?.annotations?.[INDEX] === "1")!;
  await end(failing, 1);
  await cluster.clock.advance(5000);
  expect((await pods.get(failing.metadata!.name!)).metadata?.finalizers).toHaveLength(1);
  await cluster.clock.advance(10_000);
  const again = (await running()).find(({ metadata }) => metadata?.annotations?.[INDEX] === "1")!;
  expect(again.metadata?.annotations?.["batch.kubernetes.io/job-index-failure-count"]).toBe("1");
  expect((await pods.get(failing.metadata!.name!)).metadata?.finalizers).toBeUndefined();
  await end(again, 1);
  await cluster.clock.advance(60_000);
  expect((await jobs.get("pi")).status).toMatchObject({ failedIndexes: "1", failed: 2, active: 1 });
  await end((await running())[0]!, 0);
  await cluster.clock.advance(1000);
  expect((await jobs.get("pi")).status).toMatchObject({ failedIndexes: "1", completedIndexes: "0" });
  expect(await conditions()).toEqual(["FailureTarget=True FailedIndexes", "Failed=True FailedIndexes"]);
});

test("a suspended job stops its pods without counting them, and starts anew", async () => {
  await create({ parallelism: 2, completions: 2 });
  await jobs.patch("pi", { type: "merge", body: { spec: { suspend: true } } });
  await cluster.clock.advance(1000);
  expect((await pods.list()).items).toEqual([]);
  expect(await conditions()).toEqual(["Suspended=True JobSuspended"]);
  expect((await jobs.get("pi")).status?.startTime).toBeUndefined();
  await cluster.clock.advance(60_000);
  await jobs.patch("pi", { type: "merge", body: { spec: { suspend: false } } });
  await cluster.clock.advance(1000);
  expect(await running()).toHaveLength(2);
  expect(await conditions()).toEqual(["Suspended=False JobResumed"]);
  expect((await jobs.get("pi")).status).toMatchObject({ active: 2, startTime: "2025-01-01T00:01:02Z" });
  expect((await jobs.get("pi")).status?.failed).toBeUndefined();
});

test("a job that takes too long fails, and its pods stop", async () => {
  await create({ activeDeadlineSeconds: 30 });
  await cluster.clock.advance(31_000);
  expect(await conditions()).toEqual(["FailureTarget=True DeadlineExceeded", "Failed=True DeadlineExceeded"]);
  expect((await pods.list()).items).toEqual([]);
  expect((await jobs.get("pi")).status).toMatchObject({ failed: 1 });
});

test("the pod failure policy ignores disruptions and fails the job on an exit code", async () => {
  await create({
    backoffLimit: 0,
    podFailurePolicy: {
      rules: [
        { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] },
        { action: "FailJob", onExitCodes: { operator: "In", values: [42] } },
      ],
    },
  });
  await end((await running())[0]!, 1, { conditions: [{ type: "DisruptionTarget", status: "True" }] });
  await cluster.clock.advance(15_000);
  expect(await running()).toHaveLength(1);
  await end((await running())[0]!, 42);
  await cluster.clock.advance(1000);
  expect(await conditions()).toEqual(["FailureTarget=True PodFailurePolicy", "Failed=True PodFailurePolicy"]);
  expect((await jobs.get("pi")).status).toMatchObject({ failed: 1 });
});

test("a success policy ends the job with its leader", async () => {
  await create({
    completionMode: "Indexed",
    completions: 3,
    parallelism: 3,
    successPolicy: { rules: [{ succeededIndexes: "0" }] },
  });
  const leader = (await running()).find(({ metadata }) => metadata?.annotations?.[INDEX] === "0")!;
  await end(leader, 0);
  await cluster.clock.advance(1000);
  expect(await conditions()).toEqual(["SuccessCriteriaMet=True SuccessPolicy", "Complete=True SuccessPolicy"]);
  expect((await jobs.get("pi")).status).toMatchObject({ succeeded: 1, completedIndexes: "0" });
  expect(await running()).toEqual([]);
});

test("pods of a deleted job are freed and collected", async () => {
  await create({ parallelism: 3 });
  await jobs.delete("pi", { propagationPolicy: "Background" });
  await cluster.clock.advance(5000);
  expect((await pods.list()).items).toEqual([]);
});

test("a job of another controller is left alone", async () => {
  await create({ managedBy: "example.com/mine" });
  expect((await pods.list()).items).toEqual([]);
  expect((await jobs.get("pi")).status).toEqual({});
});

test("many pods are each counted once", async () => {
  await create({ parallelism: 40, completions: 120 });
  for (let round = 0; round < 3; round += 1) {
    for (const pod of await running()) await end(pod, 0);
    await cluster.clock.advance(2000);
  }
  expect((await jobs.get("pi")).status).toMatchObject({ succeeded: 120, uncountedTerminatedPods: {} });
  expect((await pods.list()).items).toHaveLength(120);
});

test("a pod that no longer matches is let go, with nothing of the job left on it, and replaced", async () => {
  await create();
  const name = (await running())[0]!.metadata!.name!;
  const labels = { "batch.kubernetes.io/controller-uid": "other" };
  await pods.patch(name, { type: "merge", body: { metadata: { labels } } });
  await cluster.clock.advance(1000);
  const released = await pods.get(name);
  expect([released.metadata?.ownerReferences ?? [], released.metadata?.finalizers ?? []]).toEqual([[], []]);
  expect(await running()).toHaveLength(2);
});

test("a matching orphan is adopted and counted, even one that has ended", async () => {
  const labels = { app: "pi" };
  for (const name of ["a", "b"]) await pods.create({ metadata: { name, labels }, spec: template.spec });
  await end(await pods.get("a"), 0);
  const selection = { manualSelector: true, selector: { matchLabels: labels } };
  await create({ ...selection, template: { ...template, metadata: { labels } }, completions: 2, parallelism: 2 });
  expect((await pods.get("b")).metadata?.finalizers).toEqual(["batch.kubernetes.io/job-tracking"]);
  expect((await jobs.get("pi")).status).toMatchObject({ succeeded: 1, active: 1 });
  expect((await pods.list()).items).toHaveLength(2);
});

test("a job that runs is not written to while nothing happens", async () => {
  await create();
  const { metadata } = await jobs.get("pi");
  await cluster.clock.advance(600_000);
  expect((await jobs.get("pi")).metadata?.resourceVersion).toBe(metadata?.resourceVersion);
});

test("a finished job goes after its time to live, and its pods with it", async () => {
  await create({ ttlSecondsAfterFinished: 30 });
  await end((await running())[0]!, 0);
  await cluster.clock.advance(29_000);
  expect((await jobs.list()).items).toHaveLength(1);
  await cluster.clock.advance(5000);
  expect([(await jobs.list()).items, (await pods.list()).items]).toEqual([[], []]);
});

test("a job whose pods a quota refuses is tried again within a minute of when there is room", async () => {
  const quotas = cluster.client.resource({ group: "", version: "v1", resource: "resourcequotas" }, "default");
  await quotas.create({ metadata: { name: "none" }, spec: { hard: { pods: "0" } } } as object);
  await cluster.clock.advance(1000);
  await create({});
  await cluster.clock.advance(30 * 60_000);
  expect((await pods.list()).items).toEqual([]);
  await quotas.delete("none");
  await cluster.clock.advance(60_000);
  expect(await running()).toHaveLength(1);
});
