import { ApiError } from "@tsukube/api";
import type { AdmissionAttributes } from "../contracts.ts";

/** Why a request is forbidden. */
export function refusal(attributes: AdmissionAttributes, why: string): ApiError {
  return ApiError.forbidden(attributes.resource, toldName(attributes), why);
}

/** What a refusal names: a name that is not generated yet is told by what it begins with. */
export function toldName({ name, object }: AdmissionAttributes): string {
  return name || object?.metadata?.generateName || "Unknown";
}
