import type { AdmissionPlugin } from "../contracts.ts";

const FINALIZER = "scheduling.k8s.io/podgroup-protection";

/** Groups are not deleted under their pods: a finalizer that the protection controller removes. */
export const podGroupProtection: AdmissionPlugin = {
  name: "PodGroupProtection",
  handles: ({ operation, resource, subresource }) =>
    operation === "CREATE" &&
    resource.group === "scheduling.k8s.io" &&
    resource.resource === "podgroups" &&
    subresource === "",
  async mutate({ object }) {
    const finalizers = object?.metadata?.finalizers ?? [];
    if (object === undefined || finalizers.includes(FINALIZER)) return object;
    return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, FINALIZER] } };
  },
};
