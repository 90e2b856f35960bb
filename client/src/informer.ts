import { ApiError, type GroupVersionResource, type KubeObject } from "@tsukube/api";
import { type Clock, type Logger, messageOf, type Random } from "@tsukube/foundation";
import { Backoff } from "./backoff.ts";
import { ObjectCache } from "./object-cache.ts";
import { keyOf } from "./object-key.ts";
import type {
  Client,
  Informer,
  InformerFactory,
  InformerHandler,
  InformerOptions,
  Key,
  ListOptions,
  ResourceClient,
} from "./types.ts";

export interface InformerDeps {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
}

const BACKOFF = { firstMs: 800, limitMs: 30_000 };
const WATCH_SECONDS = 300;
const INITIAL_EVENTS_END = "k8s.io/initial-events-end";

/** Informers over one client, shared by resource and options. Informers with own `indexes` are never shared. */
export function createInformerFactory(client: Client, deps: InformerDeps): InformerFactory {
  const shared = new Map<string, Reflector<KubeObject>>();
  const all: Reflector<KubeObject>[] = [];
  return {
    informer<T extends KubeObject>(gvr: GroupVersionResource, options: InformerOptions<T> = {}): Informer<T> {
      const id = [
        gvr.group,
        gvr.version,
        gvr.resource,
        options.namespace,
        options.labelSelector,
        options.fieldSelector,
      ];
      const known = options.indexes === undefined ? shared.get(id.join("|")) : undefined;
      if (known !== undefined) return known as unknown as Informer<T>;
      const informer = new Reflector<T>(client.resource<T>(gvr, options.namespace), options, {
        ...deps,
        logger: deps.logger.child({ resource: gvr.resource }),
      });
      all.push(informer as unknown as Reflector<KubeObject>);
      if (options.indexes === undefined) shared.set(id.join("|"), informer as unknown as Reflector<KubeObject>);
      return informer;
    },
    async synced() {
      await Promise.all(all.map((informer) => informer.synced));
    },
    async close() {
      await Promise.all(all.map((informer) => informer.close()));
    },
  };
}

/**
 * Keeps an {@link ObjectCache} equal to the server's state: streams the initial state over a watch, or lists where the server
 * cannot, watches on from the revision it reached, and starts over when that revision is gone.
 */
export class Reflector<T extends KubeObject> implements Informer<T> {
  readonly synced: Promise<void>;
  readonly #client: ResourceClient<T>;
  readonly #selectors: ListOptions;
  readonly #deps: InformerDeps;
  readonly #cache: ObjectCache<T>;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #running: Promise<void>;
  #markSynced: () => void = () => {};
  #hasSynced = false;
  /** The revision up to which the cache is current; "" before the first sync and after 410. */
  #revision = "";
  #streamsLists = true;

  constructor(client: ResourceClient<T>, options: InformerOptions<T>, deps: InformerDeps) {
    this.#client = client;
    this.#deps = deps;
    this.#selectors = {
      ...(options.labelSelector === undefined ? {} : { labelSelector: options.labelSelector }),
      ...(options.fieldSelector === undefined ? {} : { fieldSelector: options.fieldSelector }),
    };
    this.#cache = new ObjectCache<T>(options.indexes ?? {}, (error) =>
      deps.logger.error("informer handler failed", { error: messageOf(error) }),
    );
    this.#backoff = new Backoff(BACKOFF, deps.random);
    this.synced = new Promise((resolve) => {
      this.#markSynced = resolve;
    });
    this.#running = this.#run();
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get(key: Key): T | undefined {
    return this.#cache.get(key);
  }

  list(): readonly T[] {
    return this.#cache.list();
  }

  byIndex(index: string, value: string): readonly T[] {
    return this.#cache.byIndex(index, value);
  }

  onChange(handler: InformerHandler<T>): () => void {
    return this.#cache.onChange(handler);
  }

  /** Stops watching; the cache stays as it is. */
  async close(): Promise<void> {
    this.#stop.abort(new Error("informer closed"));
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow();
        continue; // the server ends watches now and then
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) this.#revision = "";
        else this.#deps.logger.warn("watch failed", { error: messageOf(error) });
      }
      await this.#deps.clock.sleep(this.#backoff.next(), signal).catch(() => {});
    }
  }

  async #follow(): Promise<void> {
    if (this.#revision !== "") return this.#watch(undefined);
    if (this.#streamsLists) {
      try {
        return await this.#watch(new Set());
      } catch (error) {
        if (!(error instanceof ApiError) || (error.httpCode !== 400 && error.httpCode !== 422)) throw error;
        this.#streamsLists = false; // a server without WatchList refuses sendInitialEvents
      }
    }
    const list = await this.#client.list(this.#selectors);
    this.#cache.replace(list.items);
    this.#reached(list.metadata.resourceVersion);
    this.#finishSync();
    return this.#watch(undefined);
  }

  /** @param initial Collects the keys of the initial state, which the watch then begins with. */
  async #watch(initial: Set<Key> | undefined): Promise<void> {
    let pending = initial;
    const events = this.#client.watch({
      ...this.#selectors,
      allowWatchBookmarks: true,
      ...(initial === undefined ? { resourceVersion: this.#revision } : { sendInitialEvents: true }),
      timeoutSeconds: Math.floor(WATCH_SECONDS * (1 + this.#deps.random.float())),
      signal: this.#stop.signal,
    });
    for await (const event of events) {
      if (this.#stop.signal.aborted) return;
      this.#backoff.reset();
      if (event.type === "BOOKMARK") {
        if (pending !== undefined && event.object.metadata?.annotations?.[INITIAL_EVENTS_END] === "true") {
          this.#cache.keepOnly(pending);
          pending = undefined;
          this.#finishSync();
        }
      } else if (event.type === "DELETED") {
        pending?.delete(keyOf(event.object));
        this.#cache.remove(event.object);
      } else {
        pending?.add(keyOf(event.object));
        this.#cache.put(event.object);
      }
      if (pending === undefined) this.#reached(event.object.metadata?.resourceVersion);
    }
    if (pending !== undefined) throw new Error("Cannot read initial state: the watch ended before its bookmark");
  }

  #reached(revision: string | undefined): void {
    if (revision !== undefined && revision !== "") this.#revision = revision;
  }

  #finishSync(): void {
    this.#hasSynced = true;
    this.#markSynced();
  }
}

function isExpired(error: unknown): boolean {
  return error instanceof ApiError && (error.httpCode === 410 || error.reason === "Expired" || error.reason === "Gone");
}
