import { quantityNumber } from "@tsukube/api";
import type { HorizontalPodAutoscalerSpec, MetricSpec, MetricStatus } from "@tsukube/api/types/autoscaling-v2";
import { type History, type Limited, limitReplicas, type Reason } from "./limits.ts";
import type { Proposal } from "./proposals.ts";
import type { Tolerances } from "./replica-count.ts";

const TOLERANCE = 0.1;
const CPU: MetricSpec = {
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
};

export function metricsOf({ metrics = [] }: HorizontalPodAutoscalerSpec): readonly MetricSpec[] {
  return metrics.length === 0 ? [CPU] : metrics;
}

export function tolerancesOf({ behavior }: HorizontalPodAutoscalerSpec): Tolerances {
  const of = (text: string | undefined): number => (text === undefined ? TOLERANCE : quantityNumber(text));
  return { up: of(behavior?.scaleUp?.tolerance), down: of(behavior?.scaleDown?.tolerance) };
}

/** What a metric said, or why it said nothing. */
export type Finding =
  | { readonly proposal: Proposal }
  | {
      readonly failure: {
        readonly reason: string;
        readonly message: string;
        /** What a summary puts before the message, such as "failed to get cpu resource metric value: ". */
        readonly prefix?: string;
      };
    };

export interface Decision {
  readonly replicas: number;
  /** Why the number is to change. */
  readonly why: string;
  /** What the metrics asked for, before it was held back; undefined when nobody was asked. */
  readonly recommended?: number;
  /** By the order of the metrics that are asked; of one that says nothing, an empty one. */
  readonly currentMetrics?: readonly MetricStatus[];
  /** By condition type; what is absent stays as it is. */
  readonly conditions: Readonly<Record<string, Reason>>;
  /** To be told in an event. */
  readonly problem?: string;
}

const SHARED: readonly string[] = ["Object", "External"];

/** Whether there are metrics that say something while there are no pods. */
export function hasSharedMetric({ metrics = [] }: HorizontalPodAutoscalerSpec): boolean {
  return metrics.some(({ type }) => SHARED.includes(type));
}

/**
 * Pure: what is decided without any metric; undefined: ask them.
 * @param scaledToZero Whether the autoscaler itself brought the workload to nothing.
 */
export function decideByLimits(
  spec: HorizontalPodAutoscalerSpec,
  current: number,
  scaledToZero: boolean,
): Decision | undefined {
  const { minReplicas = 1, maxReplicas } = spec;
  if (current === 0 && scaledToZero && (minReplicas !== 0 || hasSharedMetric(spec))) return undefined;
  if (current === 0) {
    const message = "scaling is disabled since the replica count of the target is zero";
    return {
      replicas: 0,
      why: "",
      conditions: { ScalingActive: { status: false, reason: "ScalingDisabled", message } },
    };
  }
  if (current > maxReplicas)
    return { replicas: maxReplicas, why: "Current number of replicas above Spec.MaxReplicas", conditions: {} };
  if (current < minReplicas)
    return { replicas: minReplicas, why: "Current number of replicas below Spec.MinReplicas", conditions: {} };
  return undefined;
}

/**
 * Pure: the metric that asks for most decides. While some say nothing, the others can only argue for more.
 * @param now Monotonic ms.
 */
export function decideByMetrics(
  spec: HorizontalPodAutoscalerSpec,
  current: number,
  findings: readonly Finding[],
  history: History,
  now: number,
): Decision {
  const proposals = findings.flatMap((finding) => ("proposal" in finding ? [finding.proposal] : []));
  const failures = findings.flatMap((finding) => ("failure" in finding ? [finding.failure] : []));
  const highest = proposals.reduce<Proposal | undefined>(
    (most, each) => (most === undefined || each.replicas > most.replicas ? each : most),
    undefined,
  );
  const currentMetrics = findings.map((finding) => ("proposal" in finding ? finding.proposal.status : { type: "" }));
  const [failure] = failures;
  if (highest === undefined || (failure !== undefined && highest.replicas < current)) {
    const { message: first = "", prefix = "" } = failure ?? {};
    const message = `the HPA was unable to compute the replica count: ${first}`;
    return {
      replicas: current,
      why: "",
      currentMetrics,
      conditions: { ScalingActive: { status: false, reason: failure?.reason ?? "", message } },
      problem: `invalid metrics (${failures.length} invalid out of ${findings.length}), first error is: ${prefix}${first}`,
    };
  }
  const { replicas, held, limited }: Limited = limitReplicas(spec, current, highest.replicas, history, now);
  const message = `the HPA was able to successfully calculate a replica count from ${highest.name}`;
  return {
    replicas,
    why: whyOf(highest, current),
    recommended: highest.replicas,
    currentMetrics,
    conditions: {
      AbleToScale: held,
      ScalingActive: { status: true, reason: "ValidMetricFound", message },
      ScalingLimited: limited,
    },
  };
}

function whyOf({ replicas, name }: Proposal, current: number): string {
  if (replicas === current) return "";
  return replicas > current ? `${name} above target` : "All metrics below target";
}
