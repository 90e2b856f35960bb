import { ApiError, type KubeObject, trackedNames } from "@tsukube/api";
import type { ResourceQuota } from "@tsukube/api/types/core-v1";
import {
  type DiscoveredResource,
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  type RunningController,
  SETTLED,
  startController,
} from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, RESOURCE_QUOTAS } from "../context.ts";
import { givesBack, type Holding, plan } from "./plan.ts";

/** Changes in a namespace that come together are counted once. */
const GATHER_MS = 200;
/** Between the charge for an object and its creation: while a quota changes, nothing is given back. */
const CHARGED_MS = 500;
/** Pods that outlive their grace period stop to count without any change. */
const RESYNC_MS = 5 * 60_000;
const DISCOVER_MS = 30_000;
const NEVER_COUNTED = new Set(["events"]);

/** Keeps `status.used` of each ResourceQuota equal to what its namespace holds. Admission counts up; this counts what went. */
export class ResourceQuotaController {
  readonly #context: ControllerContext;
  readonly #quotas: Informer<ResourceQuota>;
  readonly #informers = new Map<string, Informer<KubeObject>>();
  /** When each quota was last seen to change, in ms. */
  readonly #changed = new Map<Key, number>();
  #resources: readonly DiscoveredResource[] = [];
  #running: RunningController | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#quotas = context.informers.informer<ResourceQuota>(RESOURCE_QUOTAS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const running = startController({
      name: "resourcequota",
      queueName: "resourcequota_primary",
      clock,
      logger,
      queues,
      reconcile,
    });
    this.#running = lifetime.own("quotas", running);
    const add = (quota: ResourceQuota): void => {
      this.#changed.set(keyOf(quota), clock.monotonic());
      running.queue.add(keyOf(quota));
    };
    const deleted = (quota: ResourceQuota): void => void this.#changed.delete(keyOf(quota));
    lifetime.add("changes", this.#quotas.onChange({ added: add, updated: (_, now) => add(now), deleted }));
    const look = (): void => {
      if (this.#quotas.list().length === 0) return;
      void this.#discover().catch((error: unknown) =>
        logger.debug("cannot discover resources", { error: messageOf(error) }),
      );
    };
    lifetime.add("discovery", clock.every(DISCOVER_MS, look, { background: true }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const hard = Object.keys(this.#quotas.get(key)?.spec?.hard ?? {});
    if (this.#resources.length === 0) await this.#discover();
    const tracked = this.#resources.filter((resource) => trackedNames(resource, hard).length > 0);
    const informers = tracked.map((resource) => ({ resource, informer: this.#informerOf(resource) }));
    await Promise.all(informers.map(({ informer }) => informer.synced));
    const quota = this.#quotas.get(key);
    if (quota === undefined) return SETTLED;
    const { namespace = "" } = quota.metadata ?? {};
    const holdings = informers.map(({ resource, informer }): Holding => {
      return { resource, objects: informer.byIndex("namespace", namespace) };
    });
    const status = plan(quota, holdings, this.#context.clock.now());
    if (status !== undefined && givesBack(quota, status)) {
      const since = this.#context.clock.monotonic() - (this.#changed.get(key) ?? 0);
      if (since < CHARGED_MS) return { recheckAfterMs: CHARGED_MS - since };
    }
    if (status !== undefined) await this.#report({ ...quota, status });
    return { recheckAfterMs: RESYNC_MS };
  }

  /** The version that was looked at goes with it: admission may have counted up meanwhile. */
  async #report(quota: ResourceQuota): Promise<void> {
    const quotas = this.#context.client.resource<ResourceQuota>(RESOURCE_QUOTAS, quota.metadata?.namespace ?? "");
    try {
      await quotas.updateStatus({ ...quota, apiVersion: "v1", kind: "ResourceQuota" });
    } catch (error) {
      if (!ApiError.is(error, "NotFound")) throw error;
    }
  }

  /** Every quota looks again when kinds have come or gone. */
  async #discover(): Promise<void> {
    const found = await this.#context.client.discover();
    const before = namesOf(this.#resources);
    this.#resources = found.filter(({ namespaced, verbs, resource }) => {
      return namespaced && verbs.includes("list") && verbs.includes("watch") && !NEVER_COUNTED.has(resource);
    });
    if (namesOf(this.#resources) === before) return;
    for (const quota of this.#quotas.list()) this.#running?.queue.add(keyOf(quota));
  }

  /** Kinds that no quota counts are not watched for it. */
  #informerOf({ group, version, resource }: DiscoveredResource): Informer<KubeObject> {
    const name = `${group}/${resource}`;
    const present = this.#informers.get(name);
    if (present !== undefined) return present;
    const informer = this.#context.informers.informer<KubeObject>({ group, version, resource });
    this.#informers.set(name, informer);
    const changed = (object: KubeObject): void => this.#wake({ group, resource }, object);
    const stop = informer.onChange({ added: changed, updated: (_, now) => changed(now), deleted: changed });
    this.#context.lifetime.add(name, stop);
    return informer;
  }

  #wake(resource: { readonly group: string; readonly resource: string }, { metadata }: KubeObject): void {
    for (const quota of this.#quotas.byIndex("namespace", metadata?.namespace ?? "")) {
      const isCounted = trackedNames(resource, Object.keys(quota.spec?.hard ?? {})).length > 0;
      if (isCounted) this.#running?.queue.addAfter(keyOf(quota), GATHER_MS);
    }
  }
}

function namesOf(resources: readonly DiscoveredResource[]): string {
  return resources.map(({ group, resource }) => `${group}/${resource}`).join();
}
