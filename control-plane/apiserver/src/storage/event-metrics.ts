import type { Counter, CounterSeries, Metrics } from "@tsukube/foundation";
import type { Registry } from "../registry/registry.ts";
import type { WatchCache } from "./watch-cache.ts";

/** Of how many folders it is known whose they are; kinds in many namespaces have many. */
const MOST_FOLDERS = 10_000;

/** Counts changes of objects by kind, under upstream's names: what the store tells is all that watches hear of. */
export function eventMetrics(metrics: Metrics, registry: Registry, cache: WatchCache): void {
  const counter = (name: string, help: string): Counter => metrics.counter(name, help, ["group", "resource"]);
  const by = "broken by resource type.";
  const counters = [
    counter("apiserver_storage_events_received_total", "Number of etcd events received split by kind."),
    counter("apiserver_watch_cache_events_received_total", `Counter of events received in watch cache ${by}`),
    counter("apiserver_watch_cache_events_dispatched_total", `Counter of events dispatched in watch cache ${by}`),
  ];
  const known = new Map<string, readonly CounterSeries[]>();
  const byFolder = new Map<string, readonly CounterSeries[]>();
  const seriesOf = (folder: string): readonly CounterSeries[] => {
    for (const { group, resource, storage } of registry.all()) {
      if (!folder.startsWith(storage.prefix)) continue;
      const name = `${group}/${resource}`;
      if (!known.has(name))
        known.set(
          name,
          counters.map((each) => each.of({ group, resource })),
        );
      return known.get(name)!;
    }
    return []; // of a definition that is gone
  };
  cache.subscribe("/registry/", (events) => {
    for (const { key } of events) {
      const folder = key.slice(0, key.lastIndexOf("/") + 1);
      let series = byFolder.get(folder);
      if (series === undefined) {
        if (byFolder.size >= MOST_FOLDERS) byFolder.clear();
        series = seriesOf(folder);
        if (series.length > 0) byFolder.set(folder, series);
      }
      for (const each of series) each.inc();
    }
  });
}
