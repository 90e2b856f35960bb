import type { AdmissionAttributes } from "../../contracts.ts";

/** A pod that is created or updated as a whole. */
export function isPodWrite({ operation, resource, subresource }: AdmissionAttributes): boolean {
  const isWrite = operation === "CREATE" || operation === "UPDATE";
  return isWrite && resource.group === "" && resource.resource === "pods" && subresource === "";
}
