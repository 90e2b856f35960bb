import type { Container, Pod } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { afterExit } from "./exit-decision.ts";

const pod = (restartPolicy: string, more: Partial<Pod["spec"]> = {}): Pod => ({
  spec: { restartPolicy, containers: [{ name: "app" }], ...more },
});

test.each([
  ["Always", 0, "restart"],
  ["Always", 1, "restart"],
  ["OnFailure", 0, "stay"],
  ["OnFailure", 1, "restart"],
  ["Never", 0, "stay"],
  ["Never", 1, "stay"],
] as const)("a pod of restartPolicy %s after exit code %i: %s", (policy, code, expected) => {
  expect(afterExit(pod(policy), { name: "app" }, code)).toBe(expected);
});

test("the container's own policy is before the pod's, its rules before both, the first that matches", () => {
  const container: Container = {
    name: "app",
    restartPolicy: "Never",
    restartPolicyRules: [
      { action: "Restart", exitCodes: { operator: "In", values: [42, 43] } },
      { action: "RestartAllContainers", exitCodes: { operator: "NotIn", values: [0, 1, 42] } },
    ],
  };
  const after = (code: number) => afterExit(pod("Always"), container, code);
  expect([0, 1, 42, 43, 88].map(after)).toEqual(["stay", "stay", "restart", "restart", "restart-all"]);
});

test("an init container that succeeded does not run again, a sidecar does; an ephemeral container never does", () => {
  const init = { name: "init" };
  const sidecar = { name: "side", restartPolicy: "Always" };
  const whole = pod("Always", { initContainers: [init, sidecar], ephemeralContainers: [{ name: "debug" }] });
  expect([0, 1].map((code) => afterExit(whole, init, code))).toEqual(["stay", "restart"]);
  expect([0, 1].map((code) => afterExit(whole, sidecar, code))).toEqual(["restart", "restart"]);
  expect([0, 1].map((code) => afterExit(whole, { name: "debug" }, code))).toEqual(["stay", "stay"]);
  expect(afterExit(pod("Never", { initContainers: [init] }), init, 1)).toBe("stay");
});
