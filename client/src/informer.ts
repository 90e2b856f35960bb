import { ApiError, type GroupVersionResource, type KubeObject } from "@tsukube/api";
import { type Clock, type Logger, messageOf, type Random } from "@tsukube/foundation";
import { Backoff } from "./backoff.ts";
import type {
  Client,
  Informer,
  InformerFactory,
  InformerHandler,
  InformerOptions,
  Key,
  ResourceClient,
  WatchOptions,
} from "./types.ts";

export interface InformerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
}

const NAMESPACE_INDEX = "namespace";
const INITIAL_END = "k8s.io/initial-events-end";

/** Hands out informers over one client; each resource with the same options is watched once. */
export function createInformerFactory(client: Client, deps: InformerDeps): InformerFactory {
  const stop = new AbortController();
  const informers = new Map<string, Reflector<KubeObject>>();
  return {
    informer<T extends KubeObject>(resource: GroupVersionResource, options: InformerOptions<T> = {}): Informer<T> {
      const { namespace, labelSelector, fieldSelector } = options;
      const key = JSON.stringify([
        resource.group,
        resource.version,
        resource.resource,
        namespace,
        labelSelector,
        fieldSelector,
      ]);
      const present = informers.get(key) as unknown as Reflector<T> | undefined;
      if (present !== undefined) {
        present.addIndexes(options.indexes ?? {});
        return present;
      }
      const made = new Reflector<T>(client.resource<T>(resource, namespace), resource, options, deps, stop.signal);
      informers.set(key, made as unknown as Reflector<KubeObject>);
      made.start();
      return made;
    },
    async synced() {
      await Promise.all([...informers.values()].map((informer) => informer.synced));
    },
    async close() {
      stop.abort();
      await Promise.all([...informers.values()].map((informer) => informer.stopped));
    },
  };
}

/** "namespace/name", or "name" of a cluster-scoped object. */
export function keyOf(object: KubeObject): Key {
  const { namespace, name } = object.metadata ?? {};
  return namespace === undefined || namespace === "" ? (name ?? "") : `${namespace}/${name}`;
}

type IndexFunction<T> = (object: T) => readonly string[];

class Reflector<T extends KubeObject> implements Informer<T> {
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
  #revision = "";
  #streamsLists = true;

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
    this.stopped = this.#run();
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

  async #run(): Promise<void> {
    const { clock, random, logger } = this.#deps;
    const backoff = new Backoff(100, 30_000, random);
    while (!this.#signal.aborted) {
      try {
        if (this.#revision === "") await this.#begin();
        await this.#follow({ resourceVersion: this.#revision, allowWatchBookmarks: true });
        backoff.reset();
      } catch (error) {
        if (this.#signal.aborted) return;
        if (isExpired(error)) this.#revision = "";
        else logger.debug("cannot watch, trying again", { resource: this.#resource.resource, error: messageOf(error) });
        await clock.sleep(backoff.next(), this.#signal).catch(() => {});
      }
    }
  }

  /** The present state: streamed where the server can (KEP-3157), listed otherwise. */
  async #begin(): Promise<void> {
    if (this.#streamsLists) {
      try {
        await this.#follow(
          { sendInitialEvents: true, resourceVersionMatch: "NotOlderThan", allowWatchBookmarks: true },
          new Set(),
        );
        return;
      } catch (error) {
        if (!ApiError.is(error, "Invalid") && !ApiError.is(error, "BadRequest")) throw error;
        this.#streamsLists = false;
      }
    }
    const { metadata, items } = await this.#client.list(this.#selectors());
    this.#replace(items);
    this.#revision = metadata.resourceVersion ?? "";
    this.#sync();
  }

  /** @param initial Keys seen so far of a streamed list; the watch goes on after its end. */
  async #follow(options: WatchOptions, initial?: Set<Key>): Promise<void> {
    let seen = initial;
    for await (const event of this.#client.watch({ ...this.#selectors(), ...options, signal: this.#signal })) {
      const { object } = event;
      this.#revision = seen === undefined ? (object.metadata?.resourceVersion ?? this.#revision) : "";
      if (event.type === "BOOKMARK") {
        if (object.metadata?.annotations?.[INITIAL_END] !== "true" || seen === undefined) continue;
        for (const key of [...this.#objects.keys()]) if (!seen.has(key)) this.#remove(key);
        seen = undefined;
        this.#revision = object.metadata?.resourceVersion ?? "";
        this.#sync();
      } else if (event.type === "DELETED") {
        this.#remove(keyOf(event.object), event.object);
      } else {
        seen?.add(keyOf(event.object));
        this.#put(event.object);
      }
    }
  }

  #selectors(): WatchOptions {
    const { labelSelector, fieldSelector } = this.#options;
    return {
      ...(labelSelector !== undefined && { labelSelector }),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
  }

  #sync(): void {
    this.hasSynced = true;
    this.#markSynced();
  }

  #replace(items: readonly T[]): void {
    const present = new Set(items.map(keyOf));
    for (const key of [...this.#objects.keys()]) if (!present.has(key)) this.#remove(key);
    for (const item of items) this.#put(item);
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

function isExpired(error: unknown): boolean {
  return ApiError.is(error, "Expired") || ApiError.is(error, "Gone");
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
