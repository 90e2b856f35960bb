import { ApiError, labelMatcherOf, parseDuration, quantityMilliValue } from "@tsukube/api";
import type { LabelSelector } from "@tsukube/api/types/meta-v1";
import type { Client } from "@tsukube/client";
import { messageOf, TsukubeError } from "@tsukube/foundation";
import type { PodMetric } from "./pod-groups.ts";

/** Metrics that cannot be had. */
export class MetricsError extends TsukubeError<"no-metrics"> {}

interface PodMetricsItem {
  readonly metadata?: { readonly name?: string };
  readonly timestamp?: string;
  readonly window?: string;
  readonly containers?: readonly { readonly name?: string; readonly usage?: Readonly<Record<string, string>> }[];
}

interface MetricValue {
  readonly describedObject?: { readonly name?: string };
  readonly timestamp?: string;
  readonly windowSeconds?: number;
  /** What v1beta1 calls `windowSeconds`. */
  readonly window?: number;
  readonly value?: string;
}

interface Group {
  readonly preferredVersion?: { readonly version?: string };
  readonly versions?: readonly { readonly version?: string }[];
}

interface Answer<T> {
  readonly items?: readonly T[];
}

const MINUTE_MS = 60_000;
const UNSERVED = "the server could not find the requested resource";
const CUSTOM_GROUP = "custom.metrics.k8s.io";
const CUSTOM_FAILURE = "unable to fetch metrics from custom metrics API";
const CUSTOM_VERSIONS: readonly (string | undefined)[] = ["v1beta2", "v1beta1"];

/** Reads the three metrics APIs, which others serve: metrics.k8s.io, custom.metrics.k8s.io and external.metrics.k8s.io. */
export class MetricsSource {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** What pods use of a resource, by name: all containers together, or one. @throws {MetricsError} */
  async ofResource(
    namespace: string,
    selector: string,
    resource: string,
    container?: string,
  ): Promise<ReadonlyMap<string, PodMetric>> {
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods${query({ labelSelector: selector })}`;
    const items = await this.#list<PodMetricsItem>(
      path,
      `unable to fetch metrics from resource metrics API`,
      "pods.metrics.k8s.io",
    );
    if (items.length === 0) throw new MetricsError("no-metrics", "no metrics returned from resource metrics API");
    const found = items.flatMap((item) => {
      const metric = podMetricOf(item, resource, container);
      return metric === undefined ? [] : [[item.metadata?.name ?? "", metric] as const];
    });
    return new Map(found);
  }

  /** A metric of each pod, by name. @throws {MetricsError} */
  async ofPods(
    namespace: string,
    selector: string,
    metric: string,
    metricSelector: LabelSelector | undefined,
  ): Promise<ReadonlyMap<string, PodMetric>> {
    const parameters = { labelSelector: selector, metricLabelSelector: textOf(metricSelector) };
    const items = await this.#custom(`namespaces/${namespace}/pods/*/${metric}${query(parameters)}`);
    if (items.length === 0) throw new MetricsError("no-metrics", "no metrics returned from custom metrics API");
    const found = items.map((item): readonly [string, PodMetric] => {
      const windowMs = (item.windowSeconds ?? item.window ?? 60) * 1000;
      const value = quantityMilliValue(item.value ?? "0");
      return [item.describedObject?.name ?? "", { value, at: Date.parse(item.timestamp ?? "") || 0, windowMs }];
    });
    return new Map(found);
  }

  /** A metric of one object, in thousandths. @param resource Such as "ingresses.networking.k8s.io". @throws {MetricsError} */
  async ofObject(
    namespace: string,
    resource: string,
    name: string,
    metric: string,
    metricSelector: LabelSelector | undefined,
  ): Promise<number> {
    // an autoscaler may not look out of its namespace, so the name of another one counts for nothing
    const object = resource === "namespaces" ? "metrics" : `${resource}/${name}`;
    const parameters = { metricLabelSelector: textOf(metricSelector) };
    const items = await this.#custom(`namespaces/${namespace}/${object}/${metric}${query(parameters)}`);
    const [first] = items;
    if (first === undefined || items.length > 1) {
      const got = `the custom metrics API server returned ${items.length} results when we asked for exactly one`;
      throw new MetricsError("no-metrics", `${CUSTOM_FAILURE}: ${got}`);
    }
    return quantityMilliValue(first.value ?? "0");
  }

  /** A metric of something outside, all of its series together, in thousandths. @throws {MetricsError} */
  async ofExternal(namespace: string, metric: string, metricSelector: LabelSelector | undefined): Promise<number> {
    const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric}`;
    const parameters = { labelSelector: textOf(metricSelector) };
    const items = await this.#list<MetricValue>(
      path + query(parameters),
      `unable to fetch metrics from external metrics API`,
      `${metric}.external.metrics.k8s.io`,
    );
    if (items.length === 0) throw new MetricsError("no-metrics", "no metrics returned from external metrics API");
    return items.reduce((sum, { value = "0" }) => sum + quantityMilliValue(value), 0);
  }

  async #custom(path: string): Promise<readonly MetricValue[]> {
    const version = await this.#customVersion();
    return await this.#list<MetricValue>(`/apis/${CUSTOM_GROUP}/${version}/${path}`, CUSTOM_FAILURE);
  }

  /** Adapters serve v1beta1, v1beta2 or both. */
  async #customVersion(): Promise<string> {
    const { preferredVersion, versions = [] } = await this.#customGroup();
    const known = [preferredVersion, ...versions].find((one) => CUSTOM_VERSIONS.includes(one?.version));
    if (known?.version !== undefined) return known.version;
    throw new MetricsError("no-metrics", `${CUSTOM_FAILURE}: no known available metric versions found`);
  }

  async #customGroup(): Promise<Group> {
    try {
      return (await this.#client.raw("GET", `/apis/${CUSTOM_GROUP}`)) as Group;
    } catch (cause) {
      const isMissing = ApiError.is(cause, "NotFound");
      const why = isMissing ? `no custom metrics API (${CUSTOM_GROUP}) registered` : messageOf(cause);
      throw new MetricsError("no-metrics", `${CUSTOM_FAILURE}: ${why}`, { cause });
    }
  }

  /** @param resource What an error of a path that is not served names, as client-go does. */
  async #list<T>(path: string, failure: string, resource?: string): Promise<readonly T[]> {
    try {
      return ((await this.#client.raw("GET", path)) as Answer<T>).items ?? [];
    } catch (error) {
      const message = error instanceof ApiError ? error.message : messageOf(error);
      const why = resource !== undefined && message === UNSERVED ? `${UNSERVED} (get ${resource})` : message;
      throw new MetricsError("no-metrics", `${failure}: ${why}`, { cause: error });
    }
  }
}

/** A pod of which one container was not measured was not measured. */
function podMetricOf(
  { timestamp, window, containers = [] }: PodMetricsItem,
  resource: string,
  container: string | undefined,
): PodMetric | undefined {
  const counted = containers.filter(({ name }) => container === undefined || name === container);
  const usages = counted.map(({ usage }) => usage?.[resource]);
  if (usages.length === 0 || usages.includes(undefined)) return undefined;
  const value = usages.reduce((sum, usage) => sum + quantityMilliValue(usage ?? "0"), 0);
  const windowMs = window === undefined ? MINUTE_MS : Number(parseDuration(window) / 1_000_000n);
  return { value, at: Date.parse(timestamp ?? "") || 0, windowMs };
}

function textOf(selector: LabelSelector | undefined): string {
  return selector === undefined ? "" : labelMatcherOf(selector).toString();
}

function query(parameters: Readonly<Record<string, string>>): string {
  const set = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== ""));
  return set.size === 0 ? "" : `?${set}`;
}
