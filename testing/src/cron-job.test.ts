import type { CronJob, CronJobSpec, Job } from "@tsukube/api/types/batch-v1";
import type { Event, Pod } from "@tsukube/api/types/core-v1";
import type { ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./cluster.ts";
import { startManagedCluster } from "./managed-cluster.ts";

const MINUTE = 60_000;
let cluster: Cluster;
let cronJobs: ResourceClient<CronJob>;
let jobs: ResourceClient<Job>;
let pods: ResourceClient<Pod>;
beforeEach(async () => {
  cluster = await startManagedCluster();
  cronJobs = cluster.client.resource({ group: "batch", version: "v1", resource: "cronjobs" }, "default");
  jobs = cluster.client.resource({ group: "batch", version: "v1", resource: "jobs" }, "default");
  pods = cluster.client.resource({ group: "", version: "v1", resource: "pods" }, "default");
});
afterEach(() => cluster.close());

const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };

async function create(spec: Partial<CronJobSpec> = {}): Promise<void> {
  const jobTemplate = { spec: { template } };
  await cronJobs.create({ metadata: { name: "tick" }, spec: { schedule: "* * * * *", jobTemplate, ...spec } });
  await cluster.clock.settle();
}

const jobNames = async (): Promise<unknown> => (await jobs.list()).items.map(({ metadata }) => metadata?.name);
const nameAt = (minute: number): string => `tick-${Date.UTC(2025, 0, 1) / MINUTE + minute}`;

async function endAllPods(phase: string): Promise<void> {
  for (const pod of (await pods.list()).items)
    if (pod.status?.phase === "Pending") await pods.updateStatus({ ...pod, status: { ...pod.status, phase } });
  await cluster.clock.advance(1000);
}

test("jobs start on the minute, run side by side, and are listed while they run", async () => {
  await create();
  await cluster.clock.advance(59_000);
  expect(await jobNames()).toEqual([]);
  await cluster.clock.advance(MINUTE + 2000);
  expect(await jobNames()).toEqual([nameAt(1), nameAt(2)]);
  const { status } = await cronJobs.get("tick");
  expect(status).toMatchObject({ lastScheduleTime: "2025-01-01T00:02:00Z" });
  expect(status?.active?.map(({ kind, apiVersion, name }) => `${apiVersion} ${kind} ${name}`)).toEqual([
    `batch/v1 Job ${nameAt(1)}`,
    `batch/v1 Job ${nameAt(2)}`,
  ]);
  await endAllPods("Succeeded");
  expect((await cronJobs.get("tick")).status).toEqual({
    lastScheduleTime: "2025-01-01T00:02:00Z",
    lastSuccessfulTime: "2025-01-01T00:02:01Z",
  });
});

test("with Forbid the next job starts when the one before has ended", async () => {
  await create({ concurrencyPolicy: "Forbid" });
  await cluster.clock.advance(3 * MINUTE);
  expect(await jobNames()).toEqual([nameAt(1)]);
  await endAllPods("Succeeded");
  expect(await jobNames()).toEqual([nameAt(1), nameAt(3)]);
});

test("with Replace the next job takes the place of the one before", async () => {
  await create({ concurrencyPolicy: "Replace" });
  await cluster.clock.advance(MINUTE + 1000);
  expect(await jobNames()).toEqual([nameAt(1)]);
  await cluster.clock.advance(MINUTE);
  expect(await jobNames()).toEqual([nameAt(2)]);
  expect((await cronJobs.get("tick")).status?.active).toHaveLength(1);
  expect((await pods.list()).items).toHaveLength(1);
});

test("history is kept within its limits", async () => {
  await create({ successfulJobsHistoryLimit: 2 });
  for (let minute = 0; minute < 4; minute += 1) {
    await cluster.clock.advance(MINUTE);
    await endAllPods("Succeeded");
  }
  expect(await jobNames()).toEqual([nameAt(3), nameAt(4)]);
});

test("a suspended cron job starts nothing, and goes on with the run that it missed last", async () => {
  await create({ suspend: true });
  await cluster.clock.advance(5 * MINUTE);
  expect(await jobNames()).toEqual([]);
  await cronJobs.patch("tick", { type: "merge", body: { spec: { suspend: false } } });
  await cluster.clock.advance(1000);
  expect(await jobNames()).toEqual([nameAt(5)]);
});

test("a cron job sleeps for hours, in its own time zone", async () => {
  await create({ schedule: "30 4 * * *", timeZone: "Europe/Berlin" });
  await cluster.clock.advance(3.5 * 60 * MINUTE - 1000);
  expect(await jobNames()).toEqual([]);
  await cluster.clock.advance(2000);
  const [job] = (await jobs.list()).items;
  expect(job?.metadata?.annotations).toMatchObject({
    "batch.kubernetes.io/cronjob-scheduled-timestamp": "2025-01-01T04:30:00+01:00",
  });
});

test("a run that another job has taken the name of is reported, once a run", async () => {
  await jobs.create({ metadata: { name: nameAt(1) }, spec: { template, suspend: true } });
  await create();
  await cluster.clock.advance(MINUTE + 30_000);
  const events: ResourceClient<Event> = cluster.client.resource(
    { group: "", version: "v1", resource: "events" },
    "default",
  );
  const { items } = await events.list({ fieldSelector: "involvedObject.kind=CronJob" });
  expect(items).toMatchObject([
    { type: "Warning", reason: "FailedCreate", source: { component: "cronjob-controller" } },
  ]);
  await cluster.clock.advance(MINUTE);
  expect(await jobNames()).toEqual([nameAt(1), nameAt(2)]);
});
