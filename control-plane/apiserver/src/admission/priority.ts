import { ApiError, type FeatureGates, type Unstructured } from "@tsukube/api";
import type { PriorityClass } from "@tsukube/api/types/scheduling-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";
import { refusal } from "./refusal.ts";

const CLASSES = "/registry/priorityclasses/";

/** What has a priority: pods, and groups of them. */
interface Prioritized {
  readonly priorityClassName?: string | null;
  readonly priority?: number | null;
  readonly preemptionPolicy?: string | null;
}

const GROUP_NAMES: Readonly<Record<string, string>> = {
  podgroups: "pod group",
  compositepodgroups: "composite pod group",
};

/** Turns priorityClassName into a number, or the default class into both. */
export function priorityAdmission(cache: WatchCache, gates: FeatureGates): AdmissionPlugin {
  return {
    name: "Priority",
    handles: (attributes) =>
      isClass(attributes) || isPodUpdate(attributes) || prioritizedName(attributes) !== undefined,
    async mutate(attributes) {
      if (isPodUpdate(attributes)) return withPriorityOf(attributes);
      const what = prioritizedName(attributes);
      if (what === undefined) return attributes.object;
      const spec = (attributes.object?.["spec"] ?? {}) as Prioritized;
      const found = classOf(cache, attributes, spec.priorityClassName ?? "");
      const priority = found?.value ?? 0;
      expectComputed(attributes, what, spec.priority, priority);
      const hasPolicy = what === "pod" || gates.isOn("PodGroupPreemptionPolicy");
      const next: Prioritized = {
        ...spec,
        priority,
        ...(hasPolicy && { preemptionPolicy: policyOf(attributes, what, spec, found) }),
        ...(found?.metadata?.name !== undefined && { priorityClassName: found.metadata.name }),
      };
      return { ...attributes.object, spec: next } as Unstructured;
    },
    async validate(attributes) {
      if (isClass(attributes)) checkClass(cache, attributes);
    },
  };
}

function isPodUpdate({ operation, resource, subresource }: AdmissionAttributes): boolean {
  return operation === "UPDATE" && resource.group === "" && resource.resource === "pods" && subresource === "";
}

/** Who does not know of a pod's priority leaves it. */
function withPriorityOf({ object, oldObject }: AdmissionAttributes): Unstructured | undefined {
  const [spec, before] = [object, oldObject].map((pod) => (pod?.["spec"] ?? {}) as Prioritized) as [
    Prioritized,
    Prioritized,
  ];
  const kept = (["priority", "preemptionPolicy"] as const).filter((name) => spec[name] == null && before[name] != null);
  if (object === undefined || kept.length === 0) return object;
  return { ...object, spec: { ...spec, ...Object.fromEntries(kept.map((name) => [name, before[name]])) } };
}

/** What messages call an object that gets a priority: it is new. Undefined for others. */
function prioritizedName({ operation, resource, subresource }: AdmissionAttributes): string | undefined {
  if (operation !== "CREATE" || subresource !== "") return undefined;
  if (resource.group === "") return resource.resource === "pods" ? "pod" : undefined;
  return resource.group === "scheduling.k8s.io" ? GROUP_NAMES[resource.resource] : undefined;
}

/** @throws {ApiError} 403 for one that is not there. */
function classOf(cache: WatchCache, attributes: AdmissionAttributes, wanted: string): PriorityClass | undefined {
  if (wanted === "") return defaultClass(cache);
  const found = cache.get(CLASSES + wanted)?.object as PriorityClass | undefined;
  if (found === undefined) throw refusal(attributes, `no PriorityClass with name ${wanted} was found`);
  return found;
}

function expectComputed(
  attributes: AdmissionAttributes,
  what: string,
  given: number | null | undefined,
  computed: number,
): void {
  if (given === undefined || given === null || given === computed) return;
  const why =
    what === "pod"
      ? `the integer value of priority (${given}) must not be provided in pod spec; priority admission controller computed ${computed} from the given PriorityClass name`
      : `priority set in the ${what} (${given}) must match the priority computed (${computed}) based on the priority class set in the spec`;
  throw refusal(attributes, why);
}

const PREEMPT = "PreemptLowerPriority";

/** @throws {ApiError} 403 for another one than the class has. */
function policyOf(
  attributes: AdmissionAttributes,
  what: string,
  { preemptionPolicy: given }: Prioritized,
  found: PriorityClass | undefined,
): string {
  const computed = found === undefined ? PREEMPT : (found.preemptionPolicy ?? PREEMPT);
  if ((given ?? computed) === computed) return computed;
  const why = `the string value of PreemptionPolicy (${given}) must not be provided in ${what} spec; priority admission controller computed ${computed} from the given PriorityClass name`;
  throw refusal(attributes, why);
}

const isClass = ({ resource }: AdmissionAttributes): boolean =>
  resource.group === "scheduling.k8s.io" && resource.resource === "priorityclasses";

const SYSTEM_CLASSES = new Set(["system-node-critical", "system-cluster-critical"]);

/** The system's own classes are not deleted by name, though in collections; at most one class is the default. @throws {ApiError} 403. */
function checkClass(cache: WatchCache, { operation, resource, name, object }: AdmissionAttributes): void {
  if (operation === "DELETE") {
    if (SYSTEM_CLASSES.has(name))
      throw ApiError.forbidden(resource, name, "this is a system priority class and cannot be deleted");
    return;
  }
  if ((object as PriorityClass | undefined)?.globalDefault !== true) return;
  const present = defaultClass(cache)?.metadata?.name;
  if (present === undefined || present === name) return;
  throw ApiError.forbidden(
    resource,
    name,
    `PriorityClass ${present} is already marked as default. Only one default can exist`,
  );
}

function defaultClass(cache: WatchCache): PriorityClass | undefined {
  let best: PriorityClass | undefined;
  for (const [, cached] of cache.head.range(CLASSES)) {
    const candidate = cached.object as PriorityClass;
    if (candidate.globalDefault === true && (best === undefined || (candidate.value ?? 0) < (best.value ?? 0)))
      best = candidate;
  }
  return best;
}
