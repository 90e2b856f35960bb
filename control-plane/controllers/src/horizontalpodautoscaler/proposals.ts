import { formatQuantity, labelMatcherOf, quantityMilliValue } from "@tsukube/api";
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from "@tsukube/api/types/autoscaling-v2";
import type { Pod } from "@tsukube/api/types/core-v1";
import { MetricsError, type MetricsSource } from "./metrics-source.ts";
import { groupPods, type PodGroups, type PodMetric } from "./pod-groups.ts";
import { averageOf, countReplicas, isTolerated, rounded, type Tolerances, utilizationOf } from "./replica-count.ts";

/** The workload as it is. */
export interface Workload {
  readonly namespace: string;
  /** Selects its pods, as text. */
  readonly selector: string;
  readonly pods: readonly Pod[];
  /** Wanted, and there. */
  readonly specReplicas: number;
  readonly statusReplicas: number;
}

/** What one metric says. */
export interface Proposal {
  readonly replicas: number;
  /** "cpu resource utilization (percentage of request)". */
  readonly name: string;
  readonly status: MetricStatus;
}

export interface ProposalInput {
  readonly source: MetricsSource;
  readonly workload: Workload;
  readonly tolerances: Tolerances;
  /** Ms since the epoch. */
  readonly now: number;
  /** "deployments.apps" of a kind. @throws when it is not served. */
  resourceOf(kind: string, apiVersion: string | undefined): Promise<string>;
}

/** The reason of the condition and the event when a metric of this type cannot be had. */
export const FAILURES: Readonly<Record<string, string>> = {
  Resource: "FailedGetResourceMetric",
  ContainerResource: "FailedGetContainerResourceMetric",
  Pods: "FailedGetPodsMetric",
  Object: "FailedGetObjectMetric",
  External: "FailedGetExternalMetric",
};

/** How many replicas a metric asks for. @throws {MetricsError} */
export async function propose(spec: MetricSpec, input: ProposalInput): Promise<Proposal> {
  const { resource, containerResource, pods, object, external } = spec;
  if (spec.type === "Resource" && resource !== undefined) return ofResource(input, resource.name, resource.target);
  if (spec.type === "ContainerResource" && containerResource !== undefined)
    return ofResource(input, containerResource.name, containerResource.target, containerResource.container);
  if (spec.type === "Pods" && pods !== undefined) return ofPods(input, pods);
  if (spec.type === "Object" && object !== undefined) return ofObject(input, object);
  if (spec.type === "External" && external !== undefined) return ofExternal(input, external);
  throw new MetricsError("no-metrics", `unknown metric source type "${spec.type}"`);
}

async function ofResource(
  input: ProposalInput,
  resource: string,
  target: MetricTarget,
  container?: string,
): Promise<Proposal> {
  const { source, workload } = input;
  const metrics = await source.ofResource(workload.namespace, workload.selector, resource, container);
  const { replicas, current, share } = countResource(input, metrics, resource, target, container);
  const kind = container === undefined ? "resource" : "container resource";
  const name = `${resource} ${kind}${share ? " utilization (percentage of request)" : ""}`;
  const status =
    container === undefined
      ? { type: "Resource", resource: { name: resource, current } }
      : { type: "ContainerResource", containerResource: { name: resource, container, current } };
  return { replicas, name, status };
}

/** Pure: by the share of the requests, or by an absolute average. */
export function countResource(
  { workload, tolerances, now }: Pick<ProposalInput, "workload" | "tolerances" | "now">,
  metrics: ReadonlyMap<string, PodMetric>,
  resource: string,
  target: MetricTarget,
  container?: string,
): { readonly replicas: number; readonly current: MetricValueStatus; readonly share: boolean } {
  const groups = groupsOf(workload.pods, metrics, resource, now);
  const base = { current: workload.specReplicas, groups, tolerances };
  const average = averageOf(groups.values);
  if (target.averageValue !== undefined) {
    const wanted = quantityMilliValue(target.averageValue);
    const ratioOf = (values: ReadonlyMap<string, number>): number => averageOf(values) / wanted;
    const replicas = countReplicas({ ...base, ratioOf, supposed: () => wanted });
    return { replicas, current: { averageValue: milliText(average) }, share: false };
  }
  const wanted = target.averageUtilization ?? 0;
  const requests = requestsOf(workload.pods, resource, container);
  if (![...groups.values.keys()].some((pod) => (requests.get(pod) ?? 0) > 0))
    throw new MetricsError("no-metrics", "no metrics returned matched known pods");
  const ratioOf = (values: ReadonlyMap<string, number>): number => utilizationOf(values, requests) / wanted;
  const supposed = (pod: string): number => ((requests.get(pod) ?? 0) * Math.max(100, wanted)) / 100;
  const replicas = countReplicas({ ...base, ratioOf, supposed });
  const averageUtilization = utilizationOf(groups.values, requests);
  return { replicas, current: { averageUtilization, averageValue: milliText(average) }, share: true };
}

function groupsOf(
  pods: readonly Pod[],
  metrics: ReadonlyMap<string, PodMetric>,
  resource: string,
  now: number,
): PodGroups {
  if (pods.length === 0)
    throw new MetricsError("no-metrics", "no pods returned by selector while calculating replica count");
  const groups = groupPods(pods, metrics, resource, now);
  if (groups.values.size === 0)
    throw new MetricsError("no-metrics", "did not receive metrics for targeted pods (pods might be unready)");
  return groups;
}

/** In thousandths, by the names of pods. @throws {MetricsError} when a container does not say what it wants. */
function requestsOf(pods: readonly Pod[], resource: string, container?: string): ReadonlyMap<string, number> {
  return new Map(
    pods.map((pod) => {
      const { name = "", namespace = "" } = pod.metadata ?? {};
      const whole = container === undefined ? pod.spec?.resources?.requests?.[resource] : undefined;
      if (whole !== undefined) return [name, quantityMilliValue(whole)];
      const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
      const counted = [...(pod.spec?.containers ?? []), ...sidecars].filter(
        (each) => container === undefined || each.name === container,
      );
      const requests = counted.map((each) => {
        const request = each.resources?.requests?.[resource];
        if (request !== undefined) return quantityMilliValue(request);
        const where = `in container ${each.name} of Pod ${namespace}/${name}`;
        throw new MetricsError("no-metrics", `missing request for ${resource} ${where}`);
      });
      return [name, requests.reduce((sum, request) => sum + request, 0)];
    }),
  );
}

async function ofPods(input: ProposalInput, { metric, target }: NonNullable<MetricSpec["pods"]>): Promise<Proposal> {
  const { source, workload } = input;
  const metrics = await source.ofPods(workload.namespace, workload.selector, metric.name, metric.selector);
  const { replicas, current } = countResource(input, metrics, "", target);
  return { replicas, name: `pods metric ${metric.name}`, status: { type: "Pods", pods: { metric, current } } };
}

async function ofObject(input: ProposalInput, spec: NonNullable<MetricSpec["object"]>): Promise<Proposal> {
  const { metric, target, describedObject } = spec;
  const resource = await input.resourceOf(describedObject.kind, describedObject.apiVersion);
  const { namespace } = input.workload;
  const value = await input.source.ofObject(namespace, resource, describedObject.name, metric.name, metric.selector);
  const { replicas, current } = countValue(input, value, target);
  const status = { type: "Object", object: { metric, describedObject, current } };
  return { replicas, name: `${describedObject.kind} metric ${metric.name}`, status };
}

async function ofExternal(input: ProposalInput, spec: NonNullable<MetricSpec["external"]>): Promise<Proposal> {
  const { metric, target } = spec;
  const value = await input.source.ofExternal(input.workload.namespace, metric.name, metric.selector);
  const { replicas, current } = countValue(input, value, target);
  const selector = metric.selector === undefined ? "nil" : `&${labelMatcherOf(metric.selector).toString()}`;
  const status = { type: "External", external: { metric, current } };
  return { replicas, name: `external metric ${metric.name}(${selector})`, status };
}

/** Pure: by a value that all pods share: to be kept as it is, or divided among them. */
export function countValue(
  { workload, tolerances }: Pick<ProposalInput, "workload" | "tolerances">,
  value: number,
  target: MetricTarget,
): { readonly replicas: number; readonly current: MetricValueStatus } {
  const { specReplicas, statusReplicas, pods } = workload;
  if (target.averageValue !== undefined) {
    const wanted = quantityMilliValue(target.averageValue);
    const isRight = isTolerated(value / (wanted * statusReplicas), tolerances);
    const replicas = isRight && statusReplicas > 0 ? statusReplicas : rounded(value / wanted);
    const average = statusReplicas === 0 ? 0 : Math.ceil(value / statusReplicas);
    return { replicas, current: { averageValue: milliText(average) } };
  }
  const ratio = value / quantityMilliValue(target.value ?? "0");
  const replicas = specReplicas === 0 ? rounded(ratio) : rounded(ratio * readyOf(pods));
  const isRight = specReplicas !== 0 && isTolerated(ratio, tolerances);
  return { replicas: isRight ? specReplicas : replicas, current: { value: milliText(value) } };
}

function readyOf(pods: readonly Pod[]): number {
  return pods.filter(({ status }) =>
    status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"),
  ).length;
}

function milliText(milli: number): string {
  return formatQuantity({ nanos: BigInt(Math.round(milli)) * 1_000_000n, format: "DecimalSI" });
}
