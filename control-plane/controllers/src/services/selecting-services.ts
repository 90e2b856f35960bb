import { labelsMatcher } from "@tsukube/api";
import type { Pod, Service } from "@tsukube/api/types/core-v1";
import { type Informer, type Key, keyOf } from "@tsukube/client";

/** Keys of the Services that select one of these pods: before and after it changed. */
export function selectingServices(services: Informer<Service>, pods: readonly Pod[]): ReadonlySet<Key> {
  const keys = new Set<Key>();
  for (const pod of pods) {
    for (const service of services.byIndex("namespace", pod.metadata?.namespace ?? "")) {
      const selector = service.spec?.selector;
      if (selector !== undefined && labelsMatcher(selector).matches(pod.metadata?.labels)) keys.add(keyOf(service));
    }
  }
  return keys;
}

/** Pods of the Service's namespace that it selects, oldest first. */
export function selectedPods(pods: Informer<Pod>, service: Service): readonly Pod[] {
  const matcher = labelsMatcher(service.spec?.selector ?? {});
  const all = pods.byIndex("namespace", service.metadata?.namespace ?? "");
  return all.filter((pod) => matcher.matches(pod.metadata?.labels)).sort(byAge);
}

/** Whether a controller finds the pods of the Service; of others somebody else says where they lead. */
export function isSelecting({ spec }: Service): boolean {
  return spec?.selector !== undefined && spec.type !== "ExternalName";
}

function byAge(a: Pod, b: Pod): number {
  const [x, y] = [a.metadata?.creationTimestamp ?? "", b.metadata?.creationTimestamp ?? ""];
  return x < y ? -1 : x > y ? 1 : (a.metadata?.name ?? "") < (b.metadata?.name ?? "") ? -1 : 1;
}
