import {
  ApiError,
  BETA_STORAGE_CLASS,
  compareQuantities,
  parseQuantity,
  storageClassOf,
  type Unstructured,
} from "@tsukube/api";
import type { PersistentVolumeClaim } from "@tsukube/api/types/core-v1";
import type { StorageClass } from "@tsukube/api/types/storage-v1";
import type { AdmissionAttributes, AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const IS_DEFAULT = "storageclass.kubernetes.io/is-default-class";

function isClaim({ resource, subresource }: AdmissionAttributes): boolean {
  return resource.group === "" && resource.resource === "persistentvolumeclaims" && subresource === "";
}

/** Claims that name no class get the default one; of several, the newest. */
export function defaultStorageClass(cache: WatchCache): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    handles: (attributes) => attributes.operation === "CREATE" && isClaim(attributes),
    async mutate({ object }) {
      const spec = (object?.["spec"] ?? {}) as { storageClassName?: string | null };
      const isNamed = (spec.storageClassName ?? undefined) !== undefined;
      if (object === undefined || isNamed || object.metadata?.annotations?.[BETA_STORAGE_CLASS] !== undefined)
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

/** By group and resource. */
const PROTECTED: ReadonlyMap<string, string> = new Map([
  ["/persistentvolumeclaims", "kubernetes.io/pvc-protection"],
  ["/persistentvolumes", "kubernetes.io/pv-protection"],
  ["storage.k8s.io/volumeattributesclasses", "kubernetes.io/vac-protection"],
]);

const protectionOf = ({ group, resource }: AdmissionAttributes["resource"]): string | undefined =>
  PROTECTED.get(`${group}/${resource}`);

/** Claims, volumes and their classes of attributes in use are not deleted under their users: a finalizer that the protection controllers remove. */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  handles: ({ operation, resource }) => operation === "CREATE" && protectionOf(resource) !== undefined,
  async mutate({ object, resource }) {
    const finalizer = protectionOf(resource)!;
    const finalizers = object?.metadata?.finalizers ?? [];
    if (object === undefined || finalizers.includes(finalizer)) return object;
    return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } };
  },
};

/** Only bound claims of a class that says so grow. */
export function claimResize(cache: WatchCache): AdmissionPlugin {
  return {
    name: "PersistentVolumeClaimResize",
    handles: (attributes) => attributes.operation === "UPDATE" && isClaim(attributes),
    async validate({ object, oldObject, resource, name }) {
      const [next, old] = [object, oldObject] as readonly PersistentVolumeClaim[];
      const sizeOf = (claim: PersistentVolumeClaim | undefined) =>
        parseQuantity(claim?.spec?.resources?.requests?.["storage"] ?? "0");
      if (compareQuantities(sizeOf(next), sizeOf(old)) <= 0) return;
      if (old?.status?.phase !== "Bound")
        throw ApiError.forbidden(resource, name, "Only bound persistent volume claims can be expanded");
      const className = storageClassOf(next ?? {});
      const found = cache.get(`/registry/storageclasses/${className}`)?.object as StorageClass | undefined;
      if (className !== "" && className === storageClassOf(old) && found?.allowVolumeExpansion === true) return;
      throw ApiError.forbidden(
        resource,
        name,
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
      );
    },
  };
}
