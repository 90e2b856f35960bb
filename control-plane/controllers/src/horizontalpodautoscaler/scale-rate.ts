import type { HPAScalingPolicy, HPAScalingRules } from "@tsukube/api/types/autoscaling-v2";

/** A change that was made: how many pods more or less, and when, in monotonic ms. */
export interface ScaleEvent {
  readonly change: number;
  readonly at: number;
}

const FIFTEEN = 15;
export const UP_BY_DEFAULT: Required<
  Pick<HPAScalingRules, "stabilizationWindowSeconds" | "selectPolicy" | "policies">
> = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: FIFTEEN },
    { type: "Percent", value: 100, periodSeconds: FIFTEEN },
  ],
};
export const DOWN_BY_DEFAULT: typeof UP_BY_DEFAULT = {
  stabilizationWindowSeconds: 300,
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: FIFTEEN }],
};

/** Pure: the most replicas that the policies let a workload have now. */
export function upLimit(current: number, events: readonly ScaleEvent[], rules: HPAScalingRules, now: number): number {
  const { selectPolicy = "Max", policies = UP_BY_DEFAULT.policies } = rules;
  if (selectPolicy === "Disabled") return current;
  const limits = policies.map((policy) => {
    const before = startOf(current, events, policy, now);
    return policy.type === "Pods" ? before + policy.value : Math.ceil(before * (1 + policy.value / 100));
  });
  return Math.max(current, selectPolicy === "Min" ? Math.min(...limits) : Math.max(...limits));
}

/** Pure: the fewest. */
export function downLimit(current: number, events: readonly ScaleEvent[], rules: HPAScalingRules, now: number): number {
  const { selectPolicy = "Max", policies = DOWN_BY_DEFAULT.policies } = rules;
  if (selectPolicy === "Disabled") return current;
  const limits = policies.map((policy) => {
    const before = startOf(current, events, policy, now);
    return policy.type === "Pods" ? before - policy.value : Math.trunc(before * (1 - policy.value / 100));
  });
  // the smallest change leaves the most
  return Math.min(current, selectPolicy === "Min" ? Math.max(...limits) : Math.min(...limits));
}

/** How many there were when the policy's period began. */
function startOf(
  current: number,
  events: readonly ScaleEvent[],
  { periodSeconds }: HPAScalingPolicy,
  now: number,
): number {
  const since = now - periodSeconds * 1000;
  return events.filter(({ at }) => at > since).reduce((count, { change }) => count - change, current);
}
