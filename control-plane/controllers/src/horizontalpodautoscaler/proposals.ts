import { formatQuantity, quantityMilliValue } from "@tsukube/api";
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from "@tsukube/api/types/autoscaling-v2";
import type { Pod } from "@tsukube/api/types/core-v1";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";
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

/** What is told before the message where it stands alone: which of the metrics it was. */
export function prefixOf({ type, resource, containerResource, object, external }: MetricSpec): string {
  const failed = (what: string): string => `failed to get ${what}: `;
  switch (type) {
    case "Resource":
      return failed(`${resource?.name} resource metric value`);
    case "ContainerResource":
      return failed(`${containerResource?.container} container metric value`);
    case "Pods":
      return failed("pods metric value");
    case "Object": {
      const isAverage = object?.target.averageValue !== undefined;
      return failed("object metric value") + (isAverage ? failed(`${object?.metric.name} object metric`) : "");
    }
    case "External": {
      const name = external?.metric.name;
      const isAverage = external?.target.averageValue !== undefined;
      const what = isAverage ? `${name} external metric` : `external metric ${name}`;
      return failed(`${name} external metric value`) + failed(what);
    }
    default:
      return "";
  }
}

/** What comes of `work`, and of an error one that says before it what was asked for. */
async function within<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!(cause instanceof MetricsError)) throw cause;
    throw new MetricsError("no-metrics", `${what}: ${cause.message}`, { cause });
  }
}

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
  const isShare = target.averageValue === undefined;
  const { replicas, current, share } = await within(
    `failed to get ${resource} ${isShare ? "utilization" : "usage"}`,
    async () => {
      const metrics = await within(`unable to get metrics for resource ${resource}`, () =>
        source.ofResource(workload.namespace, workload.selector, resource, container),
      );
      return countResource(input, metrics, resource, target, container);
    },
  );
  const kind = container === undefined || !share ? "resource" : "container resource";
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
    return { replicas, current: { averageValue: milliText(average, resource) }, share: false };
  }
  const wanted = target.averageUtilization ?? 0;
  const requests = requestsOf(workload.pods, resource, container);
  if (![...groups.values.keys()].some((pod) => (requests.get(pod) ?? 0) > 0))
    throw new MetricsError("no-metrics", "no metrics returned matched known pods");
  const ratioOf = (values: ReadonlyMap<string, number>): number => utilizationOf(values, requests) / wanted;
  const supposed = (pod: string): number => ((requests.get(pod) ?? 0) * Math.max(100, wanted)) / 100;
  const replicas = countReplicas({ ...base, ratioOf, supposed });
  const averageUtilization = utilizationOf(groups.values, requests);
  return { replicas, current: { averageUtilization, averageValue: milliText(average, resource) }, share: true };
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
      const { name = "" } = pod.metadata ?? {};
      const whole = container === undefined ? pod.spec?.resources?.requests : undefined;
      if (whole?.[resource] !== undefined) return [name, quantityMilliValue(whole[resource])];
      const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
      const counted = [...(pod.spec?.containers ?? []), ...sidecars].filter(
        (each) => container === undefined || each.name === container,
      );
      if (container !== undefined && counted.length === 0)
        throw new MetricsError("no-metrics", `container ${container} not found in Pod ${name}`);
      const requests = counted.map((each) => {
        const request = each.resources?.requests?.[resource];
        if (request !== undefined) return quantityMilliValue(request);
        const where = `in container ${each.name} of Pod ${name}`;
        throw new MetricsError("no-metrics", `missing request for ${resource} ${where}`);
      });
      return [name, requests.reduce((sum, request) => sum + request, 0)];
    }),
  );
}

async function ofPods(input: ProposalInput, { metric, target }: NonNullable<MetricSpec["pods"]>): Promise<Proposal> {
  const { source, workload } = input;
  const metrics = await within(`unable to get metric ${metric.name}`, () =>
    source.ofPods(workload.namespace, workload.selector, metric.name, metric.selector),
  );
  const { replicas, current } = countResource(input, metrics, "", target);
  return { replicas, name: `pods metric ${metric.name}`, status: { type: "Pods", pods: { metric, current } } };
}

async function ofObject(input: ProposalInput, spec: NonNullable<MetricSpec["object"]>): Promise<Proposal> {
  const { metric, target, describedObject } = spec;
  const resource = await input.resourceOf(describedObject.kind, describedObject.apiVersion);
  const { namespace } = input.workload;
  const { kind, name } = describedObject;
  const value = await within(`unable to get metric ${metric.name} on ${kind} ${namespace}/${name}`, () =>
    input.source.ofObject(namespace, resource, name, metric.name, metric.selector),
  );
  const { replicas, current } = countValue(input, value, target);
  const status = { type: "Object", object: { metric, describedObject, current } };
  // upstream calls an average of an object so, too
  const isAverage = target.averageValue !== undefined;
  const called = isAverage
    ? `external metric ${metric.name}(${goTextOf(metric.selector)})`
    : `${kind} metric ${metric.name}`;
  return { replicas, name: called, status };
}

async function ofExternal(input: ProposalInput, spec: NonNullable<MetricSpec["external"]>): Promise<Proposal> {
  const { metric, target } = spec;
  const { namespace } = input.workload;
  const selector = goTextOf(metric.selector);
  const value = await within(`unable to get external metric ${namespace}/${metric.name}/${selector}`, () =>
    input.source.ofExternal(namespace, metric.name, metric.selector),
  );
  const { replicas, current } = countValue(input, value, target);
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

/** A selector as Go prints it. */
function goTextOf(selector: LabelSelector | undefined): string {
  if (selector === undefined) return "nil";
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(" ")}],},`,
  );
  const ofLabels = labels.map(([key, value]) => `${key}: ${value},`).join("");
  const ofExpressions = expressions.join("");
  return `&LabelSelector{MatchLabels:map[string]string{${ofLabels}},MatchExpressions:[]LabelSelectorRequirement{${ofExpressions}},}`;
}

function readyOf(pods: readonly Pod[]): number {
  return pods.filter(({ status }) =>
    status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "True"),
  ).length;
}

function milliText(milli: number, resource = ""): string {
  const format = resource === "memory" ? "BinarySI" : "DecimalSI";
  return formatQuantity({ nanos: BigInt(Math.round(milli)) * 1_000_000n, format });
}
