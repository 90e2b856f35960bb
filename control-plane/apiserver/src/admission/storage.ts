import type { Unstructured } from "@tsukube/api";
import type { AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const IS_DEFAULT = "storageclass.kubernetes.io/is-default-class";

/** Claims that name no class get the default one; of several, the newest. */
export function defaultStorageClass(cache: WatchCache): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    handles: ({ operation, resource }) => operation === "CREATE" && resource.resource === "persistentvolumeclaims",
    async mutate({ object }) {
      const spec = (object?.["spec"] ?? {}) as { storageClassName?: string | null };
      if (object === undefined || (spec.storageClassName !== undefined && spec.storageClassName !== null))
        return object;
      let best: Unstructured | undefined;
      for (const [, cached] of cache.head.range("/registry/storageclasses/")) {
        const candidate = cached.object;
        if (candidate.metadata?.annotations?.[IS_DEFAULT] !== "true") continue;
        if ((candidate.metadata.creationTimestamp ?? "") >= (best?.metadata?.creationTimestamp ?? "")) best = candidate;
      }
      return best === undefined ? object : { ...object, spec: { ...spec, storageClassName: best.metadata?.name } };
    },
  };
}

/** Claims and volumes in use are not deleted under their users: a finalizer that the protection controllers remove. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  handles: ({ operation, resource }) =>
    operation === "CREATE" &&
    (resource.resource === "persistentvolumeclaims" || resource.resource === "persistentvolumes"),
  async mutate({ object, resource }) {
    const finalizer =
      resource.resource === "persistentvolumes" ? "kubernetes.io/pv-protection" : "kubernetes.io/pvc-protection";
    const finalizers = object?.metadata?.finalizers ?? [];
    if (object === undefined || finalizers.includes(finalizer)) return object;
    return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
  },
};
