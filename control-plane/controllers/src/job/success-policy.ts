import type { SuccessPolicy } from "@tsukube/api/types/batch-v1";
import { IndexSet } from "./index-set.ts";

/** Why `spec.successPolicy` lets the Job succeed with these indexes; undefined when it does not yet. */
export function successBy(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: IndexSet,
): string | undefined {
  const met = (policy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (succeededIndexes === undefined) return succeededCount !== undefined && succeeded.size >= succeededCount;
    const wanted = IndexSet.parse(succeededIndexes, completions);
    return wanted.size > 0 && succeeded.overlap(wanted) >= (succeededCount ?? wanted.size);
  });
  return met < 0 || succeeded.size === 0 ? undefined : `Matched rules at index ${met}`;
}
