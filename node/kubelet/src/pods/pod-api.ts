import { ApiError } from "@tsukube/api";
import type { Pod, PodStatus } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";

const PODS = { group: "", version: "v1", resource: "pods" };
/** Conditions of the kubelet that go away again; the everyday ones only change. */
const PASSING = ["PodResizePending", "PodResizeInProgress"];

/** Writes the status of a pod, if the API still has that very pod. @throws {ApiError} when the server cannot be reached. */
export async function writePodStatus(client: Client, pod: Pod, status: PodStatus): Promise<void> {
  const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
  const body = { metadata: { uid }, status: statusPatch(pod, status) };
  const pods = client.resource<Pod>(PODS, namespace);
  await unlessReplaced(pods.patch(name, { type: "strategic", body }, { subresource: "status" }));
}

/** Pure: merges into what is there, so that conditions of others stay as they are; addresses are replaced as a whole. */
export function statusPatch(pod: Pod, status: PodStatus): object {
  const { conditions = [], podIPs, hostIPs, ...rest } = status;
  const before = new Map((pod.status?.conditions ?? []).map((condition) => [condition.type, condition]));
  const now = new Set(conditions.map(({ type }) => type));
  const gone = PASSING.filter((type) => before.has(type) && !now.has(type));
  const merged = conditions.map((condition) => ({
    ...(before.get(condition.type)?.reason !== undefined && { reason: null }),
    ...(before.get(condition.type)?.message !== undefined && { message: null }),
    lastProbeTime: null,
    ...condition,
  }));
  const whole = (list: readonly object[]): readonly object[] => [{ $patch: "replace" }, ...list];
  return {
    ...rest,
    conditions: [...merged, ...gone.map((type) => ({ $patch: "delete", type }))],
    ...(podIPs !== undefined && { podIPs: whole(podIPs) }),
    ...(hostIPs !== undefined && { hostIPs: whole(hostIPs) }),
  };
}

/** Removes a pod that has ended from the API. */
export async function deletePodObject(client: Client, pod: Pod): Promise<void> {
  const { namespace = "", name = "", uid = "" } = pod.metadata ?? {};
  const pods = client.resource<Pod>(PODS, namespace);
  await unlessReplaced(pods.delete(name, { gracePeriodSeconds: 0, preconditions: { uid } }));
}

/** A pod that is gone, or another one under its name, needs nothing. */
async function unlessReplaced(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
  }
}
