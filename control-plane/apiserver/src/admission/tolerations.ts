import type { Toleration } from "@tsukube/api/types/core-v1";

/** Each that no other covers, in their order. */
export function mergedTolerations(all: readonly Toleration[]): readonly Toleration[] {
  const kept: Toleration[] = [];
  for (const [index, one] of all.entries()) {
    const later = all.slice(index + 1).filter((other) => !isSame(one, other));
    if (![...kept, ...later].some((other) => covers(other, one))) kept.push(one);
  }
  return kept;
}

/** Whether `wide` tolerates whatever `one` tolerates, as far as upstream looks. */
export function covers(wide: Toleration, one: Toleration): boolean {
  if (isSame(wide, one)) return true;
  const isForAll = (wide.key ?? "") === "" && wide.operator === "Exists";
  if ((wide.key ?? "") !== (one.key ?? "") && !isForAll) return false;
  if ((wide.effect ?? "") !== "" && wide.effect !== one.effect) return false;
  const [longest, long] = [wide.tolerationSeconds ?? Infinity, one.tolerationSeconds ?? Infinity];
  if (wide.effect === "NoExecute" && long > longest) return false;
  if (wide.operator === "Exists") return true;
  return (wide.operator || "Equal") === "Equal" && one.operator === "Equal" && (wide.value ?? "") === (one.value ?? "");
}

const FIELDS = ["key", "operator", "value", "effect", "tolerationSeconds"] as const;

function isSame(a: Toleration, b: Toleration): boolean {
  return FIELDS.every((field) => (a[field] ?? "") === (b[field] ?? ""));
}
