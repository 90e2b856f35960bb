import type { Pod } from "../../generated/types/core-v1.ts";
import type { Quantity } from "../quantity.ts";
import { podLimits, podRequests } from "./pod-resources.ts";
import { addUsage, count, type Usage, usageFrom } from "./usage.ts";

const REQUESTS = "requests.";
const COMPUTE = ["cpu", "memory", "ephemeral-storage"] as const;
const POD_NAMES = new Set(["pods", ...COMPUTE.flatMap((name) => [name, `${REQUESTS}${name}`, `limits.${name}`])]);
/** Where a quota counts one of these, each container has to say how much of it it wants. */
const REQUIRED = new Set(["cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"]);

/** Whether a pod can use what a quota calls so, object counts aside. */
export function isPodName(name: string): boolean {
  if (POD_NAMES.has(name) || name.startsWith("hugepages-") || name.startsWith(`${REQUESTS}hugepages-`)) return true;
  return name.startsWith(REQUESTS) && !isNative(name); // extended resources cannot be overcommitted: no limits
}

/** What a pod uses while it may run: nothing once it ended, or is stuck past its grace period. @param now Ms since the epoch. */
export function podUsage(pod: Pod, now: number): Usage {
  return isOver(pod, now) ? new Map() : computeUsage(podRequests(pod), podLimits(pod));
}

/** "name for: containers" of each name that the quota counts but a container leaves open; empty: all is said. */
export function missingRequirements(pod: Pod, names: Iterable<string>): readonly string[] {
  if (isWhole(pod)) return [];
  const required = [...new Set(names)].filter((name) => REQUIRED.has(name)).sort();
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return required.flatMap((name) => {
    const open = containers.filter(
      ({ resources }) => !computeUsage(usageFrom(resources?.requests), usageFrom(resources?.limits)).has(name),
    );
    const who = [...new Set(open.map((container) => container.name))].sort();
    return who.length === 0 ? [] : [`${name} for: ${who.join(",")}`];
  });
}

/** The pod asks for resources as a whole: its containers need not (KEP-2837). */
function isWhole({ spec }: Pod): boolean {
  return Object.keys({ ...spec?.resources?.requests, ...spec?.resources?.limits }).length > 0;
}

function isOver({ status, metadata }: Pod, now: number): boolean {
  if (status?.phase === "Failed" || status?.phase === "Succeeded") return true;
  if (metadata?.deletionTimestamp === undefined || metadata.deletionGracePeriodSeconds === undefined) return false;
  return now > Date.parse(metadata.deletionTimestamp) + metadata.deletionGracePeriodSeconds * 1000;
}

function computeUsage(requests: Usage, limits: Usage): Usage {
  const own: (readonly [string, Quantity])[] = [["pods", count(1)]];
  for (const [name, amount] of requests) {
    const isCompute = COMPUTE.includes(name as never) || name.startsWith("hugepages-");
    if (isCompute) own.push([name, amount]);
    if (isCompute || !isNative(name)) own.push([`${REQUESTS}${name}`, amount]);
  }
  for (const name of COMPUTE) {
    const limit = limits.get(name);
    if (limit !== undefined) own.push([`limits.${name}`, limit]);
  }
  return addUsage(new Map(), new Map(own));
}

/** Of Kubernetes itself, as opposed to a device plugin's "example.com/gpu". */
function isNative(name: string): boolean {
  return !name.includes("/") || name.includes("kubernetes.io/");
}
