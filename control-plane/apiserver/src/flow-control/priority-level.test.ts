import type { FlowSchema, PriorityLevelConfiguration } from "@tsukube/api/types/flowcontrol-v1";
import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { describe, expect, test } from "vitest";
import { parseRequestInfo } from "../chain/request-info.ts";
import { Flow } from "./flow.ts";
import { FlowMetrics } from "./flow-metrics.ts";
import { type LevelResponse, PriorityLevel } from "./priority-level.ts";
import { Seating } from "./seating.ts";

const QUEUES: LevelResponse = { type: "queue", queues: 64, handSize: 6, queueLengthLimit: 50 };
const ONE_QUEUE: LevelResponse = { type: "queue", queues: 1, handSize: 1, queueLengthLimit: 2 };
const SCHEMA = {
  metadata: { name: "all" },
  spec: { priorityLevelConfiguration: { name: "level" }, distinguisherMethod: { type: "ByUser" } },
} as FlowSchema;
const OBJECT = { metadata: { name: "level" }, spec: { type: "Limited" } } as PriorityLevelConfiguration;

interface Wanted {
  readonly seats?: number;
  /** How long it takes once it has its seats. */
  readonly ms?: number;
  readonly patience?: number;
  readonly signal?: AbortSignal;
}

/** A level on virtual time, and requests of users that take as long as is wanted. */
function setUp(response: LevelResponse, seats: number) {
  const clock = new VirtualClock();
  const registry = createMetrics();
  const metrics = new FlowMetrics(registry);
  const configOf = (to: LevelResponse) => ({
    object: OBJECT,
    response: to,
    limits: { nominal: seats, least: seats, most: seats },
  });
  const level = new PriorityLevel("level", configOf(response), clock, metrics);
  level.limit = seats;
  const flow = new Flow(SCHEMA, level, metrics);
  const seat = (name: string, wanted: Wanted = {}) => {
    const asked = { user: { name, groups: [], extra: {} }, info: parseRequestInfo("GET", "/api/v1/pods") };
    return level.seat(flow, asked, wanted.seats ?? 1, wanted.patience ?? 60_000, wanted);
  };
  /** @returns how long it waited; undefined: it was refused. */
  const request = async (name: string, wanted: Wanted = {}): Promise<number | undefined> => {
    const came = clock.monotonic();
    const seating = await seat(name, wanted);
    if (seating === undefined) return undefined;
    const waited = clock.monotonic() - came;
    await clock.sleep(wanted.ms ?? 100);
    seating.answered();
    return waited;
  };
  /** `lanes` requests at any time until `until`. @returns how long each waited that was served by then. */
  const stream = async (
    name: string,
    lanes: number,
    until: number,
    wanted: Wanted = {},
  ): Promise<readonly number[]> => {
    const waits: number[] = [];
    const lane = async (): Promise<void> => {
      while (clock.monotonic() < until) {
        const waited = await request(name, wanted);
        if (waited !== undefined && clock.monotonic() <= until) waits.push(waited);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return waits;
  };
  const shown = (name: string): readonly string[] =>
    registry
      .expose()
      .split("\n")
      .filter((line) => line.startsWith(`apiserver_flowcontrol_${name}{`))
      .map((line) => line.replace("apiserver_flowcontrol_", ""));
  return { clock, level, seat, request, stream, shown, configOf };
}

describe("a priority level that has seats", () => {
  test("gives them at once: nothing is promised, no timer runs, no signal is asked for", () => {
    const { seat, clock, level } = setUp(QUEUES, 2);
    const unasked = {
      get signal(): AbortSignal {
        throw new Error("who has a seat does not need to know when the client goes");
      },
    };
    const first = seat("jane", unasked);
    const second = seat("jane", unasked);
    expect([first, second]).toEqual([expect.any(Seating), expect.any(Seating)]);
    expect(clock.pending).toBe(0);
    expect(level.executing.size).toBe(2);
    (first as Seating).answered();
    (first as Seating).answered();
    expect(level.executing.size).toBe(1);
    expect(seat("jane")).toBeInstanceOf(Seating);
  });

  test("keeps those of a watch until it says that it has begun", () => {
    const { seat, level } = setUp(QUEUES, 1);
    const seating = seat("jane") as Seating;
    seating.keep();
    seating.answered();
    expect(level.executing.size).toBe(1);
    seating.end();
    expect(level.isIdle).toBe(true);
  });
});

describe("a priority level without seats", () => {
  test("holds requests until they give up, or it has some", async () => {
    const { clock, level, request, shown } = setUp(QUEUES, 0);
    const late = request("jane", { patience: 1000 });
    await clock.advance(1000);
    expect(await late).toBeUndefined();
    expect(shown("rejected_requests_total")).toEqual([expect.stringMatching(/reason="time-out"\} 1$/)]);
    const served = request("jane");
    await clock.advance(500);
    level.limit = 1;
    await clock.advance(100);
    expect(await served).toBe(500);
  });
});

describe("a priority level whose seats are taken", () => {
  test("does not let an elephant delay a mouse", async () => {
    const { clock, stream } = setUp(QUEUES, 4);
    const elephant = stream("elephant", 200, 20_000);
    await clock.advance(5000);
    const mouse = stream("mouse", 1, 15_000);
    await clock.advance(100_000);
    const slowest = (waits: readonly number[]): number => Math.max(...waits);
    expect((await mouse).length).toBeGreaterThan(45);
    expect(slowest(await mouse)).toBeLessThanOrEqual(200); // two requests
    expect(slowest(await elephant)).toBeGreaterThan(4000);
  });

  test("gives flows the same, however many requests they have", async () => {
    const { clock, stream } = setUp(QUEUES, 4);
    const many = stream("many", 100, 20_000);
    const few = stream("few", 10, 20_000);
    await clock.advance(60_000);
    const part = (await few).length / ((await few).length + (await many).length);
    expect(part).toBeGreaterThan(0.4);
  });

  test("counts how long requests take", async () => {
    const { clock, stream } = setUp(QUEUES, 4);
    const long = stream("long", 40, 40_000, { ms: 400 });
    const short = stream("short", 40, 40_000, { ms: 100 });
    await clock.advance(80_000);
    const ratio = (await short).length / (await long).length;
    expect(ratio).toBeGreaterThan(3.5);
    expect(ratio).toBeLessThan(4.5);
  });

  test("counts how many seats requests take, and waits for those that a wide one needs", async () => {
    const { clock, stream } = setUp(QUEUES, 4);
    const wide = stream("wide", 100, 40_000, { seats: 4 });
    const thin = stream("thin", 100, 40_000);
    await clock.advance(80_000);
    const ratio = (await thin).length / (await wide).length;
    expect(ratio).toBeGreaterThan(3.5);
    expect(ratio).toBeLessThan(4.5);
  });

  test("serves a request that is wider than itself alone", async () => {
    const { clock, level, request } = setUp(ONE_QUEUE, 2);
    const before = request("jane");
    const wide = request("jane", { seats: 5 });
    const after = request("jane");
    await clock.advance(150);
    expect([...level.executing].map(({ seats }) => seats)).toEqual([5]);
    await clock.advance(1000);
    expect(await Promise.all([before, wide, after])).toEqual([0, 100, 200]);
  });

  test("refuses those for whom its queue has no room", async () => {
    const { clock, level, request, shown } = setUp(ONE_QUEUE, 1);
    const served = [request("jane"), request("jane"), request("jane")];
    expect(await request("jane")).toBeUndefined();
    expect(shown("current_inqueue_requests")).toEqual([
      'current_inqueue_requests{priority_level="level",flow_schema="all"} 2',
    ]);
    await clock.advance(1000);
    expect(await Promise.all(served)).toEqual([0, 100, 200]);
    expect(level.counts).toEqual({ dispatched: 3, refused: 1, timedOut: 0, cancelled: 0 });
    expect(shown("rejected_requests_total")).toEqual([
      'rejected_requests_total{priority_level="level",flow_schema="all",reason="queue-full"} 1',
    ]);
    expect(shown("request_wait_duration_seconds_count")).toContain(
      'request_wait_duration_seconds_count{priority_level="level",flow_schema="all",execute="false"} 1',
    );
    expect(shown("dispatched_requests_total")).toEqual([
      'dispatched_requests_total{priority_level="level",flow_schema="all"} 3',
    ]);
    expect(shown("current_executing_seats")).toEqual([
      'current_executing_seats{priority_level="level",flow_schema="all"} 0',
    ]);
  });

  test("refuses all others where it has no queues", async () => {
    const { clock, request, shown } = setUp({ type: "reject" }, 1);
    const served = request("jane");
    expect(await request("joe")).toBeUndefined();
    await clock.advance(100);
    expect(await served).toBe(0);
    expect(shown("rejected_requests_total")[0]).toContain('reason="concurrency-limit"');
  });

  test("refuses who waits for too long", async () => {
    const { clock, level, request, shown } = setUp(ONE_QUEUE, 1);
    const served = request("jane", { ms: 5000 });
    const impatient = request("jane", { patience: 1000 });
    const patient = request("jane", { patience: 10_000 });
    await clock.advance(1000);
    expect(await impatient).toBeUndefined();
    expect(shown("rejected_requests_total")[0]).toContain('reason="time-out"');
    await clock.advance(10_000);
    expect([await served, await patient]).toEqual([0, 5000]);
    expect(level.counts).toEqual({ dispatched: 2, refused: 1, timedOut: 1, cancelled: 0 });
    expect(clock.pending).toBe(0);
  });

  test("lets who goes away make room, also one that is too wide for now", async () => {
    const { clock, level, request } = setUp(ONE_QUEUE, 2);
    const gone = new AbortController();
    const served = request("jane", { ms: 5000 });
    const wide = request("jane", { seats: 2, signal: gone.signal });
    const narrow = request("jane");
    await clock.advance(1000);
    gone.abort();
    await clock.advance(10_000);
    expect(await Promise.all([served, wide, narrow])).toEqual([0, undefined, 1000]);
    expect(level.counts).toEqual({ dispatched: 2, refused: 1, timedOut: 0, cancelled: 1 });
  });

  test("serves those that wait when it gets more seats, or no longer has queues", async () => {
    const { clock, level, request, configOf } = setUp(ONE_QUEUE, 1);
    const waits = [request("jane"), request("jane"), request("jane")];
    await clock.advance(50);
    level.limit = 2;
    level.configure(configOf({ type: "reject" }));
    await clock.advance(1000);
    expect(await Promise.all(waits)).toEqual([0, 50, 100]);
    expect([...level.queues]).toEqual([]);
    expect(level.isIdle).toBe(true);
  });
});

test("an exempt priority level refuses nobody", async () => {
  const { clock, level, request } = setUp({ type: "exempt" }, 0);
  const served = Array.from({ length: 100 }, () => request("root"));
  expect(level.executing.size).toBe(100);
  await clock.advance(100);
  expect(await Promise.all(served)).toEqual(Array.from({ length: 100 }, () => 0));
});
