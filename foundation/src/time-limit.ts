import type { Clock } from "./clock.ts";

/**
 * Gives work a time limit: after `ms`, or when `parent` aborts, its signal aborts and the promise rejects, whatever the work does.
 * @throws DOMException `TimeoutError`, the reason of `parent`, or what the work throws.
 */
export async function withinTime<T>(
  clock: Clock,
  ms: number,
  parent: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted();
  const limit = new AbortController();
  const late = (): void => limit.abort(new DOMException(`It took longer than ${ms} ms`, "TimeoutError"));
  const cancel = clock.after(ms, late, { background: true });
  const leave = (): void => limit.abort(parent.reason);
  parent.addEventListener("abort", leave);
  const given = new Promise<never>((_resolve, reject) => {
    limit.signal.addEventListener("abort", () => reject(limit.signal.reason));
  });
  try {
    return await Promise.race([work(limit.signal), given]);
  } finally {
    cancel();
    parent.removeEventListener("abort", leave);
  }
}
