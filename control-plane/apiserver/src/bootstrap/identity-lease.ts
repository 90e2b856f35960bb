import { createHash } from "node:crypto";
import { normalize, type Unstructured } from "@tsukube/api";
import type { Lease } from "@tsukube/api/types/coordination-v1";
import { formatMicroTime, formatTime, type Random } from "@tsukube/foundation";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { type RepeatedlyDeps, repeatedly } from "./repeatedly.ts";

export interface IdentityLeaseDeps extends RepeatedlyDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly random: Random;
}

const NAMESPACE = "kube-system";
const COMPONENT_LABEL = "apiserver.kubernetes.io/identity";
const COMPONENT = "kube-apiserver";
const RENEW_EVERY_MS = 10_000;
const DURATION_SECONDS = 3600;

/**
 * The Lease by which a server tells that it is there (KEP-1965): made anew at its start, renewed while it runs, gone when it stops.
 * Those of servers that ended otherwise are deleted once they are out of time.
 */
export class IdentityLease {
  readonly #deps: IdentityLeaseDeps;
  readonly #definition: ResourceDefinition;
  readonly #hostname: string;
  readonly #name: string;
  readonly #holder: string;

  constructor(hostname: string, deps: IdentityLeaseDeps) {
    this.#deps = deps;
    this.#definition = deps.registry.get("coordination.k8s.io", "v1", "leases")!;
    this.#hostname = hostname;
    this.#name = identityOf(hostname);
    this.#holder = `${this.#name}_${deps.random.uuid()}`;
  }

  async start(): Promise<void> {
    await this.#delete(this.#key(this.#name));
    await this.#renew();
    await this.#collect();
    this.#deps.lifetime.add("its lease", () => this.#delete(this.#key(this.#name)));
    repeatedly(this.#deps, "renew the lease of this server", RENEW_EVERY_MS, async () => {
      await this.#renew();
      await this.#collect();
    });
  }

  async #renew(): Promise<void> {
    const { store } = this.#deps;
    const definition = this.#definition;
    await store.update(definition, this.#key(this.#name), async (live) => {
      const renewed = this.#renewed(live as (Lease & Unstructured) | undefined);
      const { object } = normalize<Unstructured>(renewed, definition.schema);
      return { type: "put", object: updatedByServer(this.#deps, definition, live, object) };
    });
  }

  #renewed(live: (Lease & Unstructured) | undefined): object {
    const { clock, random } = this.#deps;
    const { labels, ...metadata } = live?.metadata ?? {
      name: this.#name,
      namespace: NAMESPACE,
      uid: random.uuid(),
      creationTimestamp: formatTime(clock.now()),
    };
    const own = { [COMPONENT_LABEL]: COMPONENT, "kubernetes.io/hostname": this.#hostname };
    const fresh = { holderIdentity: this.#holder, leaseDurationSeconds: DURATION_SECONDS };
    return {
      kind: "Lease",
      apiVersion: "coordination.k8s.io/v1",
      metadata: { ...metadata, labels: { ...labels, ...own } },
      spec: { ...(live?.spec ?? fresh), renewTime: formatMicroTime(clock.now()) },
    };
  }

  async #collect(): Promise<void> {
    const { store, clock } = this.#deps;
    for (const [key, cached] of store.cache.head.range(this.#key("")))
      if (isExpired(cached.object as Lease, clock.now()))
        await store.update(this.#definition, key, async (live) =>
          isExpired(live as Lease | undefined, clock.now()) ? { type: "delete" } : { type: "none" },
        );
  }

  async #delete(key: string): Promise<void> {
    await this.#deps.store.update(this.#definition, key, async () => ({ type: "delete" }));
  }

  #key(name: string): string {
    return this.#deps.store.keyOf(this.#definition, NAMESPACE, name);
  }
}

function isExpired(lease: Lease | undefined, now: number): boolean {
  if (lease?.metadata?.labels?.[COMPONENT_LABEL] !== COMPONENT) return false;
  const { renewTime, leaseDurationSeconds } = lease.spec ?? {};
  if (!renewTime || leaseDurationSeconds === undefined) return true;
  return Date.parse(renewTime) + leaseDurationSeconds * 1000 < now;
}

/** Upstream's name: of a hash of the machine's and the component's, each behind its length in two bytes. */
/** What a server is known by, from the name of its machine. */
export function identityOf(hostname: string): string {
  const hash = createHash("sha256");
  for (const part of [hostname, COMPONENT]) {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(Buffer.byteLength(part));
    hash.update(length).update(part);
  }
  return `apiserver-${base32(hash.digest().subarray(0, 16))}`;
}

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return (bits.match(/.{1,5}/g) ?? [])
    .map((five) => "abcdefghijklmnopqrstuvwxyz234567"[Number.parseInt(five.padEnd(5, "0"), 2)])
    .join("");
}
