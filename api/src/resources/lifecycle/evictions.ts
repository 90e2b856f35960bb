import type { EvictionStatus, ResponderStatus, TargetResponder } from "../../../generated/types/lifecycle-v1alpha1.ts";
import type { Unstructured } from "../../object.ts";
import { LIFECYCLE } from "../../validation/groups/lifecycle.ts";
import { age, duration } from "../ages.ts";
import { created, NONE, name, or, shortList, UNSET } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { evictionState, targetOf } from "./eviction-cells.ts";

const PROCESSED = new Set(["Canceled", "Interrupted", "Completed"]);

/** Eviction: lifecycle.k8s.io/v1alpha1. */
export const evictions: Resource = {
  group: "lifecycle.k8s.io",
  resource: "evictions",
  gate: "EvictionRequestAPI",
  isUnreconciled: true,
  generation: true,
  unconditionalUpdate: false,
  rules: LIFECYCLE["lifecycle.k8s.io/Eviction"],
  cells: evictionCells,
};

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
