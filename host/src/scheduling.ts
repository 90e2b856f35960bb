import { writeFileSync } from "node:fs";

/** Ten times the weight of an ordinary session. */
const NICE = -10;

/**
 * The kernel shares the processor by session (sched(7), "The autogroup feature"): a start of fifty containers is fifty sessions,
 * and this process would get a fiftieth. With it, everything on the node waits: so its session goes before theirs. Without
 * root, or on a kernel without the feature, nothing changes.
 */
export function preferOwnSession(): void {
  try {
    writeFileSync("/proc/self/autogroup", String(NICE));
  } catch {}
}
