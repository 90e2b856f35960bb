import { builtinResource, type ResourceInfo } from "@tsukube/api";

/** The warning for everyone who writes an object that changes nothing yet; undefined: it does. */
export function noticeOf({ group, resource, kind }: ResourceInfo): string | undefined {
  if (builtinResource(group, resource)?.isUnreconciled !== true) return undefined;
  return `Tsukube does not act on a ${kind} yet: it is stored, for others who do`;
}
