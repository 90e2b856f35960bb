import { labelMatcherOf } from "@tsukube/api";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget } from "@tsukube/api/types/policy-v1";

/** Pure: which of these pods, should they all go in this order, would go although a budget does not allow it. */
export function splitByBudgets(
  pods: readonly Pod[],
  budgets: readonly PodDisruptionBudget[],
): { readonly violating: readonly Pod[]; readonly others: readonly Pod[] } {
  const open = budgets.map(({ metadata, spec, status }) => ({
    namespace: metadata?.namespace,
    matcher: labelMatcherOf(spec?.selector),
    going: status?.disruptedPods ?? {},
    left: status?.disruptionsAllowed ?? 0,
  }));
  const violating: Pod[] = [];
  const others: Pod[] = [];
  for (const pod of pods) {
    const { namespace, name = "", labels } = pod.metadata ?? {};
    const concerned = open.filter(
      (budget) =>
        budget.namespace === namespace &&
        budget.matcher.requirements.length > 0 && // upstream: one that selects everything protects nothing from preemption
        budget.matcher.matches(labels) &&
        !(name in budget.going), // counted already
    );
    for (const budget of concerned) budget.left -= 1;
    (concerned.some(({ left }) => left < 0) ? violating : others).push(pod);
  }
  return { violating, others };
}
