import { jsonEqual, labelMatcherOf } from "@tsukube/api";
import type { ClusterRole, PolicyRule } from "@tsukube/api/types/rbac-v1";

/** Whether the rules of a role come from others. */
export function isAggregated(role: ClusterRole): boolean {
  return role.aggregationRule !== undefined && role.aggregationRule !== null;
}

/**
 * Pure: the rules that an aggregated role should have, each once: those of every role that one of its selectors matches,
 * selector by selector, the roles in the order of their names. Undefined when it has them already.
 */
export function plan(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] | undefined {
  const name = role.metadata?.name ?? "";
  const others = roles.filter(({ metadata }) => metadata?.name !== name).sort(byName);
  const rules: PolicyRule[] = [];
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matcher = labelMatcherOf(selector);
    for (const other of others) {
      if (!matcher.matches(other.metadata?.labels)) continue;
      for (const rule of other.rules ?? []) if (!rules.some((known) => jsonEqual(known, rule))) rules.push(rule);
    }
  }
  return jsonEqual(rules, role.rules ?? []) ? undefined : rules;
}

function byName(a: ClusterRole, b: ClusterRole): number {
  const [x, y] = [a.metadata?.name ?? "", b.metadata?.name ?? ""];
  return x < y ? -1 : x > y ? 1 : 0;
}
