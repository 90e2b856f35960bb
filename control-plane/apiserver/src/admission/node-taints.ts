import type { Unstructured } from "@tsukube/api";
import type { Node, Taint } from "@tsukube/api/types/core-v1";
import type { AdmissionPlugin } from "../contracts.ts";

const NOT_READY: Taint = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" };

/** A new node gets no pods until the controller of nodes finds it ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: "TaintNodesByCondition",
  handles: ({ operation, resource, subresource }) =>
    operation === "CREATE" && resource.group === "" && resource.resource === "nodes" && subresource === "",
  async mutate({ object }) {
    const { spec } = object as Node;
    const taints = spec?.taints ?? [];
    const isTainted = taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect);
    return isTainted ? object : ({ ...object, spec: { ...spec, taints: [...taints, NOT_READY] } } as Unstructured);
  },
};
