import type { Pod } from "@tsukube/api/types/core-v1";
import { generationsOf, isAvailableFor, limitsOf, type NodeCensus, type Observed } from "./census.ts";

/** What an update does next; see {@link planUpdate}. */
export interface UpdatePlan {
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
}

/**
 * Pure: the next step of a rolling update, when each node has the pods that it should. Without surge old pods are removed as
 * far as few enough nodes are without an available pod; with surge new pods come beside old ones, which go once the new ones
 * are available. Old pods that are not available never count: nothing is lost with them.
 */
export function planUpdate(observed: Observed, census: readonly NodeCensus[]): UpdatePlan {
  const desired = census.filter(({ fit }) => fit === "run").length;
  const { unavailable, surge } = limitsOf(observed.set, desired);
  const nodes = census.filter(({ fit, pods }) => fit === "run" || pods.length > 0);
  return surge === 0 ? planReplacement(observed, nodes, unavailable) : planSurge(observed, nodes, desired, surge);
}

function planReplacement(observed: Observed, nodes: readonly NodeCensus[], maxUnavailable: number): UpdatePlan {
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  let unavailable = 0;
  for (const node of nodes) {
    const { updated, outdated } = generationsOf(node, observed.hash);
    const [present] = [...updated, ...outdated];
    if (present === undefined || updated.length + outdated.length > 1) unavailable += 1;
    else if (updated.length > 0) unavailable += isAvailableFor(observed, present) ? 0 : 1;
    else if (isAvailableFor(observed, present)) candidates.push(present);
    else broken.push(present);
  }
  return { create: [], remove: [...broken, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))] };
}

function planSurge(observed: Observed, nodes: readonly NodeCensus[], desired: number, maxSurge: number): UpdatePlan {
  const available = (pod: Pod): boolean => isAvailableFor(observed, pod);
  const [remove, leaving]: [Pod[], Pod[]] = [[], []];
  const [replace, candidates]: [string[], string[]] = [[], []];
  let [surging, serving] = [0, 0];
  for (const node of nodes) {
    const { updated, outdated } = generationsOf(node, observed.hash);
    const [young, old] = [updated[0], outdated[0]];
    if (updated.length > 1 || outdated.length > 1) {
      surging += 1;
      continue;
    }
    const present = old ?? young;
    if (present !== undefined && available(present)) serving += 1;
    if (old === undefined) continue;
    if (young !== undefined) {
      if (available(young)) remove.push(old);
      else surging += 1;
    } else if (node.fit === "run") (available(old) ? candidates : replace).push(node.name);
    else (available(old) ? leaving : remove).push(old);
  }
  // who asks for surge wants no gap: a node that may only keep its pod gives it up once there are enough others
  const spare = Math.max(0, serving - desired);
  return {
    create: [...replace, ...candidates.slice(0, Math.max(0, maxSurge - surging))],
    remove: [...remove, ...leaving.slice(0, spare)],
  };
}
