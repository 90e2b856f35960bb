import type { FlowSchema, PriorityLevelConfiguration } from "@tsukube/api/types/flowcontrol-v1";
import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import facts from "../../facts/fair-queuing.json" with { type: "json" };
import { parseRequestInfo } from "../chain/request-info.ts";
import { Flow } from "./flow.ts";
import { FlowMetrics } from "./flow-metrics.ts";
import { PriorityLevel } from "./priority-level.ts";

type Recorded = readonly [user: string, arrival: number, ms: number, seats: number, beginning: number | null];

const SCHEMA = { metadata: { name: "s" }, spec: { distinguisherMethod: { type: "ByUser" } } } as FlowSchema;
const PATIENT_MS = 1e9;

test.each(facts.runs)("$requests.length requests for $seats seats begin when upstream's do", async (run) => {
  const { requests, seats, ...queues } = run;
  const clock = new VirtualClock();
  const metrics = new FlowMetrics(createMetrics());
  const config = {
    object: {} as PriorityLevelConfiguration,
    response: { type: "queue", ...queues },
    limits: { nominal: seats, least: seats, most: seats },
  } as const;
  const level = new PriorityLevel("level", config, clock, metrics);
  level.limit = seats;
  const flow = new Flow(SCHEMA, level, metrics);
  const info = parseRequestInfo("GET", "/api/v1/pods");
  const began = async ([name, arrival, ms, wide]: Recorded): Promise<number | undefined> => {
    await clock.sleep(arrival);
    const seating = await level.seat(flow, { user: { name, groups: [], extra: {} }, info }, wide, PATIENT_MS, {});
    if (seating === undefined) return undefined;
    const now = clock.monotonic();
    clock.after(ms, () => seating.answered());
    return now;
  };
  const recorded = requests as unknown as readonly Recorded[];
  const all = Promise.all(recorded.map(began));
  await clock.advance(60_000);
  const own = await all;
  const others = recorded.filter(([, , , , beginning], i) => !isSame(own[i], beginning ?? undefined));
  expect(others).toEqual([]);
});

/** But for what rounding leaves. */
function isSame(own: number | undefined, recorded: number | undefined): boolean {
  return own === undefined || recorded === undefined ? own === recorded : Math.abs(own - recorded) < 0.01;
}
