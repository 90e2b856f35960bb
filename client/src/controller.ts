import { ApiError } from "@tsukube/api";
import { type Clock, type Logger, messageOf, TerminalError } from "@tsukube/foundation";
import type { QueueMetrics } from "./queue-metrics.ts";
import type { Key } from "./types.ts";
import { type RetryWaits, WorkQueue } from "./work-queue.ts";

/** What a reconciliation came to: settled until something changes, or to be looked at again after a while. */
export type Outcome = { readonly recheckAfterMs?: number };

export const SETTLED: Outcome = {};

export interface ControllerOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where its queue is measured, under its own name or the one that upstream has for it. */
  readonly queues?: QueueMetrics | undefined;
  readonly queueName?: string;
  /** Keys worked on at the same time; 5 by default. */
  readonly workers?: number;
  /** Which keys are worked on first: those of the highest rank; all alike by default. */
  rank?(key: Key): number;
  /** How long keys wait that failed; from 5 ms to about 16 minutes by default. */
  readonly retryWaits?: RetryWaits;
  /** Brings one object to its desired state. Throw to try again with back-off, {@link TerminalError} to give up until it changes. */
  reconcile(key: Key, signal: AbortSignal): Promise<Outcome>;
}

export interface RunningController {
  readonly queue: WorkQueue;
  /** Stops taking keys and waits for the reconciliations under way. */
  close(): Promise<void>;
}

/** Keys that a worker reconciles before others get the event loop. */
const UNINTERRUPTED = 50;

/** Runs the workers of a controller. Whoever watches adds keys to `queue`. */
export function startController(options: ControllerOptions): RunningController {
  const { clock, logger } = options;
  const queue = new WorkQueue(
    clock,
    options.rank?.bind(options),
    options.queues?.of(options.queueName ?? options.name),
    options.retryWaits,
  );
  const stop = new AbortController();
  const worker = async (): Promise<void> => {
    let since = 0;
    for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
      await reconcileOnce(options, queue, key, stop.signal, logger);
      queue.done(key);
      // keys that need no I/O never leave the microtask queue: requests and timers would wait for all of them
      if (++since % UNINTERRUPTED === 0) await clock.sleep(0, stop.signal).catch(() => {});
    }
  };
  const workers = Array.from({ length: options.workers ?? 5 }, worker);
  return {
    queue,
    async close() {
      queue.close();
      stop.abort();
      await Promise.all(workers);
    },
  };
}

async function reconcileOnce(
  options: ControllerOptions,
  queue: WorkQueue,
  key: Key,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  try {
    const { recheckAfterMs } = await options.reconcile(key, signal);
    queue.forget(key);
    if (recheckAfterMs !== undefined) queue.addAfter(key, recheckAfterMs);
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof TerminalError) {
      queue.forget(key);
      logger.warn("giving up until it changes", { controller: options.name, key, error: messageOf(error) });
    } else {
      // conflicts and names that are taken are a stale cache: usual, and gone at the next attempt
      const stale = ApiError.is(error, "Conflict") || ApiError.is(error, "AlreadyExists");
      const fields = { controller: options.name, key, error: messageOf(error) };
      if (stale) logger.debug("cannot reconcile, trying again", fields);
      else logger.warn("cannot reconcile, trying again", fields);
      queue.retry(key);
    }
  }
}
