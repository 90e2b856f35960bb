import { jsonEqual, type Unstructured } from "@tsukube/api";
import type { CustomResourceDefinition } from "@tsukube/api/types/apiextensions-v1";
import type { APIServiceSpec } from "@tsukube/api/types/apiregistration-v1";
import { type Clock, detach, formatTime, type Lifetime, type Logger, type Random } from "@tsukube/foundation";
import { API_SERVICES, AUTOMANAGED, type StoredService } from "../aggregation/api-services.ts";
import { LOCAL } from "../aggregation/availability.ts";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { Registry } from "../registry/registry.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import type { ObjectStore } from "../storage/object-store.ts";

const DEFINITIONS = "/registry/apiextensions.k8s.io/customresourcedefinitions/";

export interface CustomServicesDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
}

/**
 * Keeps an APIService for each version of a group that CustomResourceDefinitions serve, whatever others do to it, and none for those
 * that they serve no more. One without the label is somebody else's, such as that of an extension server.
 */
export class CustomServices {
  readonly #deps: CustomServicesDeps;
  /** What each definition serves, as names of APIServices, by its key. */
  readonly #served = new Map<string, readonly string[]>();
  /** Keys of the definitions that serve it, by the name of an APIService. */
  readonly #behind = new Map<string, Set<string>>();

  constructor(deps: CustomServicesDeps) {
    this.#deps = deps;
    const { cache } = deps.store;
    deps.lifetime.add(
      "custom resource definitions",
      cache.subscribe(DEFINITIONS, (events) => {
        for (const { key, current } of events) for (const name of this.#note(key, current)) this.#look(name);
      }),
    );
    deps.lifetime.add(
      "API services of custom resources",
      cache.subscribe(API_SERVICES, (events) => {
        for (const { key } of events) this.#look(key.slice(API_SERVICES.length));
      }),
    );
    for (const [key, cached] of cache.head.range(DEFINITIONS)) this.#note(key, cached);
    for (const name of this.#behind.keys()) this.#look(name);
    for (const [key] of cache.head.range(API_SERVICES)) this.#look(key.slice(API_SERVICES.length));
  }

  /** @returns the names of the APIServices that it may concern. */
  #note(key: string, current: CachedObject | undefined): readonly string[] {
    const before = this.#served.get(key) ?? [];
    const now = servedBy(current);
    if (jsonEqual(before, now)) return [];
    for (const name of before) {
      const keys = this.#behind.get(name);
      keys?.delete(key);
      if (keys?.size === 0) this.#behind.delete(name);
    }
    for (const name of now) this.#behind.set(name, (this.#behind.get(name) ?? new Set()).add(key));
    if (now.length === 0) this.#served.delete(key);
    else this.#served.set(key, now);
    return [...before, ...now];
  }

  #look(name: string): void {
    const { store, clock, logger } = this.#deps;
    const live = store.cache.get(API_SERVICES + name)?.object as StoredService | undefined;
    if (isRight(live, this.#wanted(name))) return;
    detach(clock.track(this.#reconcile(name)), logger, "cannot write the APIService of custom resources");
  }

  async #reconcile(name: string): Promise<void> {
    const { store, registry } = this.#deps;
    const definition = registry.get("apiregistration.k8s.io", "v1", "apiservices")!;
    await store.update(definition, API_SERVICES + name, async (live) => {
      const spec = this.#wanted(name);
      if (isRight(live as StoredService | undefined, spec)) return { type: "none" };
      if (spec === undefined) return { type: "delete" };
      const next = live === undefined ? this.#made(name, spec) : { ...live, spec };
      return { type: "put", object: updatedByServer(this.#deps, definition, live, next) };
    });
  }

  /** Undefined: no definition serves it. */
  #wanted(name: string): APIServiceSpec | undefined {
    if (!this.#behind.has(name)) return undefined;
    const dot = name.indexOf(".");
    // below everything that is built in; what the version is called orders those of a group
    return {
      group: name.slice(dot + 1),
      version: name.slice(0, dot),
      groupPriorityMinimum: 1000,
      versionPriority: 100,
    };
  }

  #made(name: string, spec: APIServiceSpec): Unstructured {
    const { random, clock } = this.#deps;
    const now = formatTime(clock.now());
    return {
      kind: "APIService",
      apiVersion: "apiregistration.k8s.io/v1",
      metadata: { name, uid: random.uuid(), creationTimestamp: now, labels: { [AUTOMANAGED]: "true" } },
      spec,
      status: { conditions: [{ type: "Available", ...LOCAL, lastTransitionTime: now }] },
    } as unknown as Unstructured;
  }
}

function isRight(live: StoredService | undefined, wanted: APIServiceSpec | undefined): boolean {
  if (live === undefined) return wanted === undefined;
  return live.metadata?.labels?.[AUTOMANAGED] !== "true" || jsonEqual(live.spec, wanted);
}

function servedBy(cached: CachedObject | undefined): readonly string[] {
  const { group, versions = [] } = (cached?.object as CustomResourceDefinition | undefined)?.spec ?? {};
  return versions.filter(({ served }) => served).map(({ name }) => `${name}.${group}`);
}
