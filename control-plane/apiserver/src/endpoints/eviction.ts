import { ApiError, labelMatcherOf, type Unstructured } from "@tsukube/api";
import type { Pod, PodCondition } from "@tsukube/api/types/core-v1";
import type { DeleteOptions } from "@tsukube/api/types/meta-v1";
import type { PodDisruptionBudget } from "@tsukube/api/types/policy-v1";
import { type Clock, formatTime } from "@tsukube/foundation";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { TryChange } from "../storage/object-store.ts";
import { deleteObject } from "./delete.ts";
import { hasEnded, isFreeOfCharge, needsNoBudget, notProcessed, spend } from "./disruption-budget.ts";
import type { WriteRequest, Writer } from "./writer.ts";

const ATTEMPTS = 20;

export interface EvictionDeps {
  readonly writer: Writer;
  readonly clock: Clock;
}

/**
 * Deletes a pod if its disruption budget allows that. `request` names the pod.
 * @throws {ApiError} 429 when the budget does not allow it (now), 500 for a pod with several budgets.
 */
export async function evict(deps: EvictionDeps, request: WriteRequest, options: DeleteOptions): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const pod = podOf(deps, request);
    if (!needsNoBudget(pod)) break;
    const isFinal = hasEnded(pod) || pod.metadata?.deletionTimestamp !== undefined;
    try {
      // what is still to run may get ready meanwhile, and cost budget then
      await remove(deps, request, isFinal ? options : seenAs(pod, options));
      return;
    } catch (error) {
      const isTheirs = options.preconditions?.resourceVersion !== undefined;
      if (isTheirs || attempt === ATTEMPTS || !ApiError.is(error, "Conflict")) throw error;
    }
  }
  await evictRunning(deps, request, options);
}

async function evictRunning(deps: EvictionDeps, request: WriteRequest, options: DeleteOptions): Promise<void> {
  const pod = podOf(deps, request);
  const budget = budgetOf(deps, pod);
  if (budget === undefined) return remove(deps, request, options);
  const isFree = isFreeOfCharge(pod, budget);
  if (!isFree) await charge(deps, request, budget);
  try {
    await remove(deps, request, isFree ? seenAs(pod, options) : options);
  } catch (error) {
    const isOurs = isFree && options.preconditions?.resourceVersion === undefined;
    if (isOurs && ApiError.is(error, "Conflict")) throw notProcessed(budget.metadata?.name ?? "");
    throw error;
  }
}

function podOf({ writer }: EvictionDeps, { definition, namespace, name }: WriteRequest): Pod & Unstructured {
  const cached = writer.deps.store.get(definition, namespace, name);
  if (cached === undefined) throw ApiError.notFound(definition, name);
  return writer.deps.store.view(definition, cached) as Pod & Unstructured;
}

/** Only if the pod is still as it was looked at. */
function seenAs({ metadata }: Pod, options: DeleteOptions): DeleteOptions {
  const { resourceVersion = "" } = metadata ?? {};
  return { ...options, preconditions: { resourceVersion, ...options.preconditions } };
}

function budgetOf({ writer }: EvictionDeps, pod: Pod): PodDisruptionBudget | undefined {
  const prefix = `/registry/poddisruptionbudgets/${pod.metadata?.namespace}/`;
  const budgets: PodDisruptionBudget[] = [];
  for (const [, cached] of writer.deps.store.cache.head.range(prefix)) {
    const budget = cached.object as PodDisruptionBudget;
    if (labelMatcherOf(budget.spec?.selector ?? undefined).matches(pod.metadata?.labels)) budgets.push(budget);
  }
  if (budgets.length > 1) {
    const why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    throw ApiError.unknown(why);
  }
  return budgets[0];
}

async function charge(deps: EvictionDeps, request: WriteRequest, budget: PodDisruptionBudget): Promise<void> {
  const { store, registry } = deps.writer.deps;
  const definition = registry.get("policy", "v1", "poddisruptionbudgets")!;
  const key = store.keyOf(definition, request.namespace, budget.metadata?.name ?? "");
  const change: TryChange = async (live) => {
    if (live === undefined) return { type: "none" };
    const next = spend(live as PodDisruptionBudget, request.name, deps.clock.now());
    if (request.dryRun) return { type: "none" };
    const owners = { registry, clock: deps.clock };
    return { type: "put", object: updatedByServer(owners, definition, live, next, { subresource: "status" }) };
  };
  await store.update(definition, key, change, request.context.time);
}

/** Says why in the pod, then deletes it. */
async function remove(deps: EvictionDeps, request: WriteRequest, options: DeleteOptions): Promise<void> {
  const marked = request.dryRun ? undefined : await mark(deps, request, options);
  const isPinned = options.preconditions?.resourceVersion !== undefined;
  const preconditions = { ...options.preconditions, ...(isPinned && marked && { resourceVersion: marked }) };
  await deleteObject(deps.writer, request, { ...options, preconditions }, "eviction");
}

/** @returns the version of the pod with the mark. */
async function mark(deps: EvictionDeps, request: WriteRequest, options: DeleteOptions): Promise<string | undefined> {
  const { context, definition, namespace, name } = request;
  const { store } = deps.writer.deps;
  const change: TryChange = async (live) => {
    if (live === undefined) throw ApiError.notFound(definition, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (resourceVersion !== undefined && resourceVersion !== live.metadata?.resourceVersion)
      throw ApiError.modified(definition, name);
    if (uid !== undefined && uid !== live.metadata?.uid) return { type: "none" }; // deletion says so
    return { type: "put", object: withTarget(live, deps.clock.now()) };
  };
  const written = await store.update(definition, store.keyOf(definition, namespace, name), change, context.time);
  return written?.object.metadata?.resourceVersion;
}

function withTarget(pod: Unstructured, now: number): Unstructured {
  const status = (pod["status"] ?? {}) as NonNullable<Pod["status"]>;
  const { conditions = [] } = status;
  const before = conditions.find(({ type }) => type === "DisruptionTarget");
  const isSame = before?.status === "True";
  const condition: PodCondition = {
    type: "DisruptionTarget",
    status: "True",
    reason: "EvictionByEvictionAPI",
    message: "Eviction API: evicting",
    lastTransitionTime: isSame ? (before.lastTransitionTime ?? formatTime(now)) : formatTime(now),
  };
  const others = conditions.filter(({ type }) => type !== "DisruptionTarget");
  return { ...pod, status: { ...status, conditions: [...others, condition] } };
}
