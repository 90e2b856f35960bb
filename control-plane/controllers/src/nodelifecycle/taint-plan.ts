import type { Node, Taint } from "@tsukube/api/types/core-v1";
import { conditionOf, readinessOf } from "../nodes/conditions.ts";
import { isSameTaint, type TaintChange } from "../nodes/taints.ts";

const NOT_READY = "node.kubernetes.io/not-ready";
const UNREACHABLE = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE = "node.kubernetes.io/unschedulable";

/** The taint that a condition brings while it has the status. */
const BY_CONDITION: readonly (readonly [type: string, status: string, key: string])[] = [
  ["Ready", "False", NOT_READY],
  ["Ready", "Unknown", UNREACHABLE],
  ["MemoryPressure", "True", "node.kubernetes.io/memory-pressure"],
  ["DiskPressure", "True", "node.kubernetes.io/disk-pressure"],
  ["PIDPressure", "True", "node.kubernetes.io/pid-pressure"],
  ["NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"],
];
const OWN_KEYS = new Set([UNSCHEDULABLE, ...BY_CONDITION.map(([, , key]) => key)]);

/** Pure: what keeps new pods away from the node as it is now; undefined when its taints say just that. */
export function scheduleTaints(node: Node, timeAdded: string): TaintChange | undefined {
  const keys = BY_CONDITION.filter(([type, status]) => conditionOf(node, type)?.status === status).map(
    ([, , key]) => key,
  );
  if (node.spec?.unschedulable === true) keys.push(UNSCHEDULABLE);
  const wanted = keys.map((key): Taint => ({ key, effect: "NoSchedule", timeAdded }));
  const present = (node.spec?.taints ?? []).filter(({ key, effect }) => effect === "NoSchedule" && OWN_KEYS.has(key));
  return difference(present, wanted);
}

/**
 * Pure: what sends pods away from a node that is not ready. It is `urgent` where pods are sent away already, or must not
 * be any more: only sending them away anew is done node by node.
 */
export function executeTaints(
  node: Node,
  timeAdded: string,
): { readonly change: TaintChange; readonly urgent: boolean } | undefined {
  const key = executeKeyOf(node);
  const wanted = key === undefined ? [] : [{ key, effect: "NoExecute", timeAdded }];
  const present = presentOf(node);
  const change = difference(present, wanted);
  return change === undefined ? undefined : { change, urgent: present.length > 0 || wanted.length === 0 };
}

/** Pure: takes back what sends pods away; undefined when nothing does. */
export function noExecuteTaints(node: Node): TaintChange | undefined {
  return difference(presentOf(node), []);
}

function executeKeyOf(node: Node): string | undefined {
  switch (readinessOf(node)) {
    case "False":
      return NOT_READY;
    case "Unknown":
      return UNREACHABLE;
    default:
      return undefined;
  }
}

function presentOf(node: Node): readonly Taint[] {
  const isOurs = ({ key, effect }: Taint): boolean =>
    effect === "NoExecute" && (key === NOT_READY || key === UNREACHABLE);
  return (node.spec?.taints ?? []).filter(isOurs);
}

function difference(present: readonly Taint[], wanted: readonly Taint[]): TaintChange | undefined {
  const without = (all: readonly Taint[], others: readonly Taint[]): readonly Taint[] =>
    all.filter((taint) => !others.some((other) => isSameTaint(taint, other)));
  const [add, remove] = [without(wanted, present), without(present, wanted)];
  return add.length + remove.length === 0 ? undefined : { add, remove };
}
