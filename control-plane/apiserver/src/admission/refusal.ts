import { ApiError } from "@tsukube/api";
import type { AdmissionAttributes } from "../contracts.ts";

/** Why a request is forbidden: a name that is not generated yet is told by what it begins with. */
export function refusal({ resource, name, object }: AdmissionAttributes, why: string): ApiError {
  return ApiError.forbidden(resource, name || object?.metadata?.generateName || "Unknown", why);
}
