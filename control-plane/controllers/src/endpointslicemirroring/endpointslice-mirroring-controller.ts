import { ApiError } from "@tsukube/api";
import type { Endpoints, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import {
  type Informer,
  type Key,
  keyOf,
  type Outcome,
  referenceTo,
  SETTLED,
  splitKey,
  startController,
} from "@tsukube/client";
import { type ControllerContext, ENDPOINT_SLICES, ENDPOINTS, SERVICES } from "../context.ts";
import { MANAGED_BY, SERVICE_NAME } from "../endpointslice/plan.ts";
import { Expectations } from "../pods/expectations.ts";
import { isMirrored, MANAGER, type MirrorPlan, plan } from "./plan.ts";

/** Mirrors Endpoints that somebody made by hand for a Service without selector to EndpointSlices, which is what proxies read. */
export class EndpointSliceMirroringController {
  readonly #context: ControllerContext;
  readonly #services: Informer<Service>;
  readonly #endpoints: Informer<Endpoints>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #expectations: Expectations;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.informer<Service>(SERVICES);
    this.#endpoints = context.informers.informer<Endpoints>(ENDPOINTS);
    this.#slices = context.informers.informer<EndpointSlice>(ENDPOINT_SLICES, {
      indexes: { mirror: (slice) => (isMirror(slice) ? [endpointsKeyOf(slice)] : []) },
    });
    this.#expectations = new Expectations(context.clock);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const name = "endpointslicemirroring";
    const { queue } = lifetime.own(
      name,
      startController({ name, queueName: "endpoint_slice_mirroring", clock, logger, queues, reconcile }),
    );
    const add = (object: Service | Endpoints): void => queue.add(keyOf(object));
    lifetime.add("services", this.#services.onChange({ added: add, updated: (_, now) => add(now), deleted: add }));
    lifetime.add("endpoints", this.#endpoints.onChange({ added: add, updated: (_, now) => add(now), deleted: add }));
    const slice = (object: EndpointSlice): void => {
      if (isMirror(object)) queue.add(endpointsKeyOf(object));
    };
    const added = (object: EndpointSlice): void => {
      if (isMirror(object)) this.#expectations.created(endpointsKeyOf(object));
      slice(object);
    };
    lifetime.add("slices", this.#slices.onChange({ added, updated: (_, now) => slice(now), deleted: slice }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    if (!this.#expectations.fulfilled(key)) return SETTLED; // what was made will show, and be looked at then
    const endpoints = this.#endpoints.get(key);
    const mirrored = isMirrored(endpoints, this.#services.get(key)) ? endpoints : undefined;
    const wanted = plan(mirrored, this.#slices.byIndex("mirror", key));
    if (mirrored !== undefined) this.#tell(mirrored, wanted);
    try {
      await this.#apply(key, wanted);
    } catch (error) {
      // the namespace is on its way out, or the cache is behind: what follows looks again
      if (!ApiError.is(error, "Forbidden") && !ApiError.is(error, "NotFound")) throw error;
    }
    return SETTLED;
  }

  /** New slices first: no endpoint is missing in between. */
  async #apply(key: Key, wanted: MirrorPlan): Promise<void> {
    const slices = this.#context.client.resource<EndpointSlice>(ENDPOINT_SLICES, splitKey(key).namespace);
    this.#expectations.expect(key, wanted.create.length, []);
    try {
      for (const slice of wanted.create) await slices.create(slice);
    } catch (error) {
      this.#expectations.forget(key);
      throw error;
    }
    for (const slice of wanted.update) await slices.update(slice);
    for (const { metadata } of wanted.delete) await slices.delete(metadata?.name ?? "");
  }

  #tell(endpoints: Endpoints, { invalid, excess }: MirrorPlan): void {
    const tell = (reason: string, message: string): void =>
      this.#context.events.event(referenceTo(endpoints, "v1", "Endpoints"), "Warning", reason, message);
    if (invalid > 0)
      tell("InvalidIPAddress", `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`);
    if (excess > 0) {
      const limit = "A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset";
      tell("TooManyAddressesToMirror", `${limit}. ${invalid + excess} addresses were skipped`);
    }
  }
}

function isMirror({ metadata }: EndpointSlice): boolean {
  return metadata?.labels?.[MANAGED_BY] === MANAGER;
}

function endpointsKeyOf({ metadata }: EndpointSlice): Key {
  return `${metadata?.namespace}/${metadata?.labels?.[SERVICE_NAME] ?? ""}`;
}
