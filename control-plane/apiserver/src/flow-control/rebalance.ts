import type { FlowMetrics } from "./flow-metrics.ts";
import type { PriorityLevel } from "./priority-level.ts";
import { allocate, sumOf } from "./seat-allocation.ts";

/**
 * Ends a period: levels lend seats that they do not use to those that want more, within their limits, in proportion to what each
 * wanted lately (KEP-1040). What exempt levels used is nobody else's.
 */
export function rebalance(levels: readonly PriorityLevel[], metrics: FlowMetrics, now: number): void {
  for (const { demand } of levels) demand.close(now);
  const exempt = levels.filter((level) => level.isExempt);
  const limited = levels.filter((level) => !level.isExempt);
  const leasts = limited.map(leastOf);
  const targets = limited.map(({ demand }, i) => Math.max(leasts[i]!, demand.smoothed));
  const all = sumOf(levels.map(({ limits }) => limits.nominal));
  const { seats, fraction } = deal(limited, leasts, targets, all, all - sumOf(exempt.map(usedBy)));
  metrics.fraction(fraction);
  const give = (level: PriorityLevel, target: number, limit: number): void => {
    metrics.rebalanced(level.name, level.demand, target, limit);
    level.limit = limit;
  };
  for (const level of exempt) give(level, usedBy(level), usedBy(level));
  for (const [i, level] of limited.entries()) give(level, targets[i]!, Math.max(floorOf(level), Math.round(seats[i]!)));
}

function deal(
  levels: readonly PriorityLevel[],
  leasts: readonly number[],
  targets: readonly number[],
  all: number,
  left: number,
) {
  const configured = levels.map(({ limits }) => limits.least);
  if (left <= sumOf(configured)) return { seats: configured, fraction: 0 };
  if (left <= sumOf(leasts)) {
    const part = (left - sumOf(configured)) / (sumOf(leasts) - sumOf(configured));
    return { seats: configured.map((least, i) => least + (leasts[i]! - least) * part), fraction: 0 };
  }
  return allocate(
    all,
    levels.map(({ limits }, i) => ({ least: leasts[i]!, most: limits.most, target: targets[i]! })),
  );
}

/** A level that lends all it has keeps a seat: else whoever comes first waits until the period ends. */
function floorOf({ limits }: PriorityLevel): number {
  return Math.min(limits.nominal, 1);
}

/** What a level used of its own is not lent away. */
function leastOf({ limits, demand }: PriorityLevel): number {
  return Math.max(limits.least, Math.min(limits.nominal, demand.high));
}

function usedBy({ limits, demand }: PriorityLevel): number {
  return Math.max(limits.least, demand.high);
}
