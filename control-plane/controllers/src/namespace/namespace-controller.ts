import { ApiError, type KubeObject } from "@tsukube/api";
import type { Namespace, NamespaceCondition } from "@tsukube/api/types/core-v1";
import {
  type DiscoveredResource,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  SETTLED,
  startController,
} from "@tsukube/client";
import { formatTime } from "@tsukube/foundation";
import { type ControllerContext, NAMESPACES } from "../context.ts";

const FINALIZER = "kubernetes";
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
    const { clock, logger, lifetime } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own("namespaces", startController({ name: "namespace", clock, logger, reconcile }));
    const add = (namespace: Namespace): void => {
      if (namespace.metadata?.deletionTimestamp !== undefined) queue.add(keyOf(namespace));
    };
    lifetime.add("changes", this.#namespaces.onChange({ added: add, updated: (_, now) => add(now) }));
  }

  async reconcile(name: Key): Promise<Outcome> {
    const namespace = this.#namespaces.get(name);
    if (namespace?.metadata?.deletionTimestamp === undefined) return SETTLED;
    if (!(namespace.spec?.finalizers ?? []).includes(FINALIZER)) return SETTLED;
    const resources = (await this.#context.client.discover()).filter(
      ({ namespaced, verbs }) => namespaced && verbs.includes("delete") && verbs.includes("list"),
    );
    const isPods = ({ group, resource }: DiscoveredResource): boolean => group === "" && resource === "pods";
    const left = [...(await this.#empty(name, resources.filter(isPods)))];
    if (left.length === 0)
      left.push(
        ...(await this.#empty(
          name,
          resources.filter((resource) => !isPods(resource)),
        )),
      );
    if (left.length > 0) {
      await this.#report(namespace, left);
      return { recheckAfterMs: RECHECK_MS };
    }
    await this.#finalize(namespace);
    return SETTLED;
  }

  /** @returns what is still there, as "pods. has 2 resource instances". */
  async #empty(namespace: string, resources: readonly DiscoveredResource[]): Promise<readonly string[]> {
    const left = await Promise.all(
      resources.map(async ({ group, version, resource, verbs }) => {
        const client = this.#context.client.resource<KubeObject>({ group, version, resource }, namespace);
        const { items } = await client.list();
        if (items.length === 0) return [];
        if (verbs.includes("deletecollection")) await client.deleteCollection({ propagationPolicy: "Background" });
        else for (const item of items) await client.delete(item.metadata?.name ?? "");
        const rest = await client.list();
        return rest.items.length === 0 ? [] : [`${resource}.${group} has ${rest.items.length} resource instances`];
      }),
    );
    return left.flat();
  }

  async #report(namespace: Namespace, left: readonly string[]): Promise<void> {
    const message = `Some resources are remaining: ${left.join(", ")}`;
    const before = namespace.status?.conditions?.find(({ type }) => type === "NamespaceContentRemaining");
    if (before?.message === message) return;
    const condition: NamespaceCondition = {
      type: "NamespaceContentRemaining",
      status: "True",
      reason: "SomeResourcesRemain",
      message,
      lastTransitionTime: formatTime(this.#context.clock.now()),
    };
    const others = (namespace.status?.conditions ?? []).filter(({ type }) => type !== condition.type);
    const next = {
      ...namespace,
      apiVersion: "v1",
      kind: "Namespace",
      status: { ...namespace.status, conditions: [...others, condition] },
    };
    await this.#ignoringConflict(this.#context.client.resource<Namespace>(NAMESPACES).updateStatus(next));
  }

  async #finalize(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((finalizer) => finalizer !== FINALIZER);
    const next = { ...namespace, apiVersion: "v1", kind: "Namespace", spec: { ...namespace.spec, finalizers } };
    await this.#ignoringConflict(
      this.#context.client.resource<Namespace>(NAMESPACES).update(next, { subresource: "finalize" }),
    );
  }

  async #ignoringConflict(work: Promise<unknown>): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Conflict")) throw error;
    }
  }
}
