import type { Container, PodSpec, ResourceRequirements } from "../../generated/types/core-v1.ts";
import { addQuantities, compareQuantities, formatQuantity, parseQuantity } from "../quantity.ts";

type Amounts = Readonly<Record<string, string>>;
type Spec = Pick<PodSpec, "containers" | "initContainers" | "resources">;

/**
 * The resources of a pod that has some of its own, with those that follow from its containers: requests from theirs, else from
 * its limits, and limits where each container has one. To be called when admission has added its containers.
 */
export function podLevelResources({ containers, initContainers, resources }: Spec): ResourceRequirements | undefined {
  if (!resources || (isEmpty(resources.requests) && isEmpty(resources.limits))) return resources ?? undefined;
  const all = { containers: containers ?? [], initContainers: initContainers ?? [] };
  const huge = Object.entries(together(all, "limits")).filter(
    ([name]) => name.startsWith("hugepages-") && resources.requests?.[name] === undefined,
  );
  const limits = { ...Object.fromEntries(huge), ...resources.limits };
  const requests = requestsOf(all, { requests: resources.requests ?? {}, limits });
  return withoutEmpty({ ...resources, requests, limits: { ...limitsOf(all, { requests, limits }), ...limits } });
}

interface Containers {
  readonly containers: readonly Container[];
  readonly initContainers: readonly Container[];
}

interface Own {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function requestsOf(all: Containers, { requests, limits }: Own): Amounts {
  const small = Object.entries(together(all, "requests")).filter(([name]) => name === "cpu" || name === "memory");
  const limited = Object.entries(limits).filter(([name]) => isPodLevel(name));
  return { ...Object.fromEntries([...limited, ...small]), ...requests };
}

/** Where every container is limited the pod is too, by at least what it asks for. */
function limitsOf(all: Containers, { requests, limits }: Own): Amounts {
  const containers = [...all.initContainers, ...all.containers];
  const sums = together(all, "limits");
  const found = Object.keys(requests).flatMap((name): (readonly [string, string])[] => {
    const isOpen = isPodLevel(name) && limits[name] === undefined;
    if (!isOpen || !containers.every(({ resources }) => resources?.limits?.[name] !== undefined)) return [];
    return [[name, larger(sums[name] ?? "0", requests[name]!)]];
  });
  return Object.fromEntries(found);
}

function isPodLevel(name: string): boolean {
  return name === "cpu" || name === "memory" || name.startsWith("hugepages-");
}

/** What the containers of a pod have together: the sum of those that run on, or the most of one that initialises. */
function together({ containers, initContainers }: Containers, kind: "requests" | "limits"): Amounts {
  const amounts = ({ resources }: Container): Amounts => resources?.[kind] ?? {};
  const total: Record<string, string> = {};
  const sidecars: Record<string, string> = {};
  const peak: Record<string, string> = {};
  for (const container of containers) merge(total, amounts(container), add);
  for (const container of initContainers) {
    const isSidecar = container.restartPolicy === "Always";
    if (isSidecar) merge(sidecars, amounts(container), add);
    const needed = { ...sidecars };
    if (!isSidecar) merge(needed, amounts(container), add);
    merge(peak, needed, larger);
  }
  merge(total, sidecars, add);
  merge(total, peak, larger);
  return total;
}

function merge(into: Record<string, string>, amounts: Amounts, combine: (a: string, b: string) => string): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const present = into[name];
    into[name] = present === undefined ? amount : combine(present, amount);
  }
}

function add(a: string, b: string): string {
  return formatQuantity(addQuantities(parseQuantity(a), parseQuantity(b)));
}

function larger(a: string, b: string): string {
  return compareQuantities(parseQuantity(a), parseQuantity(b)) >= 0 ? a : b;
}

function isEmpty(amounts: Amounts | null | undefined): boolean {
  return Object.keys(amounts ?? {}).length === 0;
}

function withoutEmpty({ requests, limits, ...others }: ResourceRequirements): ResourceRequirements {
  return {
    ...others,
    ...(requests && !isEmpty(requests) && { requests }),
    ...(limits && !isEmpty(limits) && { limits }),
  };
}
