import { jsonEqual, normalize, type Unstructured } from "@tsukube/api";
import type { IPAddress } from "@tsukube/api/types/networking-v1";
import { type Clock, detach, formatTime, type Lifetime, type Logger, type Random } from "@tsukube/foundation";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { Registry } from "../registry/registry.ts";
import type { Change, ObjectStore } from "../storage/object-store.ts";
import { ALLOCATOR, addressesOf, addressObject, MANAGER, SERVICES } from "./service-values.ts";

/** kube-apiserver on the same store writes an IPAddress first, its Service so much later at most. */
const GRACE_MS = 60_000;

export interface AddressObjectsDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
}

/**
 * Keeps an IPAddress for every address of a Service. They are written together; what is missing nevertheless is made again, and what has
 * no Service goes.
 */
export class AddressObjects {
  readonly #deps: AddressObjectsDeps;
  /** Keys of Services, by address. */
  readonly #owners = new Map<string, string>();

  constructor(deps: AddressObjectsDeps) {
    this.#deps = deps;
    const { store, lifetime } = deps;
    const { cache } = store;
    for (const [key, cached] of cache.head.range(SERVICES)) this.#own(key, cached.object);
    const wanted = new Set(this.#owners.keys());
    for (const [, cached] of cache.head.range(this.#definition.storage.prefix)) {
      const { metadata } = cached.object;
      if (metadata?.labels?.[MANAGER] === ALLOCATOR) wanted.add(metadata.name ?? "");
    }
    for (const address of wanted) this.#look(address);
    const unsubscribe = cache.subscribe(SERVICES, (events) => {
      for (const { key, previous, current } of events) {
        const [before, now] = [addressesOf(previous?.object), addressesOf(current?.object)];
        if (jsonEqual(before as never, now as never)) continue;
        for (const address of before) this.#owners.delete(address);
        if (current !== undefined) this.#own(key, current.object);
        for (const address of new Set([...before, ...now])) this.#look(address);
      }
    });
    lifetime.add("addresses of Services", unsubscribe);
  }

  get #definition() {
    return this.#deps.registry.get("networking.k8s.io", "v1", "ipaddresses")!;
  }

  #look(address: string): void {
    const { clock, logger, lifetime } = this.#deps;
    if (lifetime.signal.aborted) return;
    detach(clock.track(this.#reconcile(address)), logger, "cannot keep an IPAddress");
  }

  async #reconcile(address: string): Promise<void> {
    const { store } = this.#deps;
    const definition = this.#definition;
    const change = async (live: Unstructured | undefined) => this.#change(address, live);
    await store.update(definition, store.keyOf(definition, "", address), change);
  }

  #change(address: string, live: Unstructured | undefined): Change {
    const { clock, random } = this.#deps;
    const owner = this.#owners.get(address);
    const isOurs = live?.metadata?.labels?.[MANAGER] === ALLOCATOR;
    if (owner === undefined) return isOurs ? this.#abandoned(address, live!) : { type: "none" };
    const wanted = addressObject(address, owner);
    const isRight = jsonEqual(
      (live as Partial<IPAddress> | undefined)?.spec as never,
      (wanted as Partial<IPAddress>).spec as never,
    );
    if (live !== undefined && (!isOurs || isRight)) return { type: "none" };
    const identity = { uid: random.uuid(), creationTimestamp: formatTime(clock.now()) };
    const object = { ...wanted, metadata: { ...wanted.metadata, ...identity } };
    const next = normalize<Unstructured>(object, this.#definition.schema).object;
    return { type: "put", object: updatedByServer(this.#deps, this.#definition, live, next) };
  }

  #abandoned(address: string, live: Unstructured): Change {
    const { clock } = this.#deps;
    const left = Date.parse(live.metadata?.creationTimestamp ?? "") + GRACE_MS - clock.now();
    if (!(left > 0)) return { type: "delete" };
    clock.after(left, () => this.#look(address), { background: true });
    return { type: "none" };
  }

  #own(key: string, service: Unstructured): void {
    for (const address of addressesOf(service)) this.#owners.set(address, key);
  }
}
