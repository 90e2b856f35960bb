import { ApiError } from "@tsukube/api";
import type { AuthorizationAttributes } from "../contracts.ts";

/** "pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "y"". */
export function forbidden(attributes: AuthorizationAttributes, reason: string): ApiError {
  const { user, verb, isResource, group, resource, subresource, namespace, name, path } = attributes;
  const tail = reason === "" ? "" : `: ${reason}`;
  const who = `User "${user.name}" cannot ${verb}`;
  if (!isResource) return ApiError.forbidden({ group: "", resource: "" }, "", `${who} path "${path}"${tail}`);
  const what = subresource === "" ? resource : `${resource}/${subresource}`;
  const isOfCluster = namespace === "" || resource === "namespaces";
  const scope = isOfCluster ? "at the cluster scope" : `in the namespace "${namespace}"`;
  const why = `${who} resource "${what}" in API group "${group}" ${scope}${tail}`;
  return ApiError.forbidden({ group, resource }, name, why);
}
