import type { GroupVersionResource, KubeObject } from "@tsukube/api";
import { type EventSink, type EventSource, ListWatch, type ListWatchDeps } from "./list-watch.ts";
import type {
  Client,
  Informer,
  InformerFactory,
  InformerHandler,
  InformerOptions,
  Key,
  ResourceClient,
  WatchEvent,
  WatchOptions,
} from "./types.ts";

export type InformerDeps = ListWatchDeps;

const NAMESPACE_INDEX = "namespace";
/** Marks the bookmark after the state that a watch begins with (KEP-3157). */
export const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** Hands out informers over one client; each resource with the same options is watched once. */
export function createInformerFactory(client: Client, deps: InformerDeps): InformerFactory {
  const stop = new AbortController();
  const informers = new Map<string, Reflector<KubeObject>>();
  return {
    informer<T extends KubeObject>(resource: GroupVersionResource, options: InformerOptions<T> = {}): Informer<T> {
      const key = nameOf(resource, options);
      const present = informers.get(key) as unknown as Reflector<T> | undefined;
      if (present !== undefined) {
        present.addIndexes(options.indexes ?? {});
        return present;
      }
      const made = new Reflector<T>(
        client.resource<T>(resource, options.namespace),
        resource,
        options,
        deps,
        stop.signal,
      );
      informers.set(key, made as unknown as Reflector<KubeObject>);
      made.start();
      return made;
    },
    present: <T extends KubeObject>(resource: GroupVersionResource) =>
      informers.get(nameOf(resource, {})) as unknown as Reflector<T> | undefined,
    async synced() {
      await Promise.all([...informers.values()].map((informer) => informer.synced));
    },
    async close() {
      stop.abort();
      await Promise.all([...informers.values()].map((informer) => informer.stopped));
    },
  };
}

/** What makes an informer another one. */
function nameOf({ group, version, resource }: GroupVersionResource, options: InformerOptions<never>): string {
  const { namespace, labelSelector, fieldSelector } = options;
  return JSON.stringify([group, version, resource, namespace, labelSelector, fieldSelector]);
}

/** "namespace/name", or "name" of a cluster-scoped object. */
export function keyOf(object: KubeObject): Key {
  const { namespace, name } = object.metadata ?? {};
  return namespace === undefined || namespace === "" ? (name ?? "") : `${namespace}/${name}`;
}

type IndexFunction<T> = (object: T) => readonly string[];

class Reflector<T extends KubeObject> implements Informer<T>, EventSink<WatchEvent<T>> {
  readonly synced: Promise<void>;
  hasSynced = false;
  stopped: Promise<void> = Promise.resolve();
  readonly #client: ResourceClient<T>;
  readonly #resource: GroupVersionResource;
  readonly #options: InformerOptions<T>;
  readonly #deps: InformerDeps;
  readonly #signal: AbortSignal;
  readonly #objects = new Map<Key, T>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #indexes = new Map<string, { readonly valuesOf: IndexFunction<T>; readonly keys: Map<string, Set<Key>> }>();
  readonly #markSynced: () => void;
  /** Keys that came so far of what is there; undefined: all did. */
  #seen: Set<Key> | undefined;

  constructor(
    client: ResourceClient<T>,
    resource: GroupVersionResource,
    options: InformerOptions<T>,
    deps: InformerDeps,
    signal: AbortSignal,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#markSynced = resolve;
    this.#client = client;
    this.#resource = resource;
    this.#options = options;
    this.#deps = deps;
    this.#signal = signal;
    this.addIndexes({ [NAMESPACE_INDEX]: (object) => [object.metadata?.namespace ?? ""], ...options.indexes });
  }

  start(): void {
    const { logger } = this.#deps;
    const deps = { ...this.#deps, logger: logger.child({ resource: this.#resource.resource }) };
    this.stopped = new ListWatch(this.#source(), this, deps, this.#signal).run();
  }

  get(key: Key): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  byIndex(index: string, value: string): readonly T[] {
    const keys = this.#indexes.get(index)?.keys.get(value);
    if (keys === undefined) return [];
    return [...keys].flatMap((key) => this.#objects.get(key) ?? []);
  }

  addIndexes(functions: Readonly<Record<string, IndexFunction<T>>>): void {
    for (const [name, valuesOf] of Object.entries(functions)) {
      if (this.#indexes.has(name)) continue;
      const keys = new Map<string, Set<Key>>();
      this.#indexes.set(name, { valuesOf, keys });
      for (const [key, object] of this.#objects) indexUnder(keys, valuesOf(object), key);
    }
  }

  onChange(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.#objects.values()) handler.added?.(object);
    return () => this.#handlers.delete(handler);
  }

  listing(): void {
    this.#seen = new Set();
  }

  take(event: WatchEvent<T>): void {
    if (event.type === "BOOKMARK") return;
    const { object } = event;
    if (event.type === "DELETED") {
      this.#remove(keyOf(object), object);
      return;
    }
    this.#seen?.add(keyOf(object));
    this.#put(object);
  }

  listed(): void {
    for (const key of [...this.#objects.keys()]) if (this.#seen?.has(key) === false) this.#remove(key);
    this.#seen = undefined;
    this.hasSynced = true;
    this.#markSynced();
  }

  #source(): EventSource<WatchEvent<T>> {
    const selectors = this.#selectors();
    return {
      watch: (options) => this.#client.watch({ ...selectors, ...options }),
      list: async () => {
        const { metadata, items } = await this.#client.list(selectors);
        const events = items.map((object): WatchEvent<T> => ({ type: "ADDED", object }));
        return { revision: metadata.resourceVersion ?? "", events };
      },
      revisionOf: ({ object }) => object.metadata?.resourceVersion ?? "",
      isBookmark: ({ type }) => type === "BOOKMARK",
      endsState: ({ type, object }) =>
        type === "BOOKMARK" && object.metadata?.annotations?.[INITIAL_EVENTS_END] === "true",
    };
  }

  #selectors(): WatchOptions {
    const { labelSelector, fieldSelector } = this.#options;
    return {
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
  }

  #put(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (
      before?.metadata?.resourceVersion === object.metadata?.resourceVersion &&
      before?.metadata?.uid === object.metadata?.uid
    )
      return;
    freeze(object);
    this.#objects.set(key, object);
    for (const { valuesOf, keys } of this.#indexes.values()) {
      if (before !== undefined) dropFrom(keys, valuesOf(before), key);
      indexUnder(keys, valuesOf(object), key);
    }
    for (const handler of this.#handlers) {
      if (before === undefined) handler.added?.(object);
      else handler.updated?.(before, object);
    }
  }

  #remove(key: Key, last?: T): void {
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#objects.delete(key);
    for (const { valuesOf, keys } of this.#indexes.values()) dropFrom(keys, valuesOf(before), key);
    for (const handler of this.#handlers) handler.deleted?.(last ?? before);
  }
}

function indexUnder(keys: Map<string, Set<Key>>, values: readonly string[], key: Key): void {
  for (const value of values) {
    const set = keys.get(value);
    if (set === undefined) keys.set(value, new Set([key]));
    else set.add(key);
  }
}

function dropFrom(keys: Map<string, Set<Key>>, values: readonly string[], key: Key): void {
  for (const value of values) {
    const set = keys.get(value);
    set?.delete(key);
    if (set?.size === 0) keys.delete(value);
  }
}

function freeze(value: unknown): void {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
}
