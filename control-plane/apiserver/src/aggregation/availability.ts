import { jsonEqual, type Unstructured } from "@tsukube/api";
import type { APIServiceSpec } from "@tsukube/api/types/apiregistration-v1";
import { type Clock, detach, formatTime, type Lifetime, type Logger, messageOf, withinTime } from "@tsukube/foundation";
import { updatedByServer } from "../ownership/own-fields.ts";
import type { Registry } from "../registry/registry.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { API_SERVICES, isAvailable, isRemote, type StoredService } from "./api-services.ts";
import { type ExtensionClient, ServiceProblem, wholeBody } from "./extension-client.ts";

const CHECK_EVERY_MS = 30_000;
const RETRY_MS = 2000;
const TIMEOUT_MS = 5000;
const SERVICES = "/registry/services/specs/";
const SLICES = "/registry/endpointslices/";
const SERVICE_NAME = "kubernetes.io/service-name";

export interface AvailabilityDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly client: ExtensionClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
  /** Learns of each server that answered, to read what else it says. */
  available(service: StoredService): Promise<void>;
}

interface Verdict {
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
}

export const LOCAL: Verdict = { status: "True", reason: "Local", message: "Local APIServices are always available" };
const PASSED: Verdict = { status: "True", reason: "Passed", message: "all checks passed" };

/** Keeps the Available condition of every APIService true to whether its server answers. */
export class AvailabilityController {
  readonly #deps: AvailabilityDeps;
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();
  /** Keys of the APIServices that a Service ("namespace/name") answers. */
  readonly #behind = new Map<string, Set<string>>();

  constructor(deps: AvailabilityDeps) {
    this.#deps = deps;
    const { store, clock, lifetime } = deps;
    const { cache } = store;
    lifetime.add(
      "API services",
      cache.subscribe(API_SERVICES, (events) => {
        for (const { key, current, previous } of events) {
          const [spec, before] = [specOf(current), specOf(previous)];
          // what is written here changes status only
          if (jsonEqual(spec, before)) continue;
          this.#behind.get(serviceOf(before))?.delete(key);
          this.#note(key, spec);
          if (current !== undefined) this.#look(key);
        }
      }),
    );
    lifetime.add(
      "Services",
      cache.subscribe(SERVICES, (events) => {
        for (const { key } of events) this.#lookBehind(key.slice(SERVICES.length));
      }),
    );
    lifetime.add(
      "EndpointSlices",
      cache.subscribe(SLICES, (events) => {
        if (this.#behind.size === 0) return;
        for (const { key, current, previous } of events) {
          const namespace = key.slice(SLICES.length).split("/")[0];
          const names = [current, previous].map((one) => one?.object.metadata?.labels?.[SERVICE_NAME]);
          for (const name of new Set(names)) this.#lookBehind(`${namespace}/${name}`);
        }
      }),
    );
    lifetime.add(
      "checks of API services",
      clock.every(CHECK_EVERY_MS, () => this.#lookAtRemote(), { background: true }),
    );
    for (const [key, cached] of cache.head.range(API_SERVICES)) {
      this.#note(key, specOf(cached));
      this.#look(key);
    }
  }

  #note(key: string, spec: APIServiceSpec | undefined): void {
    const service = serviceOf(spec);
    if (service === "") return;
    const keys = this.#behind.get(service) ?? new Set();
    this.#behind.set(service, keys.add(key));
  }

  #lookBehind(service: string): void {
    for (const key of this.#behind.get(service) ?? []) this.#look(key);
  }

  #lookAtRemote(): void {
    for (const [key, cached] of this.#deps.store.cache.head.range(API_SERVICES))
      if (isRemote(cached.object as StoredService)) this.#look(key);
  }

  /** One check at a time for each; what happens meanwhile asks for another. */
  #look(key: string): void {
    if (this.#busy.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#busy.add(key);
    const { clock, logger } = this.#deps;
    detach(clock.track(this.#reconcile(key)), logger, "cannot check an APIService");
  }

  async #reconcile(key: string): Promise<void> {
    const { store, clock, lifetime } = this.#deps;
    try {
      const service = store.cache.get(key)?.object as StoredService | undefined;
      if (service === undefined) return;
      const verdict = isRemote(service) ? await this.#check(service) : LOCAL;
      if (lifetime.signal.aborted) return;
      await this.#report(key, verdict);
      if (verdict.status === "False" && verdict.reason === "FailedDiscoveryCheck")
        clock.after(RETRY_MS, () => this.#look(key), { background: true });
      if (verdict === PASSED) await this.#deps.available(service);
    } finally {
      this.#busy.delete(key);
      if (this.#again.delete(key) && !lifetime.signal.aborted) this.#look(key);
    }
  }

  async #check(service: StoredService): Promise<Verdict> {
    const { client, clock, lifetime } = this.#deps;
    const spec = service.spec!;
    const path = `/apis/${spec.group}/${spec.version}`;
    const failed = (why: string): Verdict => {
      const { namespace, name, port = 443 } = spec.service ?? {};
      const url = `https://${name}.${namespace}.svc:${port}${path}`;
      const message = `failing or missing response from ${url}: ${why}`;
      return { status: "False", reason: "FailedDiscoveryCheck", message };
    };
    // any form will do: servers of aggregated discovery alone have no other
    const headers = { "x-remote-user": CHECKER, "x-remote-group": "system:masters" };
    try {
      const status = await withinTime(clock, TIMEOUT_MS, lifetime.signal, async (signal) => {
        const response = await client.request(spec, { method: "GET", path, headers, signal });
        await wholeBody(response);
        return response.status;
      });
      return status >= 200 && status < 300 ? PASSED : failed(`bad status from ${path}: ${status}`);
    } catch (error) {
      if (error instanceof ServiceProblem) return { status: "False", reason: error.reason, message: error.message };
      const isLate = error instanceof Error && error.name === "TimeoutError";
      return failed(isLate ? "context deadline exceeded" : messageOf(error));
    }
  }

  async #report(key: string, verdict: Verdict): Promise<void> {
    const { store, registry, clock } = this.#deps;
    const definition = registry.get("apiregistration.k8s.io", "v1", "apiservices")!;
    await store.update(definition, key, async (live) => {
      if (live === undefined) return { type: "none" };
      const service = live as StoredService;
      const conditions = service.status?.conditions ?? [];
      const before = conditions.find(({ type }) => type === "Available");
      if (before?.reason === verdict.reason && before.message === verdict.message && before.status === verdict.status)
        return { type: "none" };
      const isAsBefore = before !== undefined && isAvailable(service) === (verdict.status === "True");
      const now = formatTime(clock.now());
      const lastTransitionTime = isAsBefore ? (before.lastTransitionTime ?? now) : now;
      const { status, reason, message } = verdict;
      const condition = { type: "Available", status, lastTransitionTime, reason, message };
      const others = conditions.filter(({ type }) => type !== "Available");
      const next = { ...live, status: { conditions: [...others, condition] } } as Unstructured;
      return { type: "put", object: updatedByServer(this.#deps, definition, live, next, { subresource: "status" }) };
    });
  }
}

function specOf(cached: CachedObject | undefined): APIServiceSpec | undefined {
  return (cached?.object as StoredService | undefined)?.spec;
}

/** "" for one of our own groups. */
function serviceOf(spec: APIServiceSpec | undefined): string {
  const { namespace, name } = spec?.service ?? {};
  return name === undefined ? "" : `${namespace}/${name}`;
}

const CHECKER = "system:kube-aggregator";
