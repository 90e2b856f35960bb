import { setTimeout as sleep } from "node:timers/promises";
import type { Cancel, Clock } from "@tsukube/foundation";

interface Options {
  readonly background?: boolean;
}

/** The machine's own time. */
export const realClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback, options?: Options): Cancel {
    const timer = setTimeout(callback, ms);
    if (options?.background === true) timer.unref();
    return () => clearTimeout(timer);
  },
  every(ms, callback, options?: Options): Cancel {
    const timer = setInterval(callback, ms);
    if (options?.background === true) timer.unref();
    return () => clearInterval(timer);
  },
  async sleep(ms, signal) {
    await sleep(ms, undefined, signal === undefined ? {} : { signal });
  },
  deadline(ms, parent) {
    const timeout = AbortSignal.timeout(ms);
    return parent === undefined ? timeout : AbortSignal.any([parent, timeout]);
  },
  track: (work) => work,
};
