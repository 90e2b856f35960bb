import { ApiError } from "@tsukube/api";
import type { AdmissionPlugin } from "../contracts.ts";
import type { WatchCache } from "../storage/watch-cache.ts";

const IMMORTAL = new Set(["default", "kube-system", "kube-public"]);

/** Objects go only into namespaces that exist and stay; the system's own namespaces cannot be deleted. */
export function namespaceLifecycle(cache: WatchCache): AdmissionPlugin {
  return {
    name: "NamespaceLifecycle",
    handles: ({ operation, namespace, resource }) =>
      (operation === "CREATE" && namespace !== "") ||
      (operation === "DELETE" && resource.resource === "namespaces" && resource.group === ""),
    async mutate({ operation, namespace, resource, name, object }) {
      if (operation !== "CREATE" || (resource.group === "" && resource.resource === "namespaces")) return object;
      const found = cache.get(`/registry/namespaces/${namespace}`)?.object;
      if (found === undefined) throw ApiError.notFound({ group: "", resource: "namespaces" }, namespace);
      if (found.metadata?.deletionTimestamp === undefined) return object;
      throw ApiError.forbidden(
        resource,
        name,
        `unable to create new content in namespace ${namespace} because it is being terminated`,
        [
          {
            reason: "NamespaceTerminating",
            message: `namespace ${namespace} is being terminated`,
            field: "metadata.namespace",
          },
        ],
      );
    },
    async validate({ operation, name, resource }) {
      if (operation === "DELETE" && IMMORTAL.has(name)) {
        throw ApiError.forbidden(resource, name, "this namespace may not be deleted");
      }
    },
  };
}
