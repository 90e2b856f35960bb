import { ApiError, jsonEqual, labelMatcherOf } from "@tsukube/api";
import type { Pod, PodCondition } from "@tsukube/api/types/core-v1";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "@tsukube/api/types/policy-v1";
import {
  type EventType,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  referenceTo,
  SETTLED,
  startController,
} from "@tsukube/client";
import { formatTime, messageOf } from "@tsukube/foundation";
import { type ControllerContext, DISRUPTION_BUDGETS, PODS } from "../context.ts";
import { untilWallClock } from "../job/wall-clock.ts";
import { conditionPatch } from "../pods/condition-patch.ts";
import { type BudgetPlan, failed, needsWorkloads, plan } from "./plan.ts";
import { sparedIn } from "./stale-target.ts";
import { Workloads } from "./workloads.ts";

/** Keeps the status of each PodDisruptionBudget: how many of its pods may go now. Evictions count down from there. */
export class DisruptionController {
  readonly #context: ControllerContext;
  readonly #budgets: Informer<PodDisruptionBudget>;
  readonly #pods: Informer<Pod>;
  readonly #workloads: Workloads;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#budgets = context.informers.informer<PodDisruptionBudget>(DISRUPTION_BUDGETS);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#workloads = new Workloads(context);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "budgets",
      startController({ name: "disruption", clock, logger, queues, reconcile }),
    );
    const spare = { name: "stale-disruption", clock, logger, reconcile: (key: Key) => this.spare(key) };
    const { queue: targets } = lifetime.own("targets", startController(spare));
    const budget = (object: PodDisruptionBudget): void => queue.add(keyOf(object));
    lifetime.add("budgets", this.#budgets.onChange({ added: budget, updated: (_, now) => budget(now) }));
    const pod = (...pods: readonly Pod[]): void => {
      for (const each of pods) for (const found of this.#budgetsOf(each)) budget(found);
      const now = pods.at(-1);
      if (now !== undefined && sparedIn(now, clock.now()) !== undefined) targets.add(keyOf(now));
    };
    lifetime.add("pods", this.#pods.onChange({ added: pod, updated: (before, now) => pod(before, now), deleted: pod }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const budget = this.#budgets.get(key);
    if (budget === undefined || budget.metadata?.deletionTimestamp !== undefined) return SETTLED;
    const pods = this.#podsOf(budget);
    const planned = await this.#plan(budget, pods);
    this.#tell(budget, pods, planned);
    await this.#report(budget, planned.status);
    const { recheckAfterMs } = planned;
    return recheckAfterMs === undefined ? SETTLED : { recheckAfterMs: untilWallClock(recheckAfterMs) };
  }

  /** What cannot be counted allows nothing: better to stop an eviction too many than one too few. */
  async #plan(budget: PodDisruptionBudget, pods: readonly Pod[]): Promise<BudgetPlan> {
    try {
      const workloads = needsWorkloads(budget) ? await this.#workloads.of(pods) : new Map();
      return plan(budget, pods, workloads, this.#context.clock.now());
    } catch (error) {
      const message = messageOf(error);
      const text = `Failed to calculate the number of expected pods: ${message}`;
      this.#event(budget, "Warning", "CalculateExpectedPodCountFailed", text);
      await this.#report(budget, failed(budget, message, this.#context.clock.now()));
      throw error; // a workload that is not in the cache yet will be
    }
  }

  #podsOf({ spec, metadata }: PodDisruptionBudget): readonly Pod[] {
    const matcher = labelMatcherOf(spec?.selector);
    const all = this.#pods.byIndex("namespace", metadata?.namespace ?? "");
    return all.filter((pod) => matcher.matches(pod.metadata?.labels));
  }

  #budgetsOf({ metadata }: Pod): readonly PodDisruptionBudget[] {
    const all = this.#budgets.byIndex("namespace", metadata?.namespace ?? "");
    return all.filter(({ spec }) => labelMatcherOf(spec?.selector).matches(metadata?.labels));
  }

  #tell(budget: PodDisruptionBudget, pods: readonly Pod[], { unmanaged, undeleted }: BudgetPlan): void {
    if (pods.length === 0) this.#event(budget, "Normal", "NoPods", "No matching pods found");
    if (unmanaged.length > 0) {
      const selector = labelMatcherOf(budget.spec?.selector).toString();
      const text =
        `Pods selected by this PodDisruptionBudget (selector: ${selector}) were found to be unmanaged. As a result, the status of ` +
        "the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set " +
        '".spec.minAvailable" field of the PDB to an integer value.';
      this.#event(budget, "Warning", "UnmanagedPods", text);
    }
    for (const pod of undeleted) {
      const text = `Pod was expected by PDB ${keyOf(budget)} to be deleted but it wasn't`;
      this.#context.events.event(referenceTo(pod, "v1", "Pod"), "Warning", "NotDeleted", text);
    }
  }

  #event(budget: PodDisruptionBudget, type: EventType, reason: string, message: string): void {
    this.#context.events.event(referenceTo(budget, "policy/v1", "PodDisruptionBudget"), type, reason, message);
  }

  /** The version that was looked at goes with it: an eviction may have counted down meanwhile. */
  async #report(budget: PodDisruptionBudget, status: PodDisruptionBudgetStatus): Promise<void> {
    if (jsonEqual(budget.status ?? {}, status)) return;
    const budgets = this.#context.client.resource<PodDisruptionBudget>(DISRUPTION_BUDGETS);
    try {
      await budgets.updateStatus({ ...budget, apiVersion: "policy/v1", kind: "PodDisruptionBudget", status });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }

  /** Takes the mark off a pod that nobody disrupted after all. */
  async spare(key: Key): Promise<Outcome> {
    const pod = this.#pods.get(key);
    const now = this.#context.clock.now();
    const left = pod === undefined ? undefined : sparedIn(pod, now);
    if (pod === undefined || left === undefined) return SETTLED;
    if (left > 0) return { recheckAfterMs: untilWallClock(left) };
    const { name = "", namespace, uid = "", resourceVersion = "" } = pod.metadata ?? {};
    const condition = { type: "DisruptionTarget", status: "False", lastTransitionTime: formatTime(now) };
    const cleared = { ...condition, reason: null, message: null } as unknown as PodCondition;
    const body = { metadata: { uid, resourceVersion }, status: conditionPatch(pod, cleared) };
    try {
      const pods = this.#context.client.resource<Pod>(PODS, namespace);
      await pods.patch(name, { type: "strategic", body }, { subresource: "status" });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }
}
