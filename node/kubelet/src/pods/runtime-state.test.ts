import type { ContainerStatus, PodSandboxStatusResponse } from "@tsukube/node-contracts/cri";
import { expect, test } from "vitest";
import type { Cri } from "../cri/runtime.ts";
import { isKnown, NOTHING_RUNS, type RuntimePod, runtimePodOf } from "./runtime-state.ts";

const container = (id: string, createdAt: number): ContainerStatus => ({
  id,
  metadata: { name: id },
  state: "CONTAINER_RUNNING",
  createdAt: String(createdAt * 1e6),
});
const sandbox = (id: string, createdAt: number, more: object = {}): PodSandboxStatusResponse => ({
  status: { id, state: "SANDBOX_READY", createdAt: String(createdAt * 1e6), metadata: { attempt: createdAt } },
  ...more,
});

/** A runtime with these sandboxes, that counts what it is asked. */
function runtimeOf(
  sandboxes: Readonly<Record<string, PodSandboxStatusResponse | Error>>,
  containers: readonly string[],
) {
  const asked: string[] = [];
  const runtime = {
    ListPodSandbox: async () => ({ items: Object.keys(sandboxes).map((id) => ({ id })) }),
    async PodSandboxStatus({ podSandboxId = "" }) {
      const answer = sandboxes[podSandboxId];
      if (answer instanceof Error) throw answer;
      return answer;
    },
    async ListContainers() {
      asked.push("list");
      return { containers: containers.map((id) => ({ id })) };
    },
    async ContainerStatus({ containerId = "" }) {
      asked.push(containerId);
      return { status: container(containerId, 1) };
    },
  };
  return { cri: { runtime } as unknown as Cri, asked };
}

test("the status of a sandbox brings those of its containers; older sandboxes count for their containers", async () => {
  const { cri, asked } = runtimeOf(
    {
      old: sandbox("old", 1, { timestamp: "5000000", containersStatuses: [container("a", 3)] }),
      new: sandbox("new", 2, { timestamp: "5000000", containersStatuses: [container("b", 2)] }),
    },
    [],
  );
  const pod = await runtimePodOf(cri, "uid");
  expect(pod.sandbox).toMatchObject({ id: "new", attempt: 2, ready: true });
  expect(pod.containers.map(({ id }) => id)).toEqual(["b", "a"]);
  expect(asked).toEqual([]);
});

test("a runtime whose sandboxes do not tell of containers is asked for each", async () => {
  const { cri, asked } = runtimeOf({ one: sandbox("one", 1) }, ["a", "b"]);
  expect((await runtimePodOf(cri, "uid")).containers.map(({ id }) => id)).toEqual(["a", "b"]);
  expect(asked).toEqual(["list", "a", "b"]);
});

test("a sandbox that goes meanwhile is none; one that cannot be asked about is no reason to make another", async () => {
  const gone = Object.assign(new Error("no such sandbox"), { code: 5 });
  const { cri } = runtimeOf({ one: gone }, []);
  expect(await runtimePodOf(cri, "uid")).toEqual(NOTHING_RUNS);
  const broken = Object.assign(new Error("connection refused"), { code: 14 });
  await expect(runtimePodOf(runtimeOf({ one: broken }, []).cri, "uid")).rejects.toThrow("connection refused");
});

test("an event is news unless the state shows what it tells", () => {
  const state = { sandbox: undefined, containers: [{ id: "a", state: "running" }] } as unknown as RuntimePod;
  const news = (id: string, type: "CREATED" | "STARTED" | "STOPPED" | "DELETED"): boolean =>
    !isKnown(state, { containerId: id, containerEventType: `CONTAINER_${type}_EVENT` });
  expect([news("a", "CREATED"), news("a", "STARTED"), news("b", "DELETED")]).toEqual([false, false, false]);
  expect([news("a", "STOPPED"), news("a", "DELETED"), news("b", "CREATED"), news("b", "STARTED")]).toEqual(
    Array.from({ length: 4 }, () => true),
  );
});
