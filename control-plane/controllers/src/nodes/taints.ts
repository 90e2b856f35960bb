import { ApiError } from "@tsukube/api";
import type { Node, Taint, Toleration } from "@tsukube/api/types/core-v1";
import type { Client } from "@tsukube/client";
import { NODES } from "../context.ts";

/** core/v1 Toleration: no key with Exists tolerates every taint, no effect every effect. */
export function tolerates(
  { key = "", operator = "Equal", value = "", effect = "" }: Toleration,
  taint: Taint,
): boolean {
  if (effect !== "" && effect !== taint.effect) return false;
  if (key !== "" && key !== taint.key) return false;
  if (operator === "Exists") return true;
  return operator === "Equal" && key !== "" && value === (taint.value ?? "");
}

/** A taint is what it is by key and effect. */
export function isSameTaint(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect;
}

export interface TaintChange {
  readonly add: readonly Taint[];
  readonly remove: readonly Taint[];
}

const ATTEMPTS = 5;

/**
 * Changes the taints of a node as it is now, whatever the cache shows: several parties write them.
 * @throws {ApiError} 404; 409 after several attempts.
 */
export async function changeTaints(client: Client, name: string, change: TaintChange): Promise<void> {
  const nodes = client.resource<Node>(NODES);
  for (let attempt = 1; ; attempt += 1) {
    const { metadata, spec } = await nodes.get(name);
    const before = spec?.taints ?? [];
    const kept = before.filter((taint) => !change.remove.some((other) => isSameTaint(taint, other)));
    const added = change.add.filter((taint) => !kept.some((other) => isSameTaint(taint, other)));
    if (added.length === 0 && kept.length === before.length) return;
    const taints = [...kept, ...added];
    const { resourceVersion = "" } = metadata ?? {};
    const body = { metadata: { resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } };
    try {
      await nodes.patch(name, { type: "merge", body });
      return;
    } catch (error) {
      if (!ApiError.is(error, "Conflict") || attempt === ATTEMPTS) throw error;
    }
  }
}
