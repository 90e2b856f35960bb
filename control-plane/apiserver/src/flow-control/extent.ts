import { nameOf } from "../chain/request-info.ts";
import type { RequestInfo } from "../contracts.ts";
import type { Registry } from "../registry/registry.ts";
import type { ObjectCache } from "../storage/contract.ts";
import type { Extent } from "./work-estimate.ts";

/** Objects that are looked at for the size of all. */
const SAMPLE = 8;

/** What a list of a resource that lies in this cache reads. */
export function extentIn(registry: Registry, cache: ObjectCache): (info: RequestInfo) => Extent | undefined {
  return (info) => {
    const { group, version, resource, namespace } = info;
    const definition = registry.get(group, version, resource);
    if (definition === undefined) return undefined;
    const isNamespaced = definition.namespaced && namespace !== "";
    const prefix = definition.storage.prefix + (isNamespaced ? `${namespace}/` : "");
    const objects = cache.head.count(prefix);
    if (objects === 0) return { objects, bytes: 0 };
    return { objects: nameOf(info) === "" ? objects : 1, bytes: averageSize(cache, prefix) };
  };
}

function averageSize(cache: ObjectCache, prefix: string): number {
  let bytes = 0;
  let seen = 0;
  for (const [, { stored }] of cache.head.range(prefix)) {
    bytes += stored.length;
    seen += 1;
    if (seen === SAMPLE) break;
  }
  return bytes / seen;
}
