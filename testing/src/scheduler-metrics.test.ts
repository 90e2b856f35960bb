import { ApiError, type GroupVersionResource, type KubeObject } from "@tsukube/api";
import type { Client, ResourceClient } from "@tsukube/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ScheduledCluster } from "./scheduled-cluster.ts";

let world: ScheduledCluster;
/** What the API server does not let the scheduler do. */
let refused: { readonly verb: keyof ResourceClient<KubeObject>; readonly error: ApiError; times: number };
beforeEach(async () => {
  refused = { verb: "get", error: ApiError.unauthorized(), times: 0 };
  world = await ScheduledCluster.start((client) => ({
    raw: client.raw.bind(client),
    discover: client.discover.bind(client),
    discoverAll: client.discoverAll.bind(client),
    close: client.close.bind(client),
    resource: (...of) => refusing(client, ...of),
  }));
});

function refusing<T extends KubeObject>(client: Client, of: GroupVersionResource, namespace?: string) {
  return new Proxy(client.resource<T>(of, namespace), {
    get: (real, name) => {
      const method = Reflect.get(real, name) as (...given: unknown[]) => unknown;
      return (...given: unknown[]): unknown => {
        if (name === refused.verb && refused.times-- > 0) return Promise.reject(refused.error);
        return method.apply(real, given);
      };
    },
  });
}
afterEach(() => world.close());

/** Of the scheduler's series without help; undefined: there is none. */
function value(series: string): number | undefined {
  const line = world.metrics
    .expose()
    .split("\n")
    .find((one) => one.startsWith(`scheduler_${series} `));
  return line === undefined ? undefined : Number(line.split(" ")[1]);
}

const attempts = (result: string) => value(`schedule_attempts_total{result="${result}",profile="default-scheduler"}`);
const pending = () =>
  ["active", "backoff", "unschedulable", "gated"].map((queue) => value(`pending_pods{queue="${queue}"}`));
const cached = () => ["nodes", "pods", "assumed_pods"].map((type) => value(`cache_size{type="${type}"}`));

test("attempts are counted by what they came to, and how long pods waited for their place", async () => {
  await world.pod("early", "800m");
  expect([attempts("unschedulable"), attempts("scheduled"), pending()]).toEqual([1, undefined, [0, 0, 1, 0]]);
  await world.settle(20_000);
  await world.node("a");
  expect([attempts("scheduled"), pending()]).toEqual([1, [0, 0, 0, 0]]);
  const needed = value("pod_scheduling_attempts_sum")!;
  expect([needed >= 2, value("pod_scheduling_attempts_count")]).toEqual([true, 1]);
  expect(value(`pod_scheduling_sli_duration_seconds_sum{attempts="${needed}"}`)).toBeGreaterThanOrEqual(20);
  const took = 'scheduling_attempt_duration_seconds_count{result="scheduled",profile="default-scheduler"}';
  expect([value(took), value("scheduling_algorithm_duration_seconds_count")! >= 2]).toEqual([1, true]);
  expect(cached().slice(0, 2)).toEqual([1, 1]);
  await world.pod("late", "100m");
  expect([attempts("scheduled"), value('pod_scheduling_attempts_bucket{le="1"}')]).toEqual([2, 1]);
  expect(cached().slice(0, 2)).toEqual([1, 2]);
});

test("pods that wait behind gates, and those that have to go for others, are counted", async () => {
  await world.pod("gated", "100m", { schedulingGates: [{ name: "example.com/later" }] });
  expect([pending(), attempts("unschedulable")]).toEqual([[0, 0, 0, 1], undefined]);
  await world.priority("high", 1000);
  await world.node("a");
  await world.pod("victim", "800m");
  expect(value("preemption_attempts_total")).toBe(0);
  await world.pod("urgent", "800m", { priorityClassName: "high" });
  expect(value("preemption_attempts_total")).toBeGreaterThan(0);
  expect([value("preemption_victims_sum"), value("preemption_victims_count")]).toEqual([1, 1]);
});

test("an attempt counts once: one whose outcome cannot be told as that outcome, and the pod waits to be tried again", async () => {
  refused = { verb: "patch", error: ApiError.internal("away"), times: Number.POSITIVE_INFINITY };
  await world.pod("p", "800m");
  const tried = attempts("unschedulable")!;
  expect([tried > 1, attempts("error"), pending()]).toEqual([true, undefined, [0, 1, 0, 0]]);
  expect(value('scheduling_attempt_duration_seconds_count{result="unschedulable",profile="default-scheduler"}')).toBe(
    tried,
  );
});

test.each([ApiError.conflict({ group: "", resource: "pods" }, "p", "it is new"), ApiError.internal("away")])(
  "an attempt whose binding is refused counts as an error: $message",
  async (error) => {
    refused = { verb: "createSubresource", error, times: 1 };
    await world.node("a");
    await world.pod("p", "100m");
    expect(attempts("error")).toBe(1);
  },
);
