import type { Container, Pod } from "@tsukube/api/types/core-v1";

/** Every container of a pod: init containers, its own, ephemeral ones. */
export function containersOf(pod: Pod): readonly Container[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = pod.spec ?? {};
  return [...initContainers, ...containers, ...ephemeralContainers];
}

export function containerNamed(pod: Pod, name: string): Container | undefined {
  return containersOf(pod).find((container) => container.name === name);
}

/** An init container that goes on beside the others (KEP-753). */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === "Always";
}

export function sidecarsOf(pod: Pod): readonly Container[] {
  return (pod.spec?.initContainers ?? []).filter(isSidecar);
}

/** What runs as long as the pod does: its containers and sidecars. */
export function lastingContainers(pod: Pod): readonly Container[] {
  return [...sidecarsOf(pod), ...(pod.spec?.containers ?? [])];
}

export function isInit(pod: Pod, name: string): boolean {
  return (pod.spec?.initContainers ?? []).some((container) => container.name === name);
}

export function isEphemeral(pod: Pod, name: string): boolean {
  return (pod.spec?.ephemeralContainers ?? []).some((container) => container.name === name);
}
