import { ApiError } from "@tsukube/api";
import { type Clock, type Logger, messageOf, TerminalError } from "@tsukube/foundation";
import type { Key } from "./types.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What a reconciler reports: nothing left to do, or look again later. */
export type Outcome = "settled" | { readonly recheckAfterMs: number };

/** The object is as it should be, until something changes. */
export const SETTLED: Outcome = "settled";

export interface ControllerOptions {
  readonly name: string;
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Keys reconciled at the same time. Default 5. */
  readonly workers?: number;
  /** Resolves when the caches that `reconcile` reads are filled. */
  readonly synced?: Promise<unknown>;
  /** Throws to retry with backoff, throws TerminalError to stop until the object changes. */
  reconcile(key: Key, signal: AbortSignal): Promise<Outcome>;
}

/** Works on the queue until closed. `close` lets what is being reconciled finish. */
export function runController(options: ControllerOptions): { close(): Promise<void> } {
  const abort = new AbortController();
  const workers = Array.from({ length: options.workers ?? 5 }, () => work(options, abort.signal));
  return {
    async close() {
      abort.abort(new Error("controller closed"));
      options.queue.close();
      await Promise.all(workers);
    },
  };
}

async function work(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  await Promise.race([options.synced, aborted(signal)]);
  for (let key = await options.queue.next(); key !== undefined; key = await options.queue.next()) {
    if (!signal.aborted) await options.clock.track(once(options, key, signal));
    options.queue.done(key);
  }
}

async function once(
  { queue, logger, name, reconcile }: ControllerOptions,
  key: Key,
  signal: AbortSignal,
): Promise<void> {
  try {
    const outcome = await reconcile(key, signal);
    queue.forget(key);
    if (outcome !== "settled") queue.addAfter(key, outcome.recheckAfterMs);
  } catch (error) {
    if (error instanceof TerminalError) {
      queue.forget(key);
      return logger.error("reconcile gave up", { controller: name, key, error: messageOf(error) });
    }
    const failures = queue.addRateLimited(key);
    // A stale cache is everyday; anything else somebody should see.
    const level = error instanceof ApiError && error.httpCode === 409 ? "debug" : "warn";
    logger[level]("reconcile failed, will retry", { controller: name, key, failures, error: messageOf(error) });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
