import { all, type Check, member, run } from "../check.ts";
import type { UpdateCheck } from "../kind-rules.ts";

/** Checks the new status by itself. */
export function statusOf(...checks: readonly Check[]): UpdateCheck {
  const check = all(...checks);
  return (next) => run(check, member(next, "status"), "status");
}
