import type { StorageClass } from "../../generated/types/storage-v1.ts";
import { IS_DEFAULT_CLASS } from "./annotations.ts";

/** The class of claims that name none: of several that say so the newest, then the first by name. */
export function defaultClassOf(classes: readonly StorageClass[]): StorageClass | undefined {
  const made = (each: StorageClass): string => each.metadata?.creationTimestamp ?? "";
  const name = (each: StorageClass): string => each.metadata?.name ?? "";
  return classes
    .filter(({ metadata }) => metadata?.annotations?.[IS_DEFAULT_CLASS] === "true")
    .sort((a, b) => (made(a) === made(b) ? (name(a) < name(b) ? -1 : 1) : made(a) < made(b) ? 1 : -1))[0];
}
