import type { PriorityLevelConfiguration } from "@tsukube/api/types/flowcontrol-v1";
import type { LevelConfig, LevelResponse } from "./priority-level.ts";

/** What the levels are due of `seats`: each by its part of all shares, rounded up. */
export function levelConfigs(levels: readonly PriorityLevelConfiguration[], seats: number): readonly LevelConfig[] {
  const allShares = levels.reduce((sum, level) => sum + sharesOf(level), 0);
  return levels.map((object) => {
    const { limited, exempt } = object.spec;
    const nominal = allShares === 0 ? 0 : Math.ceil((seats * sharesOf(object)) / allShares);
    const lendable = Math.round((nominal * ((limited ?? exempt)?.lendablePercent ?? 0)) / 100);
    const borrowable = limited?.borrowingLimitPercent;
    const most = nominal + (borrowable == null ? seats : Math.round((nominal * borrowable) / 100));
    return { object, response: responseOf(object), limits: { nominal, least: nominal - lendable, most } };
  });
}

function sharesOf({ spec: { limited, exempt } }: PriorityLevelConfiguration): number {
  return (limited ?? exempt)?.nominalConcurrencyShares ?? 0;
}

function responseOf({ spec: { limited } }: PriorityLevelConfiguration): LevelResponse {
  if (limited == null) return { type: "exempt" };
  const queuing = limited.limitResponse?.queuing;
  if (queuing == null) return { type: "reject" };
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  return { type: "queue", queues, handSize, queueLengthLimit };
}
