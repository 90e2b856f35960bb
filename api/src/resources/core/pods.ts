import type { ContainerStatus, Pod } from "../../../generated/types/core-v1.ts";
import type { Unstructured } from "../../object.ts";
import { CORE } from "../../validation/core/rules.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { addressWarnings } from "../../warnings/addresses.ts";
import { podWarnings } from "../../warnings/pod.ts";
import { onlyNew } from "../../warnings/warner.ts";
import { nameWarnings } from "../../warnings/workloads.ts";
import { age } from "../ages.ts";
import { NONE, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { boolAt, textAt } from "../text-at.ts";
import { preparedPod, updatedPod } from "./pod-preparation.ts";
import { preparedPodStatus } from "./pod-status.ts";

/** Pod: v1. */
export const pods: Resource = {
  group: "",
  resource: "pods",
  generation: true,
  returnsDeleted: true,
  gracePeriod: podGracePeriod,
  checksWhole: true,
  prepareForCreate: (pod, { warn }, now) => preparedPod(pod, now, warn),
  prepareForUpdate: updatedPod,
  prepareForStatus: preparedPodStatus,
  fieldLabels: {
    "spec.nodeName": "spec.nodeName",
    "spec.host": "spec.nodeName", // its name of old
    "spec.restartPolicy": "spec.restartPolicy",
    "spec.schedulerName": "spec.schedulerName",
    "spec.serviceAccountName": "spec.serviceAccountName",
    "spec.hostNetwork": boolAt("spec.hostNetwork"),
    "status.phase": "status.phase",
    "status.podIP": "status.podIP",
    "status.podIPs": () => "", // upstream takes it and finds nothing by it
    "status.nominatedNodeName": "status.nominatedNodeName",
  },
  rules: CORE["/Pod"],
  statusRules: STATUSES["/Pod"],
  warnings: onlyNew((pod: Unstructured) => [...nameWarnings(pod, "the Pod's hostname"), ...podWarnings(pod, "")]),
  statusWarnings: (pod: Pod) => podStatusWarnings(pod),
  cells: (object, now) => podCells(object as Pod, now),
};

function podCells(pod: Pod, now: number): readonly unknown[] {
  const statuses = pod.status?.containerStatuses ?? [];
  const sidecars = new Set(
    (pod.spec?.initContainers ?? []).filter((c) => c.restartPolicy === "Always").map((c) => c.name),
  );
  const initStatuses = pod.status?.initContainerStatuses ?? [];
  const long = [...statuses, ...initStatuses.filter((status) => sidecars.has(status.name))];
  const ready = long.filter((status) => status.ready === true && status.state?.running !== undefined).length;
  const total = (pod.spec?.containers ?? []).length + sidecars.size;
  const gates = pod.spec?.readinessGates ?? [];
  const passed = gates.filter((gate) =>
    pod.status?.conditions?.some((c) => c.type === gate.conditionType && c.status === "True"),
  );
  const isInitializing = initReason(pod, initStatuses, sidecars) !== undefined;
  return [
    name(pod),
    `${ready}/${total}`,
    podReason(pod, statuses, initStatuses, sidecars),
    restarts(isInitializing ? initStatuses : long, now),
    age(pod.metadata?.creationTimestamp, now),
    or(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? ""),
    or(pod.spec?.nodeName ?? ""),
    or(pod.status?.nominatedNodeName ?? ""),
    gates.length === 0 ? NONE : `${passed.length}/${gates.length}`,
  ];
}

function restarts(statuses: readonly ContainerStatus[], now: number): string {
  const total = statuses.reduce((sum, status) => sum + (status.restartCount ?? 0), 0);
  const times = statuses
    .map((status) => status.lastState?.terminated?.finishedAt ?? "")
    .filter((time) => time !== "")
    .sort();
  const last = times.at(-1);
  return total > 0 && last !== undefined ? `${total} (${age(last, now)} ago)` : String(total);
}

function terminatedReason(status: ContainerStatus): string {
  const terminated = status.state?.terminated;
  if ((terminated?.reason ?? "") !== "") return terminated?.reason ?? "";
  return (terminated?.signal ?? 0) !== 0 ? `Signal:${terminated?.signal}` : `ExitCode:${terminated?.exitCode}`;
}

function initReason(pod: Pod, statuses: readonly ContainerStatus[], sidecars: ReadonlySet<string>): string | undefined {
  for (const [index, status] of statuses.entries()) {
    if (status.state?.terminated?.exitCode === 0) continue;
    if (sidecars.has(status.name) && status.started === true) continue;
    if (status.state?.terminated !== undefined) return `Init:${terminatedReason(status)}`;
    const waiting = status.state?.waiting?.reason ?? "";
    if (waiting !== "" && waiting !== "PodInitializing") return `Init:${waiting}`;
    return `Init:${index}/${(pod.spec?.initContainers ?? []).length}`;
  }
  return undefined;
}

function podReason(
  pod: Pod,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
  sidecars: ReadonlySet<string>,
): string {
  let reason: string = pod.status?.reason || pod.status?.phase || "";
  if (pod.status?.conditions?.some((c) => c.type === "PodScheduled" && c.reason === "SchedulingGated"))
    reason = "SchedulingGated";
  const init = initReason(pod, initStatuses, sidecars);
  if (init !== undefined) {
    reason = init;
  } else {
    let hasRunning = false;
    for (const status of [...statuses].reverse()) {
      const waiting = status.state?.waiting?.reason ?? "";
      if (waiting !== "") reason = waiting;
      else if (status.state?.terminated !== undefined) reason = terminatedReason(status);
      else if (status.ready === true && status.state?.running !== undefined) hasRunning = true;
    }
    if (reason === "Completed" && hasRunning) {
      reason = pod.status?.conditions?.some((c) => c.type === "Ready" && c.status === "True") ? "Running" : "NotReady";
    }
  }
  if (pod.metadata?.deletionTimestamp === undefined) return reason;
  if (pod.status?.reason === "NodeLost") return "Unknown";
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed" ? reason : "Terminating";
}

/** Everything of pods that depends on time: how long one that is deleted may still run. */
function podGracePeriod(pod: Unstructured, asked: number | undefined): number {
  const spec = pod["spec"] as { nodeName?: string; terminationGracePeriodSeconds?: number } | undefined;
  const phase = textAt(pod, "status.phase");
  // not on a node, or over already: nobody has to stop anything
  if ((spec?.nodeName ?? "") === "" || phase === "Failed" || phase === "Succeeded") return 0;
  const wanted = asked ?? spec?.terminationGracePeriodSeconds ?? 30;
  return wanted < 0 ? 1 : wanted;
}

function podStatusWarnings({ status }: Pod): readonly string[] {
  return (["podIPs", "hostIPs"] as const).flatMap((list) =>
    (status?.[list] ?? []).flatMap(({ ip }, index) => addressWarnings(ip, `status.${list}[${index}].ip`)),
  );
}
