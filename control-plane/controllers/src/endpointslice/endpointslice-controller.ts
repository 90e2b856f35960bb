import { ApiError, labelsMatcher } from "@tsukube/api";
import type { Pod, Service } from "@tsukube/api/types/core-v1";
import type { EndpointSlice } from "@tsukube/api/types/discovery-v1";
import { type Informer, type Key, keyOf, type Outcome, SETTLED, startController } from "@tsukube/client";
import { type ControllerContext, ENDPOINT_SLICES, PODS, SERVICES } from "../context.ts";
import { MANAGED_BY, MANAGER, plan, SERVICE_NAME } from "./plan.ts";

/** Keeps the EndpointSlices of each Service with a selector equal to the pods that it selects. */
export class EndpointSliceController {
  readonly #context: ControllerContext;
  readonly #services: Informer<Service>;
  readonly #pods: Informer<Pod>;
  readonly #slices: Informer<EndpointSlice>;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.informer<Service>(SERVICES);
    this.#pods = context.informers.informer<Pod>(PODS);
    this.#slices = context.informers.informer<EndpointSlice>(ENDPOINT_SLICES, {
      indexes: { service: (slice) => [`${slice.metadata?.namespace}/${slice.metadata?.labels?.[SERVICE_NAME] ?? ""}`] },
    });
  }

  start(): void {
    const { clock, logger, lifetime } = this.#context;
    const reconcile = (key: Key): Promise<Outcome> => this.reconcile(key);
    const { queue } = lifetime.own("services", startController({ name: "endpointslice", clock, logger, reconcile }));
    const service = (object: Service): void => queue.add(keyOf(object));
    lifetime.add(
      "services",
      this.#services.onChange({ added: service, updated: (_, now) => service(now), deleted: service }),
    );
    const pod = (...pods: readonly Pod[]): void => {
      for (const key of this.#selecting(pods)) queue.add(key);
    };
    lifetime.add("pods", this.#pods.onChange({ added: pod, updated: (before, now) => pod(before, now), deleted: pod }));
    const slice = (object: EndpointSlice): void =>
      queue.add(`${object.metadata?.namespace}/${object.metadata?.labels?.[SERVICE_NAME] ?? ""}`);
    lifetime.add("slices", this.#slices.onChange({ updated: (_, now) => slice(now), deleted: slice }));
  }

  async reconcile(key: Key): Promise<Outcome> {
    const service = this.#services.get(key);
    const selector = service?.spec?.selector;
    if (service === undefined || selector === undefined || service.spec?.type === "ExternalName") return SETTLED; // owner references remove what is left
    const namespace = service.metadata?.namespace ?? "";
    const matcher = labelsMatcher(selector);
    const pods = this.#pods.byIndex("namespace", namespace).filter((pod) => matcher.matches(pod.metadata?.labels));
    const own = this.#slices
      .byIndex("service", key)
      .filter((slice) => slice.metadata?.labels?.[MANAGED_BY] === MANAGER);
    const wanted = plan(service, [...pods].sort(byAge), own);
    const slices = this.#context.client.resource<EndpointSlice>(ENDPOINT_SLICES, namespace);
    try {
      for (const slice of wanted.create) await slices.create(slice);
      for (const slice of wanted.update)
        await slices.update({ ...slice, apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice" });
      for (const slice of wanted.delete) await slices.delete(slice.metadata?.name ?? "");
    } catch (error) {
      // the cache is behind, or the namespace is on its way out: what follows looks again
      if (!ApiError.is(error, "NotFound") && !ApiError.is(error, "Forbidden")) throw error;
    }
    return SETTLED;
  }

  #selecting(pods: readonly Pod[]): ReadonlySet<Key> {
    const keys = new Set<Key>();
    for (const pod of pods) {
      for (const service of this.#services.byIndex("namespace", pod.metadata?.namespace ?? "")) {
        const selector = service.spec?.selector;
        if (selector !== undefined && labelsMatcher(selector).matches(pod.metadata?.labels)) keys.add(keyOf(service));
      }
    }
    return keys;
  }
}

function byAge(a: Pod, b: Pod): number {
  const [x, y] = [a.metadata?.creationTimestamp ?? "", b.metadata?.creationTimestamp ?? ""];
  return x < y ? -1 : x > y ? 1 : (a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1;
}
