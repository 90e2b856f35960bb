import {
  ApiError,
  type GroupVersionResource,
  jsonEqual,
  type LabelMatcher,
  parseApiVersion,
  parseLabelSelector,
} from "@tsukube/api";
import type { Scale } from "@tsukube/api/types/autoscaling-v1";
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerStatus,
  MetricSpec,
} from "@tsukube/api/types/autoscaling-v2";
import type { Pod } from "@tsukube/api/types/core-v1";
import {
  type DiscoveredResource,
  type EventType,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  referenceTo,
  SETTLED,
  startController,
} from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import { AUTOSCALERS, type ControllerContext, PODS } from "../context.ts";
import { statusAfter, withConditions } from "./autoscaler-status.ts";
import type { History, Reason } from "./limits.ts";
import { MetricsSource } from "./metrics-source.ts";
import {
  type Decision,
  decideByLimits,
  decideByMetrics,
  type Finding,
  hasSharedMetric,
  metricsOf,
  tolerancesOf,
} from "./plan.ts";
import { FAILURES, prefixOf, propose, type Workload } from "./proposals.ts";

/** As upstream's --horizontal-pod-autoscaler-sync-period. */
const PERIOD_MS = 15_000;
/** The longest window and the longest period that an autoscaler can name. */
const REMEMBERED_MS = 3_600_000;
const SCALED_TO_ZERO = "ScaledToZero";
const TO_ZERO: Reason = {
  status: true,
  reason: "ScaledToZero",
  message: "the HPA controller scaled the workload to zero",
};
const NOT_TO_ZERO: Reason = {
  status: false,
  reason: "NotScaledToZero",
  message: "the HPA controller did not scale the workload to zero",
};

interface Target {
  readonly resource: GroupVersionResource;
  readonly scale: Scale;
}

/** Keeps the size of workloads such that what is measured of their pods stays near what their autoscalers ask for. */
export class HorizontalPodAutoscalerController {
  readonly #context: ControllerContext;
  readonly #autoscalers: Informer<HorizontalPodAutoscaler>;
  readonly #pods: Informer<Pod>;
  readonly #source: MetricsSource;
  readonly #histories = new Map<Key, History>();
  readonly #selectors = new Map<Key, LabelMatcher>();
  #resources: readonly DiscoveredResource[] = [];

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#autoscalers = context.informers.informer<HorizontalPodAutoscaler>(AUTOSCALERS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#source = new MetricsSource(context.client);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "horizontal-pod-autoscaler";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "horizontalpodautoscaler", clock, logger, queues, reconcile }),
    );
    const added = (autoscaler: HorizontalPodAutoscaler): void => queue.add(keyOf(autoscaler));
    // its own status is no reason to look again before the next period
    const updated = (before: HorizontalPodAutoscaler, now: HorizontalPodAutoscaler): void =>
      jsonEqual(before.spec, now.spec) ? undefined : added(now);
    const deleted = (autoscaler: HorizontalPodAutoscaler): void => {
      this.#histories.delete(keyOf(autoscaler));
      this.#selectors.delete(keyOf(autoscaler));
    };
    lifetime.add("autoscalers", this.#autoscalers.onChange({ added, updated, deleted }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const autoscaler = this.#autoscalers.get(key);
    if (autoscaler === undefined) return SETTLED;
    const target = await this.#target(autoscaler);
    if (target !== undefined) await this.#scale(key, autoscaler, target);
    return { recheckAfterMs: PERIOD_MS };
  }

  async #target(autoscaler: HorizontalPodAutoscaler): Promise<Target | undefined> {
    const { kind, name, apiVersion } = autoscaler.spec.scaleTargetRef;
    const { namespace } = autoscaler.metadata ?? {};
    try {
      const resource = await this.#resourceOf(kind, apiVersion);
      const objects = this.#context.client.resource(resource, namespace);
      return { resource, scale: await objects.getSubresource<Scale>(name, "scale") };
    } catch (error) {
      const why = messageOf(error);
      const message = `the HPA controller was unable to get the target's current scale: ${why}`;
      this.#tell(autoscaler, "Warning", "FailedGetScale", why);
      const failed = { AbleToScale: { status: false, reason: "FailedGetScale", message } };
      const conditions = withConditions(autoscaler.status?.conditions ?? [], failed, this.#context.clock.now());
      await this.#write(autoscaler, { desiredReplicas: 0, ...autoscaler.status, conditions });
      return undefined;
    }
  }

  async #resourceOf(kind: string, apiVersion = "v1"): Promise<DiscoveredResource> {
    const { group } = parseApiVersion(apiVersion);
    const known = (): DiscoveredResource | undefined =>
      this.#resources.find((resource) => resource.kind === kind && resource.group === group);
    if (known() === undefined) this.#resources = await this.#context.client.discover();
    const found = known();
    if (found === undefined) throw new Error(`no matches for kind "${kind}" in group "${group}"`);
    return found;
  }

  async #scale(key: Key, autoscaler: HorizontalPodAutoscaler, target: Target): Promise<void> {
    const { clock } = this.#context;
    const current = target.scale.spec?.replicas ?? 0;
    const history = this.#historyOf(key, current);
    const scaledToZero = isTrue(autoscaler, SCALED_TO_ZERO);
    const decision =
      decideByLimits(autoscaler.spec, current, scaledToZero) ?? (await this.#ask(autoscaler, target, history));
    const now = clock.monotonic();
    if (decision.recommended !== undefined)
      this.#remember(key, { recommendations: [{ replicas: decision.recommended, at: now }] });
    const got: Reason = {
      status: true,
      reason: "SucceededGetScale",
      message: "the HPA controller was able to get the target's current scale",
    };
    const conditions = { AbleToScale: got, ...decision.conditions };
    if (decision.problem !== undefined)
      this.#tell(autoscaler, "Warning", "FailedComputeMetricsReplicas", decision.problem);
    if (decision.replicas === current) {
      await this.#report(autoscaler, current, decision, conditions, false);
      return;
    }
    await this.#rescale(key, autoscaler, target, decision, conditions);
  }

  async #ask(autoscaler: HorizontalPodAutoscaler, { scale }: Target, history: History): Promise<Decision> {
    const { spec, metadata } = autoscaler;
    const { namespace = "" } = metadata ?? {};
    const current = scale.spec?.replicas ?? 0;
    const selector = scale.status?.selector ?? "";
    if (selector === "") {
      const message = "the HPA target's scale is missing a selector";
      this.#tell(autoscaler, "Warning", "SelectorRequired", "selector is required");
      const ScalingActive = { status: false, reason: "InvalidSelector", message };
      return { replicas: current, why: "", conditions: { ScalingActive }, problem: "selector is required" };
    }
    const matcher = parseLabelSelector(selector);
    this.#selectors.set(keyOf(autoscaler), matcher);
    const pods = this.#pods.byIndex("namespace", namespace).filter(({ metadata: of }) => matcher.matches(of?.labels));
    const rivals = this.#autoscalersOf(namespace, pods);
    if (rivals.length > 1) {
      const several = rivals.slice(0, 2).join(" ");
      const message = `pods by selector ${selector} are controlled by more than one HPA (e.g. [${several}])`;
      this.#tell(autoscaler, "Warning", "AmbiguousSelector", message);
      const ScalingActive = { status: false, reason: "AmbiguousSelector", message };
      return { replicas: current, why: "", conditions: { ScalingActive }, problem: message };
    }
    const statusReplicas = scale.status?.replicas ?? 0;
    const workload = { namespace, selector, pods, specReplicas: current, statusReplicas };
    const asked = metricsOf(spec).map((metric) => this.#find(autoscaler, metric, workload));
    return decideByMetrics(spec, current, await Promise.all(asked), history, this.#context.clock.monotonic());
  }

  /** Those that select any of these pods, as keys. */
  #autoscalersOf(namespace: string, pods: readonly Pod[]): readonly Key[] {
    const ofNamespace = [...this.#selectors].filter(([key]) => key.startsWith(`${namespace}/`));
    const found = ofNamespace.filter(([, matcher]) => pods.some(({ metadata }) => matcher.matches(metadata?.labels)));
    return found.map(([key]) => key).sort();
  }

  async #find(autoscaler: HorizontalPodAutoscaler, metric: MetricSpec, workload: Workload): Promise<Finding> {
    const resourceOf = async (kind: string, apiVersion: string | undefined): Promise<string> => {
      const { group, resource } = await this.#resourceOf(kind, apiVersion);
      return group === "" ? resource : `${resource}.${group}`;
    };
    const now = this.#context.clock.now();
    try {
      const tolerances = tolerancesOf(autoscaler.spec);
      return { proposal: await propose(metric, { source: this.#source, workload, tolerances, now, resourceOf }) };
    } catch (error) {
      const reason = FAILURES[metric.type] ?? "InvalidMetricSourceType";
      const message = error instanceof Error ? error.message : String(error);
      this.#tell(autoscaler, "Warning", reason, message);
      return { failure: { reason, message, prefix: prefixOf(metric) } };
    }
  }

  async #rescale(
    key: Key,
    autoscaler: HorizontalPodAutoscaler,
    { resource, scale }: Target,
    decision: Decision,
    conditions: Readonly<Record<string, Reason>>,
  ): Promise<void> {
    const { replicas, why } = decision;
    const current = scale.spec?.replicas ?? 0;
    const text = `New size: ${replicas}; reason: ${why}`;
    try {
      const objects = this.#context.client.resource<Scale>(resource, autoscaler.metadata?.namespace);
      await objects.update({ ...scale, spec: { ...scale.spec, replicas } }, { subresource: "scale" });
    } catch (error) {
      const message = `the HPA controller was unable to update the target scale: ${messageOf(error)}`;
      this.#tell(autoscaler, "Warning", "FailedRescale", `${text}; error: ${messageOf(error)}`);
      const failed = { ...conditions, AbleToScale: { status: false, reason: "FailedUpdateScale", message } };
      await this.#report(autoscaler, current, { ...decision, replicas: current }, failed, false);
      return;
    }
    this.#remember(key, { events: [{ change: replicas - current, at: this.#context.clock.monotonic() }] });
    this.#tell(autoscaler, "Normal", "SuccessfulRescale", text);
    const message = `the HPA controller was able to update the target scale to ${replicas}`;
    const done = {
      ...conditions,
      AbleToScale: { status: true, reason: "SucceededRescale", message },
      [SCALED_TO_ZERO]: hasSharedMetric(autoscaler.spec) && replicas === 0 ? TO_ZERO : NOT_TO_ZERO,
    };
    await this.#report(autoscaler, current, decision, done, true);
  }

  /** At first only what there is: a controller that has just begun must not shrink anything in a hurry. */
  #historyOf(key: Key, current: number): History {
    if (!this.#histories.has(key)) {
      const at = this.#context.clock.monotonic();
      this.#histories.set(key, { recommendations: [{ replicas: current, at }], events: [] });
    }
    return this.#histories.get(key) ?? { recommendations: [], events: [] };
  }

  #remember(key: Key, more: Partial<History>): void {
    const since = this.#context.clock.monotonic() - REMEMBERED_MS;
    const { recommendations, events } = this.#histories.get(key) ?? { recommendations: [], events: [] };
    this.#histories.set(key, {
      recommendations: [...recommendations, ...(more.recommendations ?? [])].filter(({ at }) => at > since),
      events: [...events, ...(more.events ?? [])].filter(({ at }) => at > since),
    });
  }

  async #report(
    autoscaler: HorizontalPodAutoscaler,
    current: number,
    decision: Decision,
    changes: Readonly<Record<string, Reason>>,
    scaled: boolean,
  ): Promise<void> {
    const now = this.#context.clock.now();
    const conditions = withConditions(autoscaler.status?.conditions ?? [], changes, now);
    await this.#write(autoscaler, statusAfter(autoscaler, current, decision, conditions, scaled, now));
  }

  async #write(autoscaler: HorizontalPodAutoscaler, status: HorizontalPodAutoscalerStatus): Promise<void> {
    if (jsonEqual(autoscaler.status ?? {}, status)) return;
    const next = { ...autoscaler, apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", status };
    try {
      await this.#context.client.resource<HorizontalPodAutoscaler>(AUTOSCALERS).updateStatus(next);
    } catch (error) {
      // what changed meanwhile is seen in the next period
      if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
    }
  }

  #tell(autoscaler: HorizontalPodAutoscaler, type: EventType, reason: string, message: string): void {
    const about = referenceTo(autoscaler, "autoscaling/v2", "HorizontalPodAutoscaler");
    this.#context.events.event(about, type, reason, message);
  }
}

function isTrue({ status }: HorizontalPodAutoscaler, condition: string): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === condition && value === "True") === true;
}
