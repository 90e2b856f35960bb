import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { QueueMetrics } from "./queue-metrics.ts";
import { WorkQueue } from "./work-queue.ts";

test("a queue tells how many keys wait, how long they waited, and how long work takes and has taken", async () => {
  const clock = new VirtualClock(0);
  const metrics = createMetrics();
  const measured = new QueueMetrics(metrics, clock);
  const queue = new WorkQueue(clock, () => 0, measured.of("job"));
  const value = (name: string): number =>
    Number(new RegExp(`^workqueue_${name}\\{name="job"\\} (.*)$`, "m").exec(metrics.expose())?.[1]);
  for (const key of ["a", "b", "c", "a"]) queue.add(key);
  expect([value("depth"), value("adds_total")]).toEqual([3, 3]);
  await clock.advance(2000);
  await queue.take();
  await queue.take();
  expect([value("depth"), value("queue_duration_seconds_count"), value("queue_duration_seconds_sum")]).toEqual([
    1, 2, 4,
  ]);
  await clock.advance(500);
  queue.done("b");
  queue.add("a");
  await clock.advance(500);
  expect([value("depth"), value("adds_total")]).toEqual([1, 4]);
  expect([value("unfinished_work_seconds"), value("longest_running_processor_seconds")]).toEqual([1, 1]);
  queue.done("a");
  expect([value("work_duration_seconds_sum"), value("work_duration_seconds_count")]).toEqual([1.5, 2]);
  expect([value("depth"), value("unfinished_work_seconds")]).toEqual([2, 0]);
  queue.retry("a");
  expect(value("retries_total")).toBe(1);
  queue.close();
  expect(value("depth")).toBe(0);
});

test("queues of the same name have their own keys, and are counted together", async () => {
  const clock = new VirtualClock(0);
  const metrics = createMetrics();
  const measured = new QueueMetrics(metrics, clock);
  const [approving, signing] = [0, 1].map(() => new WorkQueue(clock, () => 0, measured.of("certificate")));
  const value = (name: string): number =>
    Number(new RegExp(`^workqueue_${name}\\{name="certificate"\\} (.*)$`, "m").exec(metrics.expose())?.[1]);
  approving!.add("a");
  await clock.advance(1000);
  signing!.add("a");
  expect([value("depth"), value("adds_total")]).toEqual([2, 2]);
  await approving!.take();
  await clock.advance(1000);
  await signing!.take();
  expect([value("depth"), value("queue_duration_seconds_sum"), value("queue_duration_seconds_count")]).toEqual([
    0, 2, 2,
  ]);
  await clock.advance(1000);
  expect([value("unfinished_work_seconds"), value("longest_running_processor_seconds")]).toEqual([3, 2]);
  approving!.done("a");
  expect([value("work_duration_seconds_sum"), value("unfinished_work_seconds")]).toEqual([2, 1]);
  signing!.add("b");
  approving!.close();
  expect(value("depth")).toBe(1);
  signing!.done("a");
  expect([value("work_duration_seconds_sum"), value("work_duration_seconds_count")]).toEqual([3, 2]);
  signing!.close();
  expect(value("depth")).toBe(0);
});

test("the buckets are client-go's", () => {
  const metrics = createMetrics();
  const measured = new QueueMetrics(metrics, new VirtualClock(0));
  measured.of("job");
  const bounds = [...metrics.expose().matchAll(/work_duration_seconds_bucket\{name="job",le="([^"]+)"\}/g)];
  expect(bounds.map(([, bound]) => bound)).toEqual(
    "1e-08 1e-07 1e-06 1e-05 0.0001 0.001 0.01 0.1 1 10 +Inf".split(" "),
  );
});
