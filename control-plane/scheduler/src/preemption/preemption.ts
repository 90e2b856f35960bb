import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget } from "@tsukube/api/types/policy-v1";
import type { NodeInfo } from "../node-info.ts";
import { priorityOf } from "../node-info.ts";
import type { PodFilters } from "../pod-filters.ts";
import { notAvailable } from "../refusal.ts";
import { startOf, type Victims, victimsOn } from "./victims.ts";

/** What preemption can do for a pod. `never`: nothing, and what it was promised before is no more. */
export type Preemption =
  | { readonly kind: "victims"; readonly victims: Victims }
  | { readonly kind: "wait"; readonly message: string }
  | { readonly kind: "never"; readonly message: string };

export interface PreemptionInput {
  readonly pod: Pod;
  readonly filters: PodFilters;
  /** Nodes where the pod does not fit, but might without other pods. */
  readonly candidates: readonly NodeInfo[];
  readonly nodes: readonly NodeInfo[];
  readonly budgets: readonly PodDisruptionBudget[];
  /** uids of pods that were told to end already. */
  readonly ending: ReadonlySet<string>;
  /** A number in [0, 1): where to begin, so that not the same nodes suffer always. */
  readonly draw: () => number;
}

export const DISRUPTION_TARGET = "DisruptionTarget";
export const BY_SCHEDULER = "PreemptionByScheduler";
/** So many nodes to choose from are enough, or a tenth of all. */
const ENOUGH = 100;

/** Pure: which pods have to go so that one fits that fits nowhere (upstream's DefaultPreemption). */
export function preemption(input: PreemptionInput): Preemption {
  const refusal = ineligible(input);
  if (refusal !== undefined) return { kind: "wait", message: refusal };
  const found: Victims[] = [];
  const reasons = new Map<string, readonly string[]>();
  const most = Math.min(Math.max(ENOUGH, Math.floor(input.candidates.length / 10)), input.candidates.length);
  const from = Math.floor(input.draw() * input.candidates.length);
  for (let index = 0; index < input.candidates.length; index += 1) {
    const node = input.candidates[(from + index) % input.candidates.length] as NodeInfo;
    const outcome = victimsOn(node, input.pod, input.filters, input.budgets);
    if ("reasons" in outcome) reasons.set(node.name, outcome.reasons);
    else found.push(outcome);
    if (found.length >= most && found.some(({ violations }) => violations === 0)) break;
  }
  const best = leastHarm(found);
  if (best !== undefined) return { kind: "victims", victims: best };
  const helpless = ["Preemption is not helpful for scheduling"];
  const said = input.nodes.flatMap(({ name }) => reasons.get(name) ?? helpless);
  return { kind: "never", message: notAvailable(input.nodes.length, said) };
}

/** Why the pod may not make others leave, or not yet. */
function ineligible({ pod, nodes, candidates, ending }: PreemptionInput): string | undefined {
  if (pod.spec?.preemptionPolicy === "Never") return "not eligible due to preemptionPolicy=Never.";
  const promised = nodes.find(({ name }) => name === pod.status?.nominatedNodeName);
  if (promised === undefined || !candidates.includes(promised)) return undefined; // that node helps no more
  const isGoing = promised.pods.some(
    (other) => priorityOf(other) < priorityOf(pod) && (ending.has(other.metadata?.uid ?? "") || isPreempted(other)),
  );
  return isGoing ? "not eligible due to a terminating pod on the nominated node." : undefined;
}

/** Whether a pod is on its way out because of a preemption. */
function isPreempted({ metadata, status }: Pod): boolean {
  return (
    metadata?.deletionTimestamp !== undefined &&
    (status?.conditions ?? []).some(
      ({ type, status, reason }) => type === DISRUPTION_TARGET && status === "True" && reason === BY_SCHEDULER,
    )
  );
}

/** What is compared, one after the other; less is better. */
const HARMS: readonly ((victims: Victims) => number)[] = [
  ({ violations }) => violations,
  ({ pods }) => (pods[0] === undefined ? 0 : priorityOf(pods[0])),
  // each counts, also one of negative priority
  ({ pods }) => pods.reduce((sum, pod) => sum + priorityOf(pod) + 2 ** 31, 0),
  ({ pods }) => pods.length,
  ({ pods }) => -earliestStart(pods),
];

function leastHarm(found: readonly Victims[]): Victims | undefined {
  let left = found;
  for (const harm of HARMS) {
    const least = Math.min(...left.map(harm));
    left = left.filter((victims) => harm(victims) === least);
  }
  return left[0];
}

/** When the first of the most important victims started. */
function earliestStart(pods: readonly Pod[]): number {
  const highest = Math.max(...pods.map(priorityOf));
  return Math.min(...pods.filter((pod) => priorityOf(pod) === highest).map(startOf));
}
