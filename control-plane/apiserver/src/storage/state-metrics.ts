import type { APIService } from "@tsukube/api/types/apiregistration-v1";
import type { Clock, Labels, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import type { WatchCache } from "./watch-cache.ts";

type Series = readonly [Labels, number];

const API_SERVICES = "/registry/apiregistration.k8s.io/apiservices/";

/** What the cache holds at the time, under upstream's names. */
export function stateMetrics(metrics: Metrics, registry: Registry, cache: WatchCache, clock: Clock): void {
  metrics.collected(
    "apiserver_resource_objects",
    "Number of stored objects at the time of last check split by kind.",
    () => ofEach(registry, ({ storage }) => cache.head.count(storage.prefix)),
  );
  const sizes = new Sizes(cache, clock);
  metrics.collected("apiserver_resource_size_estimate_bytes", "Estimated size of stored objects in database.", () =>
    ofEach(registry, ({ storage }) => sizes.below(storage.prefix)),
  );
  metrics.collected(
    "apiserver_storage_size_bytes",
    "Size of the storage database file physically allocated in bytes.",
    () => sizes.ofStore(),
  );
  metrics.collected(
    "apiserver_watch_cache_initializations_total",
    "Counter of watch cache initializations broken by resource type.",
    () => ofEach(registry, () => 1), // it is filled at the start, with everything
    "counter",
  );
  metrics.collected(
    "apiserver_watch_cache_resource_version",
    "Current resource version of watch cache broken by resource type.",
    () => ofEach(registry, () => cache.revision),
  );
  metrics.collected(
    "aggregator_unavailable_apiservice",
    "Gauge of APIServices which are marked as unavailable broken down by APIService name.",
    () => unavailable(cache),
  );
}

const SIZED_FOR_MS = 60_000;

/** How much is stored. What takes looking at every object is looked at once a minute at most. */
class Sizes {
  readonly #cache: WatchCache;
  readonly #clock: Clock;
  readonly #below = new Map<string, { readonly bytes: number; readonly until: number }>();
  #store: number | undefined;

  constructor(cache: WatchCache, clock: Clock) {
    this.#cache = cache;
    this.#clock = clock;
    this.#look();
  }

  below(prefix: string): number {
    const now = this.#clock.monotonic();
    const known = this.#below.get(prefix);
    if (known !== undefined && now < known.until) return known.bytes;
    let bytes = 0;
    for (const [, { stored }] of this.#cache.head.range(prefix)) bytes += stored.length;
    this.#below.set(prefix, { bytes, until: now + SIZED_FOR_MS });
    return bytes;
  }

  /** As the store said when it was last asked; none while it does not say. */
  *ofStore(): Generator<Series> {
    if (this.#store !== undefined) yield [{ storage_cluster_id: "etcd-0" }, this.#store];
    this.#look();
  }

  #look(): void {
    this.#cache.store.size().then(
      (size) => void (this.#store = size),
      () => void (this.#store = undefined),
    );
  }
}

/** Versions of a resource are one. */
function* ofEach(registry: Registry, measure: (definition: ResourceDefinition) => number): Generator<Series> {
  const seen = new Set<string>();
  for (const definition of registry.all()) {
    const { group, resource, storage } = definition;
    if (seen.has(storage.prefix)) continue;
    seen.add(storage.prefix);
    yield [{ group, resource }, measure(definition)];
  }
}

function* unavailable(cache: WatchCache): Generator<Series> {
  for (const [key, { object }] of cache.head.range(API_SERVICES)) {
    const { conditions } = (object as APIService).status ?? {};
    const isAvailable = conditions?.some(({ type, status }) => type === "Available" && status === "True") === true;
    yield [{ name: key.slice(API_SERVICES.length) }, isAvailable ? 0 : 1];
  }
}
