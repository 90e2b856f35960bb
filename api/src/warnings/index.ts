import type { Unstructured } from "../object.ts";
import { resourceOfKind } from "../resources/index.ts";
import type { GroupVersionKind } from "../schema.ts";

/**
 * Warnings for whoever writes an object of a built-in kind: accepted, but old or probably not meant. As upstream words them.
 * @param old The object before an update; undefined for a new one.
 * @param subresource What is written of it; "" for the whole.
 */
export function warningsOf(
  kind: GroupVersionKind,
  object: Unstructured,
  old: Unstructured | undefined,
  subresource = "",
): readonly string[] {
  const resource = resourceOfKind(kind);
  const warn =
    subresource === "" ? resource?.warnings : subresource === "status" ? resource?.statusWarnings : undefined;
  return warn?.(object as never, old) ?? [];
}
