import { ApiError, podRequests, quantityMilliValue, quantityValue } from "@tsukube/api";
import type { Node, Pod } from "@tsukube/api/types/core-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

/** Refuses at once what the pod's node could never give it (KEP-1287). */
export function podResize(cache: WatchCache): AdmissionPlugin {
  return {
    name: "PodResizeValidator",
    handles: ({ operation, resource, subresource }) =>
      operation === "UPDATE" && resource.group === "" && resource.resource === "pods" && subresource === "resize",
    async validate(attributes) {
      const [pod, before] = [attributes.object as Pod, attributes.oldObject as Pod];
      const { nodeName = "" } = pod.spec ?? {};
      if (nodeName === "" || pod.metadata?.generation === before.metadata?.generation) return;
      const node = cache.get(`/registry/minions/${nodeName}`)?.object as Node | undefined;
      if (node === undefined) return refuse(attributes, `node "${nodeName}" not found`);
      const system = node.metadata?.labels?.["kubernetes.io/os"] ?? "linux";
      if (system !== "linux") {
        const why = `pod resize is only supported on linux nodes, node "${nodeName}" is "${system}"`;
        refuse(attributes, why, "UnsupportedPlatform");
      }
      const missing = missingOn(node, pod);
      if (missing.length > 0) {
        refuse(attributes, `node didn't have enough allocatable resources: ${missing.join("; ")}`, "NodeCapacity");
      }
    },
  };
}

function missingOn(node: Node, pod: Pod): readonly string[] {
  const requests = podRequests(pod);
  return (["cpu", "memory"] as const).flatMap((name) => {
    const measure = name === "cpu" ? quantityMilliValue : quantityValue;
    const nanos = requests.get(name)?.nanos ?? 0n;
    const wanted = Number(name === "cpu" ? roundUp(nanos, 1_000_000n) : roundUp(nanos, 1_000_000_000n));
    const allocatable = measure(node.status?.allocatable?.[name] ?? "0");
    return wanted > allocatable ? [`${name}, requested: ${wanted}, allocatable: ${allocatable}`] : [];
  });
}

function roundUp(nanos: bigint, unit: bigint): bigint {
  return (nanos + unit - 1n) / unit;
}

function refuse({ resource, name }: AdmissionAttributes, why: string, reason?: string): never {
  throw ApiError.forbidden(resource, name, why, reason === undefined ? undefined : [{ reason }]);
}
