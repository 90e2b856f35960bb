import type { Unstructured } from "@tsukube/api";
import type { Binding, Pod } from "@tsukube/api/types/core-v1";
import type { AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const LABELS = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

/** Pods bound to a node carry its zone and region (KEP-4742). */
export function podTopologyLabels(cache: WatchCache): AdmissionPlugin {
  return {
    name: "PodTopologyLabels",
    handles: ({ operation, resource, subresource }) =>
      operation === "CREATE" &&
      resource.group === "" &&
      resource.resource === "pods" &&
      (subresource === "" || subresource === "binding"),
    async mutate({ object, subresource }) {
      const target = (object as Binding | undefined)?.target;
      const isNode = target?.kind === "Node" || (target?.kind ?? "") === "";
      const nodeName = subresource === "" ? (object as Pod | undefined)?.spec?.nodeName : isNode ? target?.name : "";
      const node = (nodeName ?? "") === "" ? undefined : cache.get(`/registry/minions/${nodeName}`)?.object;
      const labels = Object.entries(node?.metadata?.labels ?? {}).filter(([key]) => LABELS.includes(key));
      if (labels.length === 0 || object === undefined) return object;
      return {
        ...object,
        metadata: { ...object.metadata, labels: { ...object.metadata?.labels, ...Object.fromEntries(labels) } },
      } as Unstructured;
    },
  };
}
