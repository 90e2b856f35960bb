import { quantityMilliValue, quantityValue } from "@tsukube/api";
import type { Container, Node, Pod } from "@tsukube/api/types/core-v1";

/** Amounts by resource name: cpu in thousandths, everything else in units (bytes, pieces). */
export type Amounts = ReadonlyMap<string, number>;

type Quantities = { readonly [name: string]: string } | undefined;

function amountsOf(quantities: Quantities): Map<string, number> {
  const out = new Map<string, number>();
  for (const [name, quantity] of Object.entries(quantities ?? {})) {
    out.set(name, name === "cpu" ? quantityMilliValue(quantity) : quantityValue(quantity));
  }
  return out;
}

export function add(into: Map<string, number>, amounts: Amounts, sign = 1): void {
  for (const [name, amount] of amounts) into.set(name, (into.get(name) ?? 0) + sign * amount);
}

/**
 * What a pod asks of its node: the sum of its containers and restartable init containers, or its largest ordinary init
 * container with the restartable ones started before it, whichever is more; plus overhead (KEP-753, "resource calculation").
 * Requests of the pod itself (KEP-2837) take the place of the sum.
 */
export function podRequests(pod: Pod): Amounts {
  const running = new Map<string, number>();
  for (const container of pod.spec?.containers ?? []) add(running, containerRequests(pod, container));
  const sidecars = new Map<string, number>();
  const peak = new Map<string, number>();
  for (const container of pod.spec?.initContainers ?? []) {
    const own = containerRequests(pod, container);
    if (container.restartPolicy === "Always") {
      add(sidecars, own);
      raise(peak, sidecars);
    } else {
      const now = new Map(sidecars);
      add(now, own);
      raise(peak, now);
    }
  }
  add(running, sidecars);
  raise(running, peak);
  for (const [name, amount] of wholeRequests(pod)) running.set(name, amount);
  add(running, amountsOf(pod.spec?.overhead));
  return running;
}

/** While a resize is in progress the larger of wanted and allocated counts (KEP-5419). */
function wholeRequests(pod: Pod): Amounts {
  const wanted = amountsOf(pod.spec?.resources?.requests);
  const allocated = amountsOf(pod.status?.allocatedResources);
  return new Map([...wanted].map(([name, amount]) => [name, Math.max(amount, allocated.get(name) ?? 0)]));
}

/** While a resize is in progress the larger of wanted and allocated counts (KEP-1287). */
function containerRequests(pod: Pod, container: Container): Amounts {
  const wanted = amountsOf(container.resources?.requests);
  const allocated = pod.status?.containerStatuses?.find((status) => status.name === container.name)?.allocatedResources;
  if (allocated !== undefined) raise(wanted, amountsOf(allocated));
  return wanted;
}

function raise(into: Map<string, number>, amounts: Amounts): void {
  for (const [name, amount] of amounts) into.set(name, Math.max(into.get(name) ?? 0, amount));
}

/** For scoring, a container that asks nothing counts as 100m and 200 MiB, as upstream's NonMissingContainerRequests. */
export function scoringRequests(pod: Pod): Amounts {
  const requests = new Map(podRequests(pod));
  const silent = (name: string): number =>
    (pod.spec?.containers ?? []).filter((container) => container.resources?.requests?.[name] === undefined).length;
  add(
    requests,
    new Map([
      ["cpu", 100 * silent("cpu")],
      ["memory", 200 * 1024 * 1024 * silent("memory")],
    ]),
  );
  return requests;
}

export function allocatableOf(node: Node): Amounts {
  return amountsOf(node.status?.allocatable);
}
