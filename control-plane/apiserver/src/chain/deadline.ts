import { ApiError, durationMs } from "@tsukube/api";
import { type Clock, messageOf } from "@tsukube/foundation";
import type { RequestInfo } from "../contracts.ts";

/** Upstream's default of --request-timeout: a client cannot ask for more. */
export const MOST_MS = 60_000;

/**
 * How long a client wants to wait at most, in ms, by the `timeout` of its URL; undefined: it does not say, or says 0s.
 * @throws {ApiError} 400 for what is no duration of Go.
 */
export function deadlineOf({ query }: RequestInfo): number | undefined {
  const text = query.get("timeout");
  if (text === null || text === "") return undefined;
  try {
    const ms = durationMs(text);
    return ms > 0 && ms < MOST_MS ? ms : undefined;
  } catch (error) {
    throw ApiError.badRequest(`invalid timeout specified in the request URL - ${messageOf(error)}`);
  }
}

/** What `work` answers, or a 504 after `ms`: what it does goes on then, and may still take effect. */
export async function within<T>(ms: number, clock: Clock, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(ms, () =>
    late.reject(ApiError.timeout("request did not complete within requested timeout - context deadline exceeded")),
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    cancel();
  }
}
