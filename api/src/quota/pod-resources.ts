import type { Container, ContainerStatus, Pod } from "../../generated/types/core-v1.ts";
import { addUsage, maxUsage, type Usage, usageFrom } from "./usage.ts";

type Kind = "requests" | "limits";

const NOTHING: Usage = new Map();

/** What the whole pod asks for, resizes under way included (KEP-753, KEP-1287, KEP-2837, KEP-5419). */
export function podRequests(pod: Pod): Usage {
  return addUsage(ofPod(pod, "requests"), usageFrom(pod.spec?.overhead));
}

/** What the whole pod may use. Overhead raises only limits that there are. */
export function podLimits(pod: Pod): Usage {
  const limits = ofPod(pod, "limits");
  const overhead = [...usageFrom(pod.spec?.overhead)].filter(([name]) => (limits.get(name)?.nanos ?? 0n) !== 0n);
  return addUsage(limits, new Map(overhead));
}

function ofPod(pod: Pod, kind: Kind): Usage {
  const wanted = usageFrom(pod.spec?.resources?.[kind]);
  const held = pod.status?.resources === undefined ? wanted : heldBy(pod, wanted, pod.status, kind);
  const own = [...held].filter(([name]) => wanted.has(name) && isPodLevel(name));
  return new Map([...ofContainers(pod, kind), ...own]);
}

/** Resources that a pod can ask for as a whole, in place of its containers. */
function isPodLevel(name: string): boolean {
  return name === "cpu" || name === "memory" || name.startsWith("hugepages-");
}

/** All containers and sidecars together, or an init container with the sidecars before it, whichever is more. */
function ofContainers(pod: Pod, kind: Kind): Usage {
  let [sidecars, peak] = [NOTHING, NOTHING];
  for (const container of pod.spec?.initContainers ?? []) {
    const own = ofContainer(pod, container, kind);
    if (container.restartPolicy === "Always") sidecars = addUsage(sidecars, own);
    peak = maxUsage(peak, container.restartPolicy === "Always" ? sidecars : addUsage(sidecars, own));
  }
  const running = (pod.spec?.containers ?? [])
    .map((container) => ofContainer(pod, container, kind))
    .reduce(addUsage, NOTHING);
  return maxUsage(addUsage(running, sidecars), peak);
}

function ofContainer(pod: Pod, container: Container, kind: Kind): Usage {
  return heldBy(pod, usageFrom(container.resources?.[kind]), statusOf(pod, container.name), kind);
}

/** While a resize is under way the largest of what is wanted, unless the node never gives it, allocated and in effect. */
function heldBy(
  pod: Pod,
  wanted: Usage,
  status: Pick<ContainerStatus, "resources" | "allocatedResources"> | undefined,
  kind: Kind,
): Usage {
  const hoped = isInfeasible(pod) ? NOTHING : wanted;
  if (status === undefined) return hoped;
  const { resources, allocatedResources } = status;
  const allocated = kind === "limits" || !allocatedResources ? hoped : usageFrom(allocatedResources);
  const actual = resources?.[kind] ? usageFrom(resources[kind]) : allocated;
  return maxUsage(hoped, maxUsage(actual, allocated));
}

function statusOf(pod: Pod, name: string): ContainerStatus | undefined {
  const all = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return all.find((status) => status.name === name);
}

function isInfeasible(pod: Pod): boolean {
  return (
    pod.status?.conditions?.some(({ type, reason }) => type === "PodResizePending" && reason === "Infeasible") === true
  );
}
