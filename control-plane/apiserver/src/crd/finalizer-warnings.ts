import type { Unstructured } from "@tsukube/api";

const STANDARD: ReadonlySet<string> = new Set(["kubernetes", "orphan", "foregroundDeletion"]);

/** Finalizers of custom resources whose names others could have as well: those that are new. */
export function finalizerWarnings({ metadata }: Unstructured, old: Unstructured | undefined): readonly string[] {
  const before = old?.metadata?.finalizers ?? [];
  return (metadata?.finalizers ?? [])
    .filter((name) => !before.includes(name) && !name.includes("/") && !STANDARD.has(name))
    .map(
      (name) =>
        `metadata.finalizers: "${name}": prefer a domain-qualified finalizer name${name.includes(".") ? " including a path (/)" : ""} ${WHY}`,
    );
}

const WHY = "to avoid accidental conflicts with other finalizer writers";
