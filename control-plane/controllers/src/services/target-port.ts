import type { Pod, ServicePort } from "@tsukube/api/types/core-v1";

/** The number that a port of a Service has in a pod; undefined where it goes by a name that the pod does not have. */
export function targetPortOf(port: ServicePort, pod: Pod): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target === 0 ? port.port : target;
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  return [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === "Always")]
    .flatMap(({ ports }) => ports ?? [])
    .find(({ name, protocol }) => name === target && (protocol ?? "TCP") === (port.protocol ?? "TCP"))?.containerPort;
}
