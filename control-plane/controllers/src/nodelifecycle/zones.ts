import type { Node } from "@tsukube/api/types/core-v1";
import { readinessOf } from "../nodes/conditions.ts";

type ZoneState = "Initial" | "Normal" | "PartialDisruption" | "FullDisruption";

/** How many nodes of a zone may be emptied a second; upstream's --node-eviction-rate and the secondary one. */
export const RATE = 0.1;
const REDUCED_RATE = 0.01;
const LARGE_ZONE = 50;
const UNHEALTHY_SHARE = 0.55;
const EXCLUDED = "node.kubernetes.io/exclude-disruption";

export interface Zone {
  readonly state: ZoneState;
  /** Nodes a second. */
  readonly rate: number;
}

export interface ZonesPlan {
  readonly zones: ReadonlyMap<string, Zone>;
  /** No node is ready: that says more about this side than about the nodes, so nobody is sent away. */
  readonly stop: boolean;
  /** A node came back after that: the others get their grace time anew. */
  readonly resume: boolean;
}

export function zoneOf({ metadata }: Node): string {
  const { labels = {} } = metadata ?? {};
  const old = labels["failure-domain.beta.kubernetes.io/zone"];
  return `${labels["topology.kubernetes.io/region"] ?? ""}/${labels["topology.kubernetes.io/zone"] ?? old ?? ""}`;
}

/** Pure: how fast the nodes of each zone may be emptied, given how the zones were and how many nodes are ready. */
export function planZones(before: ReadonlyMap<string, Zone>, nodes: readonly Node[]): ZonesPlan {
  const counted = nodes.filter(({ metadata }) => metadata?.labels?.[EXCLUDED] === undefined);
  const byZone = Map.groupBy(counted, zoneOf);
  const states = new Map([...byZone].map(([name, members]) => [name, stateOf(members)]));
  const isDown = [...states.values()].every((state) => state === "FullDisruption");
  const known = [...before].filter(([name]) => byZone.has(name));
  const wasDown = known.every(([, { state }]) => state === "FullDisruption") && known.length > 0;
  const rateOf = (state: ZoneState, size: number): number =>
    isDown ? 0 : state !== "PartialDisruption" ? RATE : size > LARGE_ZONE ? REDUCED_RATE : 0;
  const zones = [...states].map(([name, state]) => {
    return [name, { state, rate: rateOf(state, byZone.get(name)?.length ?? 0) }] as const;
  });
  return { zones: new Map(zones), stop: isDown && !wasDown && states.size > 0, resume: wasDown && !isDown };
}

function stateOf(nodes: readonly Node[]): ZoneState {
  const unready = nodes.filter((node) => readinessOf(node) !== "True").length;
  if (unready === nodes.length) return "FullDisruption";
  return unready > 2 && unready / nodes.length >= UNHEALTHY_SHARE ? "PartialDisruption" : "Normal";
}
