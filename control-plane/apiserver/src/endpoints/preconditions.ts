import { ApiError } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";

/** The 409 of a write that is for an object as it was seen, which upstream's store says. @param key Of {@link shownKey}. */
export function preconditionFailed(
  definition: ResourceDefinition,
  name: string,
  key: string,
  what: "UID" | "ResourceVersion",
  wanted: string,
  found = "",
): ApiError {
  return ApiError.conflict(
    definition,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ` +
      `${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
  );
}

/** How upstream's store names an object: a dry run does not get as far as to its prefix. */
export function shownKey(key: string, isDryRun: boolean): string {
  return isDryRun ? key.replace(/^\/registry/, "") : key;
}
