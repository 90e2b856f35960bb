import { type Quantity, podRequests as requestsOf, roundUpQuantity, type Usage, usageFrom } from "@tsukube/api";
import type { Node, Pod } from "@tsukube/api/types/core-v1";

/** Amounts by resource name: cpu in thousandths, everything else in units (bytes, pieces). */
export type Amounts = ReadonlyMap<string, number>;

function amountsOf(usage: Usage): Map<string, number> {
  const amount = (name: string, quantity: Quantity): number => {
    const unit = name === "cpu" ? 1_000_000n : 1_000_000_000n;
    return Number(roundUpQuantity(quantity, unit).nanos / unit);
  };
  return new Map([...usage].map(([name, quantity]) => [name, amount(name, quantity)]));
}

export function add(into: Map<string, number>, amounts: Amounts, sign = 1): void {
  for (const [name, amount] of amounts) into.set(name, (into.get(name) ?? 0) + sign * amount);
}

/** What a pod asks of its node, resizes under way included. */
export function podRequests(pod: Pod): Amounts {
  return amountsOf(requestsOf(pod));
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
  return amountsOf(usageFrom(node.status?.allocatable));
}
