import type { OwnerReference } from "@tsukube/api/types/meta-v1";

/** What is known of an owner that an object names. */
export type OwnerState = "solid" | "absent" | "waiting";

export type Verdict =
  /** Its owners are there, or it has none. */
  | { readonly action: "keep" }
  /** Some owners are gone: forget those. */
  | { readonly action: "drop-owners"; readonly uids: readonly string[] }
  /** All owners are gone, or wait for it to go. */
  | { readonly action: "delete"; readonly policy: "Background" | "Foreground" | "Orphan" };

/**
 * Pure: what must become of an object, given its owners (upstream's attemptToDeleteItem).
 * @param waiting An owner that is being deleted and waits for its dependents.
 */
export function judge(
  references: readonly OwnerReference[],
  stateOf: (reference: OwnerReference) => OwnerState,
  finalizers: readonly string[],
  hasDependents: boolean,
): Verdict {
  if (references.length === 0) return { action: "keep" };
  const solid = references.filter((reference) => stateOf(reference) === "solid");
  const gone = references.filter((reference) => stateOf(reference) === "absent");
  const waiting = references.filter((reference) => stateOf(reference) === "waiting");
  if (solid.length > 0) {
    const uids = [...gone, ...waiting].map((reference) => reference.uid ?? "");
    return uids.length === 0 ? { action: "keep" } : { action: "drop-owners", uids };
  }
  if (waiting.length > 0 && hasDependents) return { action: "delete", policy: "Foreground" };
  if (finalizers.includes("orphan")) return { action: "delete", policy: "Orphan" };
  return { action: "delete", policy: finalizers.includes("foregroundDeletion") ? "Foreground" : "Background" };
}
