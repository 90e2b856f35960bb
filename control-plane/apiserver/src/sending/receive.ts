import { ApiError } from "@tsukube/api";
import type { Clock } from "@tsukube/foundation";
import type { Exchange } from "@tsukube/host";
import { BODY_LIMIT } from "../chain/chain.ts";

/** Upstream's default for whole requests; what a request takes beyond its body is bounded where it is spent. */
const BODY_MS = 60_000;

/** The body of a request. @throws {ApiError} 413, or 504 for a client that takes its time. */
export async function receive(exchange: Pick<Exchange, "body" | "isWhole">, clock: Clock): Promise<Uint8Array> {
  const body = exchange.body(BODY_LIMIT).catch(() => {
    throw ApiError.requestEntityTooLarge(`limit is ${BODY_LIMIT}`);
  });
  if (exchange.isWhole) return body; // mostly: no clock is asked
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(BODY_MS, () =>
    late.reject(ApiError.timeout("request did not complete within the allotted timeout")),
  );
  return Promise.race([body, late.promise]).finally(cancel);
}
