import type { APIService } from "@tsukube/api/types/apiregistration-v1";
import type { Labels, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import type { WatchCache } from "./watch-cache.ts";

type Series = readonly [Labels, number];

const API_SERVICES = "/registry/apiregistration.k8s.io/apiservices/";

/** What the cache holds at the time, under upstream's names. */
export function stateMetrics(metrics: Metrics, registry: Registry, cache: WatchCache): void {
  metrics.collected(
    "apiserver_resource_objects",
    "Number of stored objects at the time of last check split by kind.",
    () => ofEach(registry, ({ storage }) => cache.head.count(storage.prefix)),
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
