import type { Node, Pod, Taint, Toleration } from "@tsukube/api/types/core-v1";
import { expect, test } from "vitest";
import { secondsToStay } from "./plan.ts";

const taint = (key: string, effect = "NoExecute"): Taint => ({ key, effect });
const node = (...taints: Taint[]): Node => ({ spec: { taints } });
const pod = (...tolerations: Toleration[]): Pod => ({ spec: { containers: [], tolerations } });
const tolerating = (key: string, tolerationSeconds?: number): Toleration => ({
  key,
  operator: "Exists",
  effect: "NoExecute",
  ...(tolerationSeconds !== undefined && { tolerationSeconds }),
});

test("without a NoExecute taint a pod stays", () => {
  expect(secondsToStay(pod(), node())).toBeUndefined();
  expect(secondsToStay(pod(), node(taint("a", "NoSchedule")))).toBeUndefined();
});

test("a taint that is not tolerated sends the pod away at once, whatever else it tolerates", () => {
  expect(secondsToStay(pod(), node(taint("a")))).toBe(0);
  expect(secondsToStay(pod(tolerating("a", 60)), node(taint("a"), taint("b")))).toBe(0);
});

test("a toleration without limit lets it stay for ever", () => {
  expect(secondsToStay(pod(tolerating("a")), node(taint("a")))).toBeUndefined();
  expect(secondsToStay(pod({ operator: "Exists" }), node(taint("a"), taint("b")))).toBeUndefined();
});

test("the shortest of the tolerations that are used counts, others do not", () => {
  expect(secondsToStay(pod(tolerating("a", 60), tolerating("b", 30)), node(taint("a"), taint("b")))).toBe(30);
  expect(secondsToStay(pod(tolerating("a", 60), tolerating("b", 30)), node(taint("a")))).toBe(60);
  expect(secondsToStay(pod(tolerating("a"), tolerating("b", 30)), node(taint("a"), taint("b")))).toBe(30);
});

test("a limit of zero or less is none at all", () => {
  expect(secondsToStay(pod(tolerating("a", 0)), node(taint("a")))).toBe(0);
  expect(secondsToStay(pod(tolerating("a", -5)), node(taint("a")))).toBe(0);
});
