import { apiVersionOf, lifetimeOf, type ResourceInfo } from "@tsukube/api";
import type { Deprecation } from "./definition.ts";

/** Of a version that is on its way out; undefined: it is not. */
export function deprecationOf(info: ResourceInfo): Deprecation | undefined {
  const lifetime = lifetimeOf(info);
  if (lifetime === undefined) return undefined;
  const { since, until, use } = lifetime;
  const end = until === undefined ? "" : `, unavailable in v1.${until}+`;
  const instead = use === undefined ? "" : `; use ${use}`;
  const warning = `${apiVersionOf(info)} ${info.kind} is deprecated in v1.${since}+${end}${instead}`;
  return { warning, removed: until === undefined ? "" : `1.${until}` };
}
