import type { KubeObject } from "../object.ts";
import type { GroupVersionKind } from "../schema.ts";
/** Fills in what upstream's defaulting functions fill in (not admission, not allocation). Returns a new object, or the same when nothing was missing. */
export function applyDefaults<T extends KubeObject>(gvk: GroupVersionKind, object: T): T {
  throw new Error("Cannot default: under construction");
}
