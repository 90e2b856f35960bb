import type { Container, Pod, PodSpec } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { type PlanInput, plan, type Step } from "./plan.ts";
import type { RuntimeContainer, RuntimePod } from "./runtime-state.ts";
import { runtimeContainer } from "./runtime-under-test.ts";

const NOW = 1_000_000;
const app: Container = { name: "app", image: "x" };
const pod = (spec: Partial<PodSpec> = {}): Pod => ({
  metadata: { name: "p", uid: "u" },
  spec: { containers: [app], ...spec },
});
const sandbox = { id: "s", ready: true, ips: ["10.0.0.1"], createdAt: 10, attempt: 0 };

const container = runtimeContainer;
const exited = (name: string, exitCode: number, more: Partial<RuntimeContainer> = {}) =>
  container(name, { state: "exited", exitCode, finishedAt: 30, ...more });

function shown(step: Step): string {
  switch (step.type) {
    case "start":
      return `start ${step.container.name} #${step.restartCount}`;
    case "stop":
      return `stop ${step.container.name} ${step.why}`;
    case "discard":
      return `discard ${step.container.name}`;
    case "restart-all":
      return `restart-all because of ${step.because.name}`;
    case "wait":
      return `wait ${step.ms}`;
    case "create-sandbox":
      return `create-sandbox ${step.attempt}`;
    case "stop-sandbox":
      return "stop-sandbox";
  }
}

function steps(
  wanted: Pod,
  containers: readonly RuntimeContainer[],
  more: Partial<PlanInput> & { sandbox?: RuntimePod["sandbox"] } = {},
): string[] {
  const input: PlanInput = {
    pod: wanted,
    runtime: { sandbox: "sandbox" in more ? more.sandbox : sandbox, containers },
    probes: { alive: () => true, started: () => true },
    now: NOW,
    hashOf: ({ name }) => `hash-${name}`,
    roundSince: 0,
    backoffUntil: () => 0,
    stopped: () => undefined,
    mustRestart: () => false,
    ...more,
  };
  return plan(input).map(shown);
}

test("without a sandbox one is made, before anything else", () => {
  expect(steps(pod(), [], { sandbox: undefined })).toEqual(["create-sandbox 0"]);
});

test("a sandbox that is not ready is replaced, unless the pod is over", () => {
  const dead = { ...sandbox, ready: false };
  expect(steps(pod(), [exited("app", 0)], { sandbox: dead })).toEqual(["stop-sandbox", "create-sandbox 1"]);
  expect(steps(pod({ restartPolicy: "Never" }), [exited("app", 1)], { sandbox: dead })).toEqual([]);
});

test("containers start together, and running ones are left alone", () => {
  const two = pod({ containers: [app, { name: "side", image: "y" }] });
  expect(steps(two, [])).toEqual(["start app #0", "start side #0"]);
  expect(steps(two, [container("app")])).toEqual(["start side #0"]);
  expect(steps(two, [container("app"), container("side")])).toEqual([]);
});

test.each([
  ["Always", 0, ["start app #1"]],
  ["Always", 1, ["start app #1"]],
  ["OnFailure", 0, []],
  ["OnFailure", 1, ["start app #1"]],
  ["Never", 0, []],
  ["Never", 1, []],
])("restartPolicy %s after exit code %i", (restartPolicy, exitCode, expected) => {
  expect(steps(pod({ restartPolicy }), [exited("app", exitCode)])).toEqual(expected);
});

test("a container that backs off is waited for, and others are not held up", () => {
  const backing = { backoffUntil: () => NOW + 500 };
  expect(steps(pod(), [exited("app", 1)], backing)).toEqual(["wait 500"]);
  const two = pod({ containers: [app, { name: "side", image: "y" }] });
  expect(steps(two, [exited("app", 1)], backing)).toEqual(["start side #0"]);
});

test("an unhealthy container is stopped, one whose spec changed too", () => {
  expect(steps(pod(), [container("app")], { probes: { alive: () => false, started: () => true } })).toEqual([
    "stop app Unhealthy",
  ]);
  expect(steps(pod(), [container("app", { hash: "old" })])).toEqual(["stop app Changed"]);
});

test("init containers run one after the other, before the app", () => {
  const two = pod({ initContainers: [{ name: "one" }, { name: "two" }] });
  expect(steps(two, [])).toEqual(["start one #0"]);
  expect(steps(two, [container("one")])).toEqual([]);
  expect(steps(two, [exited("one", 0)])).toEqual(["start two #0"]);
  expect(steps(two, [exited("one", 1)])).toEqual(["start one #1"]);
  expect(steps(two, [exited("one", 0), exited("two", 0)])).toEqual(["start app #0"]);
  expect(steps({ ...two, spec: { ...two.spec!, restartPolicy: "Never" } }, [exited("one", 1)])).toEqual([]);
});

test("init containers that were removed do not run again while the app has run", () => {
  expect(steps(pod({ initContainers: [{ name: "one" }] }), [container("app")])).toEqual([]);
});

test("a sidecar starts in its turn, the next waits for its startup probe, and it comes back while the app runs", () => {
  const withSidecar = pod({ initContainers: [{ name: "side", restartPolicy: "Always" }, { name: "init" }] });
  expect(steps(withSidecar, [])).toEqual(["start side #0"]);
  const notStarted = { probes: { alive: () => true, started: () => false } };
  expect(steps(withSidecar, [container("side")], notStarted)).toEqual([]);
  expect(steps(withSidecar, [container("side")])).toEqual(["start init #0"]);
  expect(steps(withSidecar, [container("side"), exited("init", 0)])).toEqual(["start app #0"]);
  expect(steps(withSidecar, [exited("side", 0), exited("init", 0), container("app")])).toEqual(["start side #1"]);
});

test("a container that was stopped as unhealthy starts again unless the policy is Never, whatever its exit code", () => {
  const unhealthy = { stopped: () => "Unhealthy" as const };
  expect(steps(pod({ restartPolicy: "OnFailure" }), [exited("app", 0)], unhealthy)).toEqual(["start app #1"]);
  expect(steps(pod({ restartPolicy: "Never" }), [exited("app", 137)], unhealthy)).toEqual([]);
});

test("a container that was stopped to be made anew starts at once, whatever the policy", () => {
  const changed = { stopped: () => "Changed" as const, backoffUntil: () => NOW + 500 };
  expect(steps(pod({ restartPolicy: "Never" }), [exited("app", 137)], changed)).toEqual(["start app #1"]);
  const resized = { mustRestart: () => true };
  expect(steps(pod(), [container("app")], resized)).toEqual(["stop app Resized"]);
});

test("a container that was made and never ran is made anew", () => {
  expect(steps(pod(), [container("app", { state: "created" })])).toEqual(["discard app"]);
});

test("a rule that starts everything anew comes before all else, and the next round begins with the init containers", () => {
  const restartPolicyRules = [{ action: "RestartAllContainers", exitCodes: { operator: "In", values: [88] } }];
  const ruled = pod({
    restartPolicy: "Never",
    initContainers: [{ name: "init" }],
    containers: [{ ...app, restartPolicy: "Never", restartPolicyRules }, { name: "side" }],
  });
  const before = [exited("init", 0), exited("app", 88), container("side")];
  expect(steps(ruled, before)).toEqual(["restart-all because of app"]);
  const stopped = [exited("init", 0), exited("app", 88), exited("side", 137)];
  const next = { roundSince: 50 };
  expect(steps(ruled, stopped, next)).toEqual(["start init #1"]);
  const round = [...stopped, exited("init", 0, { id: "init-2", createdAt: 60, restartCount: 1 })];
  expect(steps(ruled, round, next)).toEqual(["start app #1", "start side #1"]);
});

test("in a new sandbox init containers run again before the app", () => {
  const later = { ...sandbox, createdAt: 100, attempt: 1 };
  const old = [exited("one", 0), exited("app", 137)];
  const twice = pod({ initContainers: [{ name: "one" }] });
  expect(steps(twice, old, { sandbox: later })).toEqual(["start one #1"]);
  const again = [...old, exited("one", 0, { id: "one-2", createdAt: 110, restartCount: 1 })];
  expect(steps(twice, again, { sandbox: later })).toEqual(["start app #1"]);
});

test("a container that succeeded under OnFailure is done, also in a new sandbox", () => {
  const two = pod({ restartPolicy: "OnFailure", containers: [app, { name: "side" }] });
  const old = [exited("app", 0), exited("side", 137)];
  expect(steps(two, old, { sandbox: { ...sandbox, createdAt: 100 } })).toEqual(["start side #1"]);
});

test("after a reboot containers of the old sandbox start again", () => {
  const later = { ...sandbox, createdAt: 100 };
  expect(steps(pod(), [exited("app", 137)], { sandbox: later })).toEqual(["start app #1"]);
});
