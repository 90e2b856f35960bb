import type { Unstructured } from "@tsukube/api";
import type { EvictionStatus, ResponderStatus, TargetResponder } from "@tsukube/api/types/lifecycle-v1alpha1";
import type { PoolStatus, ResourcePoolStatusRequestStatus } from "@tsukube/api/types/resource-v1alpha3";
import { textAt } from "../registry/strategies.ts";
import { age, duration } from "./ages.ts";
import { type Cells, created, listAt, NONE, name, or, shortList } from "./cells.ts";

const UNSET = "<unset>";

interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly lastTransitionTime?: string;
}

function conditionOf(object: unknown, type: string): Condition | undefined {
  return listAt<Condition>(object, "status.conditions").find((condition) => condition.type === type);
}

const policyOf = (group: Unstructured): string =>
  textAt(group, "spec.schedulingPolicy.gang") === "" ? "Basic" : "Gang";
const workloadOf = (group: Unstructured): string => or(textAt(group, "spec.workloadRef.workloadName"));

/** Cells by "group/resource" of what is off by default. */
export const PREVIEW_CELLS: Readonly<Record<string, Cells>> = {
  "coordination.k8s.io/leasecandidates": (object, now) => [
    name(object),
    textAt(object, "spec.leaseName"),
    textAt(object, "spec.binaryVersion"),
    textAt(object, "spec.emulationVersion"),
    created(object, now),
  ],
  "internal.apiserver.k8s.io/storageversions": (object, now) => [
    name(object),
    or(textAt(object, "status.commonEncodingVersion"), UNSET),
    shortList(
      listAt<{ readonly apiServerID?: string; readonly encodingVersion?: string }>(
        object,
        "status.storageVersions",
      ).map(({ apiServerID, encodingVersion }) => `${apiServerID}=${encodingVersion}`),
    ),
    created(object, now),
  ],
  "lifecycle.k8s.io/evictionrequests": (object, now) => [
    name(object),
    ...targetOf(object),
    evictionState(object),
    textAt(object, "spec.requester"),
    textAt(object, "spec.intent"),
    created(object, now),
  ],
  "lifecycle.k8s.io/evictions": evictionCells,
  "resource.k8s.io/resourcepoolstatusrequests": poolCells,
  "scheduling.k8s.io/compositepodgroups": (object, now) => [
    name(object),
    policyOf(object),
    workloadOf(object),
    created(object, now),
  ],
  "scheduling.k8s.io/podgroups": (object, now) => [
    name(object),
    policyOf(object),
    workloadOf(object),
    groupState(object),
    created(object, now),
  ],
  "scheduling.k8s.io/workloads": (object, now) => [name(object), created(object, now)],
};

function groupState(group: Unstructured): string {
  const disrupted = conditionOf(group, "DisruptionTarget");
  if (disrupted !== undefined) return disrupted.reason ?? "";
  const scheduled = conditionOf(group, "PodGroupInitiallyScheduled");
  if (scheduled === undefined) return "Pending";
  return scheduled.status === "True" ? "Scheduled" : "Unschedulable";
}

function targetOf(object: Unstructured): readonly [string, string] {
  return textAt(object, "spec.target.pod") === "" ? [UNSET, UNSET] : [textAt(object, "spec.target.pod.name"), "Pod"];
}

function evictionState(object: Unstructured): string {
  for (const type of ["TargetEvicted", "Failed"]) {
    const condition = conditionOf(object, type);
    if (condition?.status === "True") return `${type} (${condition.reason ?? ""})`;
  }
  return Number(textAt(object, "status.observedGeneration")) > 0 ? "Progressing" : "Pending";
}

const PROCESSED = new Set(["Canceled", "Interrupted", "Completed"]);

function evictionCells(object: Unstructured, now: number): readonly unknown[] {
  const status = (object["status"] ?? {}) as EvictionStatus;
  const targets = status.targetResponders ?? [];
  const active = targets.findLast(({ state }) => state === "Active");
  const processed = targets.filter(({ state }) => PROCESSED.has(state));
  const begun = processed.length + targets.filter(({ state }) => state === "Active").length;
  const shown = active ?? processed.at(-1);
  const responder = (status.responders ?? []).find((one) => one.name === shown?.name);
  const [state, finish] =
    shown === undefined || responder === undefined ? [UNSET, "<unknown>"] : progressOf(shown, responder, now);
  return [
    name(object),
    ...targetOf(object),
    evictionState(object),
    `${shown?.name ?? UNSET} (${begun}/${targets.length})`,
    state,
    finish,
    requesters(status),
    created(object, now),
    responder?.heartbeatTime ? `${age(responder.heartbeatTime, now)} ago` : UNSET,
    or((responder?.message ?? "").trim(), UNSET),
  ];
}

/** How far a responder is, and when it will be done. */
function progressOf(
  { state }: TargetResponder,
  { startTime, expectedCompletionTime: expected, completionTime }: ResponderStatus,
  now: number,
): readonly [string, string] {
  if (state !== "Active")
    return [state === "Completed" && completionTime ? `${state} (${age(completionTime, now)} ago)` : state, "-"];
  if (!startTime) return [state, "<unknown>"];
  const begun = `Started (${age(startTime, now)} ago)`;
  if (!expected) return [begun, "<unknown>"];
  const left = Date.parse(expected) - now;
  return [begun, left > 0 ? `in ${duration(Math.floor(left / 1000))}` : `${age(expected, now)} ago`];
}

function requesters({ requesters: all = [] }: EvictionStatus): string {
  const names = all.filter(({ intent }) => intent !== "Withdrawn").map((one) => one.name);
  if (names.length > 0) return shortList(names.sort(), 1);
  return all.length > 0 ? "<withdrawn>" : NONE;
}

function poolCells(object: Unstructured, now: number): readonly unknown[] {
  const status = object["status"] as ResourcePoolStatusRequestStatus | undefined | null;
  const pools = status?.pools ?? [];
  const complete = conditionOf(object, "Complete");
  const isComplete = complete?.status === "True";
  const isFailed = !isComplete && conditionOf(object, "Failed")?.status === "True";
  const count = status?.poolCount ?? 0;
  const sum = (of: (pool: PoolStatus) => number | undefined): string =>
    !status || isFailed ? "-" : String(pools.reduce((total, pool) => total + (of(pool) ?? 0), 0));
  const shown = count > pools.length ? `Complete (${pools.length}/${count} pools)` : "Complete";
  return [
    name(object),
    textAt(object, "spec.driver"),
    sum((pool) => pool.totalDevices),
    sum((pool) => pool.availableDevices),
    sum((pool) => pool.allocatedDevices),
    sum((pool) => pool.unavailableDevices),
    sum((pool) => (pool.validationError === undefined ? 0 : 1)),
    count,
    isComplete ? shown : isFailed ? "Failed" : "Pending",
    isComplete ? age(complete.lastTransitionTime, now) : NONE,
  ];
}
