import type { Node } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { planZones, type Zone, zoneOf } from "./zones.ts";

const node = (zone: string, ready: string, more: Record<string, string> = {}): Node => ({
  metadata: { labels: { "topology.kubernetes.io/zone": zone, ...more } },
  status: { conditions: [{ type: "Ready", status: ready }] },
});
const nodes = (zone: string, ready: number, unready: number): Node[] => [
  ...Array.from({ length: ready }, () => node(zone, "True")),
  ...Array.from({ length: unready }, () => node(zone, "Unknown")),
];
const zones = (all: Record<string, Zone["state"]>) =>
  new Map(Object.entries(all).map(([name, state]) => [`/${name}`, { state, rate: 0 }]));
const shown = (before: ReadonlyMap<string, Zone>, all: readonly Node[]): Record<string, unknown> => {
  const { zones: after, ...rest } = planZones(before, all);
  return { ...Object.fromEntries([...after].map(([name, { state, rate }]) => [name, `${state} ${rate}`])), ...rest };
};

test.each<[number, number, string]>([
  [1, 0, "Normal 0.1"],
  [1, 2, "Normal 0.1"], // too few to call it a disruption
  [3, 3, "Normal 0.1"],
  [2, 3, "PartialDisruption 0"],
  [21, 30, "PartialDisruption 0.01"],
  [5, 4, "Normal 0.1"],
])("a zone with %i nodes ready and %i not is in state %s", (ready, unready, expected) => {
  expect(shown(new Map(), nodes("a", ready, unready))["/a"]).toBe(expected);
});

test("a zone that is down is emptied as long as another one is up", () => {
  expect(shown(zones({ a: "Normal", b: "Normal" }), [...nodes("a", 0, 2), ...nodes("b", 1, 0)])).toEqual({
    "/a": "FullDisruption 0.1",
    "/b": "Normal 0.1",
    stop: false,
    resume: false,
  });
});

test("when all is down, nobody is sent away, and taints are taken back once", () => {
  const all = [...nodes("a", 0, 2), ...nodes("b", 0, 1)];
  const down = { "/a": "FullDisruption 0", "/b": "FullDisruption 0" };
  expect(shown(zones({ a: "FullDisruption", b: "Normal" }), all)).toEqual({ ...down, stop: true, resume: false });
  expect(shown(new Map(), all)).toEqual({ ...down, stop: true, resume: false });
  expect(shown(zones({ a: "FullDisruption", b: "FullDisruption" }), all)).toEqual({
    ...down,
    stop: false,
    resume: false,
  });
});

test("when a node comes back after that, all get their time anew", () => {
  expect(shown(zones({ a: "FullDisruption" }), nodes("a", 1, 1))).toEqual({
    "/a": "Normal 0.1",
    stop: false,
    resume: true,
  });
});

test("a cluster without nodes is not down", () => {
  expect(shown(new Map(), [])).toEqual({ stop: false, resume: false });
});

test("nodes that ask for it do not count", () => {
  const excluded = node("a", "Unknown", { "node.kubernetes.io/exclude-disruption": "" });
  expect(shown(new Map(), [excluded, node("a", "True")])["/a"]).toBe("Normal 0.1");
});

test("zones are told apart by region too", () => {
  expect(zoneOf(node("a", "True", { "topology.kubernetes.io/region": "eu" }))).toBe("eu/a");
  expect(zoneOf({ metadata: { labels: { "failure-domain.beta.kubernetes.io/zone": "old" } } })).toBe("/old");
});
