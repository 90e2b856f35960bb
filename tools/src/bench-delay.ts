import { realClock } from "@tsukube/host";
import { inspect } from "./inspect.ts";

// opening and closing an inspector stalls the loop itself: what it costs is neither counted at the start nor at the end
const WATCH = `(() => {
  const histogram = process.getBuiltinModule("node:perf_hooks").monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  setTimeout(() => histogram.reset(), 300);
  const read = [];
  globalThis.benchDelay = read;
  globalThis.benchTimer = setInterval(() => read.push(histogram.percentile(99.9) / 1e6), 100);
  globalThis.benchEnd = () => (clearInterval(benchTimer), histogram.disable(), read.at(-6));
  return true;
})()`;
const SETTLE_MS = 500;

/** Begins to measure how late the event loop of a Node process is. */
export async function watchDelay(pid: number): Promise<void> {
  await inspect(pid, WATCH);
  await realClock.sleep(SETTLE_MS);
}

/** The 99.9th percentile since {@link watchDelay}, in ms; what was within the last half second does not count. */
export function delayOf(pid: number): Promise<number> {
  return inspect<number>(pid, "benchEnd()");
}

/** The same of some work alone. */
export async function delayDuring(pid: number, work: () => Promise<unknown>): Promise<number> {
  await watchDelay(pid);
  await work();
  await realClock.sleep(2 * SETTLE_MS);
  return delayOf(pid);
}
