import { ApiError } from "@tsukube/api";
import type { Endpoints, Pod, Service } from "@tsukube/api/types/core-v1";
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
import { messageOf } from "@tsukube/foundation";
import { type ControllerContext, ENDPOINTS, PODS, SERVICES } from "../context.ts";
import { isSelecting, selectedPods, selectingServices } from "../services/selecting-services.ts";
import { TriggerTimes } from "../services/trigger-times.ts";
import { MANAGED_BY, MANAGER, plan } from "./plan.ts";

/** Keeps the Endpoints of each Service with a selector equal to the pods that it selects: the form before EndpointSlices. */
export class EndpointsController {
  readonly #context: ControllerContext;
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #endpoints: Informer<Endpoints>;
  /** Services whose end was seen: what is left of them goes, whoever made it. */
  readonly #ended = new Set<Key>();
  readonly #triggerTimes = new TriggerTimes();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.informer<Service>(SERVICES);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#endpoints = context.informers.informer<Endpoints>(ENDPOINTS);
  }

  start(): void {
    const { clock, logger, lifetime, queues } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own(
      "services",
      startController({ name: "endpoints", queueName: "endpoint", clock, logger, queues, reconcile }),
    );
    const add = (object: Service | Endpoints): void => queue.add(keyOf(object));
    const ended = (service: Service): void => {
      this.#ended.add(keyOf(service));
      add(service);
    };
    lifetime.add("services", this.#services.onChange({ added: add, updated: (_, now) => add(now), deleted: ended }));
    lifetime.add("endpoints", this.#endpoints.onChange({ added: add, updated: (_, now) => add(now), deleted: add }));
    const pod = (...pods: readonly Pod[]): void => {
      for (const key of selectingServices(this.#services, pods)) queue.add(key);
    };
    lifetime.add("pods", this.#pods.onChange({ added: pod, updated: (before, now) => pod(before, now), deleted: pod }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const service = this.#services.get(key);
    const present = this.#endpoints.get(key);
    if (service === undefined) return this.#remove(key, present);
    this.#ended.delete(key);
    if (!isSelecting(service)) return SETTLED;
    const pods = selectedPods(this.#pods, service);
    const wanted = plan(service, pods, present, this.#triggerTimes.look(key, service, pods));
    if (wanted === undefined) return SETTLED;
    const endpoints = this.#context.client.resource<Endpoints>(ENDPOINTS, splitKey(key).namespace);
    try {
      await (present === undefined ? endpoints.create(wanted) : endpoints.update(wanted));
    } catch (error) {
      // the namespace is on its way out, or the cache is behind: what follows looks again
      if (ApiError.is(error, "Forbidden") || ApiError.is(error, "NotFound")) return SETTLED;
      this.#tell(wanted, present === undefined, error);
      throw error;
    }
    return SETTLED;
  }

  #tell(endpoints: Endpoints, isNew: boolean, error: unknown): void {
    const { namespace, name } = endpoints.metadata ?? {};
    const [reason, failed] = isNew
      ? ["FailedToCreateEndpoint", "Failed to create endpoint for service"]
      : ["FailedToUpdateEndpoint", "Failed to update endpoint"];
    const message = `${failed} ${namespace}/${name}: ${messageOf(error)}`;
    this.#context.events.event(referenceTo(endpoints, "v1", "Endpoints"), "Warning", reason, message);
  }

  /** Those that somebody made by hand for a Service that is still to come stay. */
  async #remove(key: Key, present: Endpoints | undefined): Promise<Outcome> {
    const isOurs = present?.metadata?.labels?.[MANAGED_BY] === MANAGER;
    if (present !== undefined && (isOurs || this.#ended.has(key))) {
      const { name = "", namespace, uid = "" } = present.metadata ?? {};
      const endpoints = this.#context.client.resource<Endpoints>(ENDPOINTS, namespace);
      try {
        await endpoints.delete(name, { preconditions: { uid } });
      } catch (error) {
        if (!ApiError.is(error, "NotFound")) throw error;
      }
    }
    this.#ended.delete(key);
    this.#triggerTimes.forget(key);
    return SETTLED;
  }
}
