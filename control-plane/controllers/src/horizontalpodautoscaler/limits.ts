import type { HorizontalPodAutoscalerSpec } from "@tsukube/api/types/autoscaling-v2";
import { DOWN_BY_DEFAULT, downLimit, type ScaleEvent, UP_BY_DEFAULT, upLimit } from "./scale-rate.ts";

/** What was found to be right at some time, in monotonic ms. */
interface Recommendation {
  readonly replicas: number;
  readonly at: number;
}

/** What came before. */
export interface History {
  readonly recommendations: readonly Recommendation[];
  readonly events: readonly ScaleEvent[];
}

/** Why a number was chosen, for a condition. */
export interface Reason {
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface Limited {
  readonly replicas: number;
  /** For AbleToScale; undefined: nothing was held back. */
  readonly held: Reason;
  /** For ScalingLimited. */
  readonly limited: Reason;
}

const RIGHT: Reason = { status: true, reason: "ReadyForNewScale", message: "recommended size matches current size" };
const HELD_DOWN: Reason = {
  status: true,
  reason: "ScaleDownStabilized",
  message: "recent recommendations were higher than current one, applying the highest recent recommendation",
};
const HELD_UP: Reason = {
  status: true,
  reason: "ScaleUpStabilized",
  message: "recent recommendations were lower than current one, applying the lowest recent recommendation",
};
const WITHIN: Reason = {
  status: false,
  reason: "DesiredWithinRange",
  message: "the desired count is within the acceptable range",
};
const limit = (reason: string, message: string): Reason => ({ status: true, reason, message });
const TOO_MANY = limit("TooManyReplicas", "the desired replica count is more than the maximum replica count");
const TOO_FEW = limit("TooFewReplicas", "the desired replica count is less than the minimum replica count");
const TOO_FAST_UP = limit("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate");
const TOO_FAST_DOWN = limit(
  "ScaleDownLimit",
  "the desired replica count is decreasing faster than the maximum scale rate",
);

/** Pure: what becomes of a recommendation, given what came before and how fast things may change. @param now Monotonic ms. */
export function limitReplicas(
  spec: HorizontalPodAutoscalerSpec,
  current: number,
  recommended: number,
  history: History,
  now: number,
): Limited {
  const { replicas, held } = stabilized(spec, current, recommended, history.recommendations, now);
  return { held, ...withinLimits(spec, current, replicas, history.events, now) };
}

/** Nothing changes that would be taken back soon: the lowest of late counts on the way up, the highest on the way down. */
function stabilized(
  { behavior }: HorizontalPodAutoscalerSpec,
  current: number,
  recommended: number,
  before: readonly Recommendation[],
  now: number,
): { readonly replicas: number; readonly held: Reason } {
  const windowOf = (seconds: number): readonly number[] => [
    recommended,
    ...before.filter(({ at }) => at > now - seconds * 1000).map(({ replicas }) => replicas),
  ];
  const up = behavior?.scaleUp?.stabilizationWindowSeconds ?? UP_BY_DEFAULT.stabilizationWindowSeconds;
  const down = behavior?.scaleDown?.stabilizationWindowSeconds ?? DOWN_BY_DEFAULT.stabilizationWindowSeconds;
  const [lowest, highest] = [Math.min(...windowOf(up)), Math.max(...windowOf(down))];
  const replicas = Math.min(Math.max(current, lowest), highest);
  const held = replicas === recommended ? RIGHT : replicas > recommended ? HELD_DOWN : HELD_UP;
  return { replicas, held };
}

function withinLimits(
  spec: HorizontalPodAutoscalerSpec,
  current: number,
  wanted: number,
  events: readonly ScaleEvent[],
  now: number,
): { readonly replicas: number; readonly limited: Reason } {
  const { behavior, minReplicas = 1, maxReplicas } = spec;
  if (wanted > current || behavior === undefined) {
    const rate =
      behavior === undefined ? Math.max(2 * current, 4) : upLimit(current, events, behavior.scaleUp ?? {}, now);
    const most = Math.min(rate, maxReplicas);
    if (wanted > most) return { replicas: most, limited: rate < maxReplicas ? TOO_FAST_UP : TOO_MANY };
  }
  if (wanted < current || behavior === undefined) {
    const rate = behavior === undefined ? 0 : downLimit(current, events, behavior.scaleDown ?? {}, now);
    const least = Math.max(rate, minReplicas);
    if (wanted < least) return { replicas: least, limited: rate > minReplicas ? TOO_FAST_DOWN : TOO_FEW };
  }
  return { replicas: wanted, limited: WITHIN };
}
