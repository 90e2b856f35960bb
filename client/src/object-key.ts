import type { KubeObject } from "@tsukube/api";
import type { Key } from "./types.ts";

/** "namespace/name", or "name" of a cluster-scoped object. */
export function keyOf(object: KubeObject): Key {
  const { namespace, name = "" } = object.metadata ?? {};
  return namespace === undefined ? name : `${namespace}/${name}`;
}

/** Namespace ("" when cluster-scoped) and name. */
export function splitKey(key: Key): { readonly namespace: string; readonly name: string } {
  const slash = key.indexOf("/");
  return slash < 0 ? { namespace: "", name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
