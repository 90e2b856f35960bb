import type { Counter, CounterSeries, Metrics } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";

/** Where objects were read: as they are or lately were, or out of the store's history. */
type Source = "watchcache" | "etcd";

interface Series {
  readonly total: CounterSeries;
  readonly fetched: CounterSeries;
  readonly evaluated: CounterSeries;
  readonly returned: CounterSeries;
}

/** What lists cost, under upstream's names. */
export class ListMetrics {
  readonly #total: Counter;
  readonly #fetched: Counter;
  readonly #evaluated: Counter;
  readonly #returned: Counter;
  readonly #consistent: Counter;
  readonly #series = new WeakMap<ResourceDefinition, Map<string, Series>>();
  readonly #consistentSeries = new WeakMap<ResourceDefinition, CounterSeries>();

  constructor(metrics: Metrics) {
    const counter = (name: string, help: string, labels: readonly string[]): Counter =>
      metrics.counter(`apiserver_storage_list_${name}`, help, labels);
    const [plain, indexed] = [
      ["group", "resource", "storage"],
      ["group", "resource", "index", "storage"],
    ];
    this.#total = counter("total", "Number of LIST requests served from storage", indexed);
    const cost = "in the course of serving a LIST request";
    this.#fetched = counter("fetched_objects_total", `Number of objects read from storage ${cost}`, indexed);
    this.#evaluated = counter("evaluated_objects_total", `Number of objects tested ${cost} from storage`, plain);
    this.#returned = counter(
      "returned_objects_total",
      "Number of objects returned for a LIST request from storage",
      plain,
    );
    this.#consistent = metrics.counter(
      "apiserver_watch_cache_consistent_read_total",
      "Counter for consistent reads from cache.",
      ["group", "resource", "success", "fallback"],
    );
  }

  /** @param index By which it was read: "f:spec.nodeName", "l:app"; "" for none. @param fetched Looked at, of which some were `returned`. */
  listed(definition: ResourceDefinition, storage: Source, index: string, fetched: number, returned: number): void {
    const series = this.#seriesOf(definition, storage, index);
    series.total.inc();
    series.fetched.inc(fetched);
    series.evaluated.inc(fetched);
    series.returned.inc(returned);
  }

  /** A list of now, which the cache always knows. */
  readNewest(definition: ResourceDefinition): void {
    let series = this.#consistentSeries.get(definition);
    if (series === undefined) {
      const { group, resource } = definition;
      series = this.#consistent.of({ group, resource, success: "true", fallback: "false" });
      this.#consistentSeries.set(definition, series);
    }
    series.inc();
  }

  #seriesOf(definition: ResourceDefinition, storage: Source, index: string): Series {
    let all = this.#series.get(definition);
    if (all === undefined) this.#series.set(definition, (all = new Map()));
    const key = `${storage} ${index}`;
    let series = all.get(key);
    if (series === undefined) {
      const { group, resource } = definition;
      const [plain, indexed] = [
        { group, resource, storage },
        { group, index, resource, storage },
      ];
      series = {
        ...{ total: this.#total.of(indexed), fetched: this.#fetched.of(indexed) },
        ...{ evaluated: this.#evaluated.of(plain), returned: this.#returned.of(plain) },
      };
      all.set(key, series);
    }
    return series;
  }
}
