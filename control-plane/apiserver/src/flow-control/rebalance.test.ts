import { factsText } from "@tsukube/api";
import type { PriorityLevelConfiguration } from "@tsukube/api/types/flowcontrol-v1";
import { createMetrics } from "@tsukube/host";
import { VirtualClock } from "@tsukube/testing";
import { expect, test } from "vitest";
import { FlowMetrics } from "./flow-metrics.ts";
import { levelConfigs } from "./level-configs.ts";
import { PriorityLevel } from "./priority-level.ts";
import { rebalance } from "./rebalance.ts";

const PERIOD = 10_000;

interface Shares {
  readonly shares: number;
  readonly lendablePercent?: number;
  readonly borrowingLimitPercent?: number;
}

/** 600 seats for levels of these names. */
function setUp(shares: Readonly<Record<string, Shares>>) {
  const objects = Object.entries(shares).map(([name, { shares: nominalConcurrencyShares, ...rest }]) => {
    const isExempt = name === "exempt";
    const limits = { nominalConcurrencyShares, ...rest };
    const limited = { ...limits, limitResponse: { type: "Reject" } };
    return {
      metadata: { name },
      spec: isExempt ? { type: "Exempt", exempt: limits } : { type: "Limited", limited },
    } as PriorityLevelConfiguration;
  });
  return of(objects);
}

function of(objects: readonly PriorityLevelConfiguration[]) {
  const clock = new VirtualClock();
  const metrics = new FlowMetrics(createMetrics());
  const levels = levelConfigs(objects, 600).map(
    (config) => new PriorityLevel(config.object.metadata?.name ?? "", config, clock, metrics),
  );
  const limits = (): Readonly<Record<string, number>> =>
    Object.fromEntries(levels.map(({ name, limit }) => [name, limit]));
  rebalance(levels, metrics, clock.monotonic());
  return {
    levels,
    limits,
    /** A period in which each level wants so many seats. */
    async period(wanted: Readonly<Record<string, number>>): Promise<Readonly<Record<string, number>>> {
      for (const { name, demand } of levels) demand.set(wanted[name] ?? 0, clock.monotonic());
      await clock.advance(PERIOD);
      rebalance(levels, metrics, clock.monotonic());
      return limits();
    },
  };
}

test("the levels of a fresh cluster have the seats that they have in upstream's", () => {
  const facts = JSON.parse(factsText("bootstrap.json")) as Record<string, readonly PriorityLevelConfiguration[]>;
  const { levels, limits } = of(facts["flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations"]!);
  const configured = levels.map(({ name, limits: { nominal, least, most } }) => [name, [nominal, least, most]]);
  expect(Object.fromEntries(configured)).toEqual({
    "catch-all": [13, 13, 613],
    exempt: [0, 0, 600],
    "global-default": [49, 24, 649],
    "leader-election": [25, 25, 625],
    "node-high": [98, 73, 698],
    system: [74, 50, 674],
    "workload-high": [98, 49, 698],
    "workload-low": [245, 24, 845],
  });
  expect(limits()).toEqual({
    "catch-all": 30,
    exempt: 0,
    "global-default": 56,
    "leader-election": 58,
    "node-high": 170,
    system: 117,
    "workload-high": 114,
    "workload-low": 56,
  });
});

test("a level that wants more borrows what others do not use and lend", async () => {
  const { period } = setUp({
    busy: { shares: 100 },
    idle: { shares: 100, lendablePercent: 50 },
    proud: { shares: 100, lendablePercent: 0 },
  });
  const { busy, idle, proud } = await period({ busy: 1000 });
  expect([busy, idle, proud]).toEqual([300, 100, 200]);
});

test("a level that lends all keeps a seat, unless it is due none", async () => {
  const { period } = setUp({
    busy: { shares: 100 },
    idle: { shares: 100, lendablePercent: 100 },
    jail: { shares: 0, borrowingLimitPercent: 0 },
  });
  expect(await period({ busy: 1000, jail: 10 })).toEqual({ busy: 600, idle: 1, jail: 0 });
});

test("a level borrows no more than its limit", async () => {
  const { period } = setUp({
    busy: { shares: 100, borrowingLimitPercent: 10 },
    idle: { shares: 100, lendablePercent: 100 },
  });
  expect((await period({ busy: 1000 }))["busy"]).toBe(330);
});

test("what a level lent it has again when it has wanted it for a period", async () => {
  const { period } = setUp({
    busy: { shares: 100, lendablePercent: 50 },
    owner: { shares: 100, lendablePercent: 100 },
  });
  const lent = await period({ busy: 1000 });
  expect(lent["busy"]).toBeGreaterThan(550);
  const back = await period({ busy: 1000, owner: 300 });
  expect(back["owner"]).toBeGreaterThanOrEqual(300);
  expect(back["busy"]).toBeLessThanOrEqual(300);
});

test("what exempt requests use is nobody else's", async () => {
  const { period } = setUp({
    exempt: { shares: 0 },
    one: { shares: 100, lendablePercent: 50 },
    other: { shares: 100, lendablePercent: 50 },
  });
  expect(await period({ exempt: 200, one: 300, other: 300 })).toEqual({ exempt: 200, one: 200, other: 200 });
  expect(await period({ exempt: 500, one: 300, other: 300 })).toEqual({ exempt: 500, one: 150, other: 150 });
});
