import { jsonEqual, normalize, type Unstructured } from "@tsukube/api";
import type { Service } from "@tsukube/api/types/core-v1";
import type { IPAddress, ParentReference } from "@tsukube/api/types/networking-v1";
import { type Clock, detach, formatTime, type Lifetime, type Logger, type Random } from "@tsukube/foundation";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";

const SERVICES = "/registry/services/specs/";
const MANAGER = "ipaddress.kubernetes.io/managed-by";
const ALLOCATOR = "ipallocator.k8s.io";

export interface AddressObjectsDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
}

/** Keeps an IPAddress for every address of a Service. Services decide: what is missing is made again, what has none goes. */
export class AddressObjects {
  readonly #deps: AddressObjectsDeps;
  readonly #owners = new Map<string, ParentReference>();

  constructor(deps: AddressObjectsDeps) {
    this.#deps = deps;
    const { store, lifetime } = deps;
    const { cache } = store;
    for (const [, cached] of cache.head.range(SERVICES)) this.#own(cached.object);
    const wanted = new Set(this.#owners.keys());
    for (const [, cached] of cache.head.range(this.#definition.storage.prefix)) {
      const { metadata } = cached.object;
      if (metadata?.labels?.[MANAGER] === ALLOCATOR) wanted.add(metadata.name ?? "");
    }
    for (const address of wanted) this.#look(address);
    const unsubscribe = cache.subscribe(SERVICES, (events) => {
      for (const { previous, current } of events) {
        const [before, now] = [addressesOf(previous?.object), addressesOf(current?.object)];
        if (jsonEqual(before as never, now as never)) continue;
        for (const address of before) this.#owners.delete(address);
        if (current !== undefined) this.#own(current.object);
        for (const address of new Set([...before, ...now])) this.#look(address);
      }
    });
    lifetime.add("addresses of Services", unsubscribe);
  }

  get #definition() {
    return this.#deps.registry.get("networking.k8s.io", "v1", "ipaddresses")!;
  }

  #look(address: string): void {
    const { clock, logger } = this.#deps;
    detach(clock.track(this.#reconcile(address)), logger, "cannot keep an IPAddress");
  }

  async #reconcile(address: string): Promise<void> {
    const { store, clock, random } = this.#deps;
    const definition = this.#definition;
    await store.update(definition, store.keyOf(definition, "", address), async (live) => {
      const parentRef = this.#owners.get(address);
      const isOurs = live?.metadata?.labels?.[MANAGER] === ALLOCATOR;
      if (parentRef === undefined) return isOurs ? { type: "delete" } : { type: "none" };
      const { spec } = (live ?? {}) as Partial<IPAddress>;
      if (live !== undefined && (!isOurs || jsonEqual(spec?.parentRef as never, parentRef as never)))
        return { type: "none" };
      const labels = { "ipaddress.kubernetes.io/ip-family": "IPv4", [MANAGER]: ALLOCATOR };
      const metadata = { name: address, uid: random.uuid(), creationTimestamp: formatTime(clock.now()), labels };
      const object = { kind: "IPAddress", apiVersion: "networking.k8s.io/v1", metadata, spec: { parentRef } };
      return { type: "put", object: normalize<Unstructured>(object, definition.schema).object };
    });
  }

  #own(service: Unstructured): void {
    const { namespace = "", name = "" } = service.metadata ?? {};
    for (const address of addressesOf(service)) this.#owners.set(address, { resource: "services", namespace, name });
  }
}

function addressesOf(service: Unstructured | undefined): readonly string[] {
  return ((service as Service | undefined)?.spec?.clusterIPs ?? []).filter((address) =>
    /^\d+(\.\d+){3}$/.test(address),
  );
}
