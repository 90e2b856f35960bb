import { ApiError } from "@tsukube/api";
import type { Node, Pod, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { type Informer, type Key, keyOf, type Outcome, referenceTo, SETTLED, startController } from "@tsukube/client";
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, ENDPOINT_SLICES, NODES, PODS, SERVICES } from "../context.ts";
import { BY_NODE } from "../pods/by-node.ts";
import { Expectations } from "../pods/expectations.ts";
import { isSelecting, selectedPods, selectingServices } from "../services/selecting-services.ts";
import { TriggerTimes, withTriggerTime } from "../services/trigger-times.ts";
import { type EndpointSlicePlan, MANAGED_BY, MANAGER, plan, SERVICE_NAME, ZONE } from "./plan.ts";

/** Keeps the EndpointSlices of each Service with a selector equal to the pods that it selects. */
export class EndpointSliceController {
  readonly #context: ControllerContext;
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #nodes: Informer<Node>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #expectations: Expectations;
  readonly #triggerTimes = new TriggerTimes();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.informer<Service>(SERVICES);
    this.#pods = context.informers.informer<Pod>(PODS, { indexes: BY_NODE });
    this.#nodes = context.informers.informer<Node>(NODES);
    this.#slices = context.informers.informer<EndpointSlice>(ENDPOINT_SLICES, {
      indexes: { service: (slice) => [serviceKeyOf(slice)] },
    });
    this.#expectations = new Expectations(context.clock);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "services",
      startController({ name: "endpointslice", queueName: "endpoint_slice", clock, logger, queues, reconcile }),
    );
    const service = (object: Service): void => queue.add(keyOf(object));
    lifetime.add(
      "services",
      this.#services.onChange({ added: service, updated: (_, now) => service(now), deleted: service }),
    );
    const pod = (...pods: readonly Pod[]): void => {
      for (const key of selectingServices(this.#services, pods)) queue.add(key);
    };
    lifetime.add("pods", this.#pods.onChange({ added: pod, updated: (before, now) => pod(before, now), deleted: pod }));
    const node = ({ metadata }: Node): void => pod(...this.#pods.byIndex("node", metadata?.name ?? ""));
    const moved = (before: Node, now: Node): void => (zoneOf(before) === zoneOf(now) ? undefined : node(now));
    lifetime.add("nodes", this.#nodes.onChange({ added: node, updated: moved, deleted: node }));
    const slice = (object: EndpointSlice): void => queue.add(serviceKeyOf(object));
    const added = (object: EndpointSlice): void => {
      this.#expectations.created(serviceKeyOf(object));
      slice(object);
    };
    const updated = (before: EndpointSlice, now: EndpointSlice): void => {
      slice(now);
      if (serviceKeyOf(before) !== serviceKeyOf(now)) slice(before);
    };
    lifetime.add("slices", this.#slices.onChange({ added, updated, deleted: slice }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const service = this.#services.get(key);
    // owner references remove what a Service leaves behind
    if (service === undefined) this.#triggerTimes.forget(key);
    if (service === undefined || !isSelecting(service)) return SETTLED;
    if (!this.#expectations.fulfilled(key)) return SETTLED; // what was made will show, and be looked at then
    const own = this.#slices
      .byIndex("service", key)
      .filter((slice) => slice.metadata?.labels?.[MANAGED_BY] === MANAGER);
    const pods = selectedPods(this.#pods, service);
    const since = this.#triggerTimes.look(key, service, pods);
    const wanted = plan(service, pods, own, (name) => this.#nodes.get(name));
    try {
      await this.#apply(key, service.metadata?.namespace ?? "", wanted, since);
    } catch (error) {
      // the cache is behind, or the namespace is on its way out: what follows looks again
      if (ApiError.is(error, "NotFound") || ApiError.is(error, "Forbidden")) return SETTLED;
      this.#tell(service, error);
      throw error;
    }
    return SETTLED;
  }

  #tell(service: Service, error: unknown): void {
    const { namespace, name } = service.metadata ?? {};
    const message = `Error updating Endpoint Slices for Service ${namespace}/${name}: ${messageOf(error)}`;
    this.#context.events.event(
      referenceTo(service, "v1", "Service"),
      "Warning",
      "FailedToUpdateEndpointSlices",
      message,
    );
  }

  /** New slices first: no endpoint is missing in between. @param since When what changes them happened. */
  async #apply(key: Key, namespace: string, wanted: EndpointSlicePlan, since: string | undefined): Promise<void> {
    const dated = (slice: EndpointSlice): EndpointSlice => ({
      ...slice,
      metadata: { ...slice.metadata, annotations: withTriggerTime(slice.metadata?.annotations, since) },
    });
    const slices = this.#context.client.resource<EndpointSlice>(ENDPOINT_SLICES, namespace);
    this.#expectations.expect(key, wanted.create.length, []);
    try {
      for (const slice of wanted.create) await slices.create(dated(slice));
    } catch (error) {
      this.#expectations.forget(key);
      throw error;
    }
    for (const slice of wanted.update)
      await slices.update({ ...dated(slice), apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" });
    for (const { metadata } of wanted.delete) await slices.delete(metadata?.name ?? "");
  }
}

function serviceKeyOf({ metadata }: EndpointSlice): Key {
  return `${metadata?.namespace}/${metadata?.labels?.[SERVICE_NAME] ?? ""}`;
}

function zoneOf({ metadata }: Node): string | undefined {
  return metadata?.labels?.[ZONE];
}
