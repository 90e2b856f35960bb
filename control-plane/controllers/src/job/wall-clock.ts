const LONGEST_MS = 3_600_000;

/**
 * How long to wait before looking at the wall clock again, for something that is due in `ms`. Waits are counted in
 * monotonic time, which knows nothing of a clock that is set or a machine that sleeps; timers hold 24 days at most.
 */
export function untilWallClock(ms: number): number {
  return Math.min(Math.max(ms, 1), LONGEST_MS);
}
