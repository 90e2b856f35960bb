import type { Pod } from "@tsukube/api/types/core-v1";
import {
  allowsSurge,
  censusOf,
  generationsOf,
  isAvailableFor,
  isFinished,
  isReady,
  isTerminating,
  type NodeCensus,
  type Observed,
} from "./census.ts";
import { planUpdate } from "./plan-update.ts";

/** Upstream's limit of writes in one reconciliation. */
const BURST = 250;

export interface Plan {
  /** Names of nodes that get a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
  /** When a failed pod may be replaced that may not yet, in ms from now. */
  readonly recheckAfterMs?: number;
}

/**
 * Pure: what to do so that each node has the pods that it should. Only when that is nothing, the next step of an update.
 */
export function plan(observed: Observed): Plan {
  const census = censusOf(observed);
  const steps = census.map((node) => planNode(observed, node));
  const waits = steps.flatMap(({ recheckAfterMs }) => recheckAfterMs ?? []);
  const recheck = waits.length === 0 ? {} : { recheckAfterMs: Math.min(...waits) };
  const create = steps.flatMap((step) => step.create);
  const remove = steps.flatMap((step) => step.remove);
  if (create.length + remove.length > 0) return { ...limited({ create, remove }), ...recheck };
  if (observed.set.spec.updateStrategy?.type === "OnDelete") return { create, remove, ...recheck };
  return { ...limited(planUpdate(observed, census)), ...recheck };
}

function limited({ create, remove }: Plan): Plan {
  return { create: create.slice(0, BURST), remove: remove.slice(0, BURST) };
}

function planNode(observed: Observed, node: NodeCensus): Plan {
  const living = node.pods.filter((pod) => !isTerminating(pod));
  switch (node.fit) {
    case "gone": // nobody else removes a pod that was never bound
      return { create: [], remove: living.filter(({ spec }) => (spec?.nodeName ?? "") === "") };
    case "leave":
      return { create: [], remove: living };
    case "run":
      // without surge one that terminates is waited for
      if (node.pods.length === 0) return { create: [node.name], remove: [] };
      return planPresent(observed, node, living);
    case "keep":
      return planPresent(observed, node, living);
  }
}

/** Finished pods go, failed ones not too often; so do superfluous ones. */
function planPresent(observed: Observed, node: NodeCensus, living: readonly Pod[]): Plan {
  const wait = living.some((pod) => pod.status?.phase === "Failed") ? observed.backoff(node.name) : 0;
  const finished = living.filter((pod) => isFinished(pod) && (pod.status?.phase === "Succeeded" || wait === 0));
  const running = living.filter((pod) => !isFinished(pod));
  const recheck = wait > 0 ? { recheckAfterMs: wait } : {};
  if (!allowsSurge(observed.set)) return { create: [], remove: [...finished, ...running.slice(1)], ...recheck };
  const alone = running.length === 0 && node.fit === "run";
  // a failed pod that must stay for now holds the place
  if (alone) return { create: wait > 0 ? [] : [node.name], remove: finished, ...recheck };
  return { create: [], remove: [...finished, ...superfluous(observed, node)], ...recheck };
}

/** With surge an old and a new pod may be there together, for as long as the old one is of use. */
function superfluous(observed: Observed, node: NodeCensus): readonly Pod[] {
  const running = { ...node, pods: node.pods.filter((pod) => !isFinished(pod)) };
  const { updated, outdated } = generationsOf(running, observed.hash);
  const [newest, oldest] = [updated[0], outdated[0]];
  const excess = [...updated.slice(1), ...outdated.slice(1)];
  if (newest === undefined || oldest === undefined) return excess;
  return !isReady(oldest) || isAvailableFor(observed, newest) ? [...excess, oldest] : excess;
}
