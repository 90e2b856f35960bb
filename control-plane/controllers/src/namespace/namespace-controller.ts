import { ApiError, jsonEqual, type KubeObject } from "@tsukube/api";
import type { Namespace } from "@tsukube/api/types/core-v1";
import {
  type DiscoveredResource,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  SETTLED,
  startController,
} from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, NAMESPACES } from "../context.ts";
import { conditionsOf, type Remains } from "./conditions.ts";

const FINALIZER = "kubernetes";
/** What holds content may let go of it at any time. */
const RETRY_WAITS = { firstMs: 5, longestMs: 60_000 };
const RECHECK_MS = 500;

/** Empties namespaces that are being deleted, pods first (KEP-5080), then lets them go. */
export class NamespaceController {
  readonly #context: ControllerContext;
  readonly #namespaces: Informer<Namespace>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#namespaces = context.informers.informer<Namespace>(NAMESPACES);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "namespaces",
      startController({ name: "namespace", clock, logger, queues, reconcile, retryWaits: RETRY_WAITS }),
    );
    const add = (namespace: Namespace): void => {
      if (namespace.metadata?.deletionTimestamp !== undefined) queue.add(keyOf(namespace));
    };
    lifetime.add("changes", this.#namespaces.onChange({ added: add, updated: (_, now) => add(now) }));
  }

  async reconcile(name: Key): Promise<Outcome> {
    const namespace = this.#namespaces.get(name);
    if (namespace?.metadata?.deletionTimestamp === undefined) return SETTLED;
    if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return SETTLED;
    const { resources: all, stale } = await this.#context.client.discoverAll();
    const resources = all.filter(
      ({ namespaced, verbs }) => namespaced && verbs.includes("delete") && verbs.includes("list"),
    );
    const isPods = ({ group, resource }: DiscoveredResource): boolean => group === "" && resource === "pods";
    const pods = await this.#empty(name, resources.filter(isPods));
    const isDone = pods.resources.size === 0 && pods.failures.length === 0;
    const rest = resources.filter((resource) => !isPods(resource));
    const remains = { ...(isDone ? await this.#empty(name, rest) : pods), stale };
    const reported = await this.#report(namespace, remains);
    if (remains.failures.length > 0) throw new Error(remains.failures.join(", "));
    if (stale.length > 0) throw new Error(`Cannot empty namespace "${name}": no answer from ${stale.join(", ")}`);
    if (remains.resources.size > 0) return { recheckAfterMs: RECHECK_MS };
    await this.#finalize(reported);
    return SETTLED;
  }

  async #empty(namespace: string, resources: readonly DiscoveredResource[]): Promise<Omit<Remains, "stale">> {
    const left = new Map<string, number>();
    const finalizers = new Map<string, number>();
    const failures: string[] = [];
    const add = (counts: Map<string, number>, key: string, count: number): void =>
      void counts.set(key, (counts.get(key) ?? 0) + count);
    await Promise.all(
      resources.map(async (resource) => {
        try {
          const items = await this.#emptyOf(namespace, resource);
          if (items.length > 0) add(left, `${resource.resource}.${resource.group}`, items.length);
          for (const { metadata } of items) for (const name of metadata?.finalizers ?? []) add(finalizers, name, 1);
        } catch (error) {
          failures.push(messageOf(error)); // the other resources need not wait for it
        }
      }),
    );
    return { resources: left, finalizers, failures };
  }

  /** @returns what is still there. */
  async #emptyOf(
    namespace: string,
    { group, version, resource, verbs }: DiscoveredResource,
  ): Promise<readonly KubeObject[]> {
    const client = this.#context.client.resource<KubeObject>({ group, version, resource }, namespace);
    const { items } = await client.list();
    if (items.length === 0) return [];
    if (verbs.includes("deletecollection")) await client.deleteCollection({ propagationPolicy: "Background" });
    else for (const item of items) await client.delete(item.metadata?.name ?? "");
    return (await client.list()).items;
  }

  /** Nothing is written for a namespace that is empty at once and about to go. @returns the namespace as it is then. */
  async #report(namespace: Namespace, remains: Remains): Promise<Namespace> {
    const before = namespace.status?.conditions ?? [];
    const isLast = (namespace.spec?.finalizers ?? []).length === 1;
    const { resources, failures, stale } = remains;
    if (isLast && before.length === 0 && resources.size + failures.length + stale.length === 0) return namespace;
    const conditions = conditionsOf(remains, before, this.#context.clock.now());
    if (jsonEqual(conditions, before)) return namespace;
    const next = { ...namespace, apiVersion: "v1", kind: "Namespace", status: { ...namespace.status, conditions } };
    const client = this.#context.client.resource<Namespace>(NAMESPACES);
    return (await this.#ignoringConflict(client.updateStatus(next))) ?? namespace;
  }

  async #finalize(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
    const next = { ...namespace, apiVersion: "v1", kind: "Namespace", spec: { ...namespace.spec, finalizers } };
    await this.#ignoringConflict(
      this.#context.client.resource<Namespace>(NAMESPACES).update(next, { subresource: "finalize" }),
    );
  }

  async #ignoringConflict<T>(work: Promise<T>): Promise<T | undefined> {
    try {
      return await work;
    } catch (error) {
      if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
      return undefined;
    }
  }
}
