import type { Container, Pod, Probe } from "@tsukube/api/types/core-v1";
import { createMetrics } from "@tsukube/host";
import { seededRandom, VirtualClock } from "@tsukube/testing";
import { beforeEach, expect, test } from "vitest";
import type { Cri } from "../cri/runtime.ts";
import { ProbeMetrics } from "./probe-metrics.ts";
import { Prober } from "./prober.ts";

const exec = (kind: string, more: Partial<Probe> = {}): Probe => ({
  exec: { command: [kind] },
  periodSeconds: 10,
  failureThreshold: 3,
  ...more,
});

let clock: VirtualClock;
let prober: Prober;
let healthy: Record<string, boolean>;
let looks: [string, number][];
let events: string[];
let changes: number;
let pod: Pod;

let exposed: ReturnType<typeof createMetrics>;
let metrics: ProbeMetrics;
beforeEach(() => {
  clock = new VirtualClock(0);
  healthy = { startup: true, liveness: true, readiness: true };
  looks = [];
  events = [];
  changes = 0;
  pod = { metadata: { name: "p", uid: "u" } };
  const ExecSync = async ({ cmd }: { cmd: readonly string[] }) => {
    looks.push([cmd[0] ?? "", Math.round(clock.now() / 1000)]);
    return { exitCode: healthy[cmd[0] ?? ""] === true ? 0 : 1 };
  };
  exposed = createMetrics();
  metrics = new ProbeMetrics(exposed);
  prober = new Prober({
    cri: { runtime: { ExecSync } } as unknown as Cri,
    clock,
    random: seededRandom(1),
    metrics,
    changed: () => void (changes += 1),
    failed: (_pod, _container, kind) => void events.push(`${kind} ${Math.round(clock.now() / 1000)}`),
  });
});

const watch = (container: Partial<Container>) => prober.watch(pod, { name: "main", ...container }, "c", "10.0.0.1", 0);
const passed = (seconds: number) => clock.advance(seconds * 1000);

test("a container without probes has started and is ready at once", () => {
  watch({});
  expect([prober.started("c"), prober.ready("c"), prober.alive("c")]).toEqual([true, true, true]);
});

test("a container is not ready before its first success, then stays so until the threshold of failures", async () => {
  watch({ readinessProbe: exec("readiness", { initialDelaySeconds: 30 }) });
  await passed(29);
  expect([prober.ready("c"), looks]).toEqual([false, []]);
  await passed(2);
  expect(prober.ready("c")).toBe(true);
  healthy["readiness"] = false;
  await passed(20);
  expect([prober.ready("c"), events.length]).toEqual([true, 2]);
  await passed(10);
  expect([prober.ready("c"), changes]).toEqual([false, 2]);
});

test("what has just started is up as soon as it can be, and failures between two periods do not count", async () => {
  healthy = { startup: false, readiness: false };
  watch({ startupProbe: exec("startup", { failureThreshold: 2 }), readinessProbe: exec("readiness") });
  await passed(1);
  expect(looks.length).toBeGreaterThan(2);
  expect([prober.alive("c"), events]).toEqual([true, ["startup 0"]]);
  healthy["startup"] = true;
  await passed(2);
  expect(prober.started("c")).toBe(true);
  healthy["readiness"] = true;
  await passed(2);
  expect([prober.ready("c"), changes]).toEqual([true, 2]);
  looks = [];
  await passed(60);
  expect(looks.length).toBe(6);
});

test("a container that an earlier kubelet found ready stays so until a probe fails often enough", async () => {
  const found = { name: "main", image: "i", imageID: "", restartCount: 0, ready: true, started: true };
  pod = { ...pod, status: { containerStatuses: [{ ...found, containerID: "tsukube://c" }] } };
  healthy["readiness"] = false;
  watch({ startupProbe: exec("startup"), readinessProbe: exec("readiness") });
  expect([prober.started("c"), prober.ready("c")]).toEqual([true, true]);
  await passed(35);
  expect([prober.ready("c"), looks.filter(([kind]) => kind === "startup")]).toEqual([false, []]);
});

test("what was found about the container before it counts for nothing", async () => {
  const found = { name: "main", image: "i", imageID: "", restartCount: 0, ready: true, started: true };
  pod = { ...pod, status: { containerStatuses: [{ ...found, containerID: "tsukube://b" }] } };
  watch({ readinessProbe: exec("readiness") });
  expect(prober.ready("c")).toBe(false);
});

test("readiness that was lost needs successThreshold successes in a row", async () => {
  healthy["readiness"] = false;
  watch({ readinessProbe: exec("readiness", { successThreshold: 2 }) });
  await passed(5);
  healthy["readiness"] = true;
  await passed(10);
  expect(prober.ready("c")).toBe(false);
  await passed(10);
  expect(prober.ready("c")).toBe(true);
});

test("liveness and readiness wait for the startup probe", async () => {
  healthy["startup"] = false;
  watch({
    startupProbe: exec("startup", { failureThreshold: 10 }),
    livenessProbe: exec("liveness"),
    readinessProbe: exec("readiness"),
  });
  await passed(25);
  expect([prober.started("c"), prober.ready("c"), new Set(looks.map(([kind]) => kind))]).toEqual([
    false,
    false,
    new Set(["startup"]),
  ]);
  healthy["startup"] = true;
  await passed(12);
  expect([prober.started("c"), prober.ready("c")]).toEqual([true, true]);
  const startups = looks.filter(([kind]) => kind === "startup").length;
  await passed(60);
  expect(looks.filter(([kind]) => kind === "startup")).toHaveLength(startups);
});

test.each(["startup", "liveness"] as const)("a %s probe that fails for good says so once", async (kind) => {
  healthy[kind] = false;
  watch({ [`${kind}Probe`]: exec(kind) });
  await passed(19);
  expect(prober.failure("c")).toBeUndefined();
  await passed(2);
  expect([prober.failure("c"), prober.alive("c")]).toEqual([kind, false]);
  await passed(100);
  expect(events).toHaveLength(3);
});

test("a single success in between starts the count anew", async () => {
  watch({ livenessProbe: exec("liveness") });
  for (let round = 0; round < 4; round += 1) {
    healthy["liveness"] = false;
    await passed(20);
    healthy["liveness"] = true;
    await passed(10);
  }
  expect(prober.alive("c")).toBe(true);
});

test("a pod that is being deleted is still asked whether it is ready, and not whether it lives", async () => {
  const container: Container = { name: "main", livenessProbe: exec("liveness"), readinessProbe: exec("readiness") };
  prober.watch(pod, container, "c", "10.0.0.1", 0);
  prober.watch({ metadata: { ...pod.metadata, deletionTimestamp: "2025-01-01T00:00:00Z" } }, container, "c", "", 0);
  await passed(15);
  expect(new Set(looks.map(([kind]) => kind))).toEqual(new Set(["readiness"]));
});

test("forgetting a container ends its probes", async () => {
  watch({ livenessProbe: exec("liveness") });
  prober.forget("c");
  await passed(100);
  expect(looks).toEqual([]);
});

test("probes are counted and measured as long as their pod is there", async () => {
  watch({ livenessProbe: exec("liveness", { periodSeconds: 10 }) });
  await passed(15);
  healthy["liveness"] = false;
  await passed(10);
  const counts = exposed
    .expose()
    .split("\n")
    .filter((line) => /^prober_probe_(?:total|duration_seconds_count)/.test(line));
  const of = 'probe_type="Liveness",container="main",pod="p",namespace=""';
  expect(counts).toEqual([
    `prober_probe_duration_seconds_count{${of}} 3`,
    `prober_probe_total{result="successful",${of},pod_uid="u"} 2`,
    `prober_probe_total{result="failed",${of},pod_uid="u"} 1`,
  ]);
  metrics.forget("u");
  expect(exposed.expose()).toBe("");
});
