import { createHash } from "node:crypto";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { CachedObject } from "../storage/cached-object.ts";

/** Appliers of one object that are remembered. */
const MOST = 16;

/**
 * Applies that changed nothing, by the version of the object that they met. What an apply makes of an object follows from the two
 * and from who applies: so the same apply changes nothing again, until somebody changes the object. Admission, which may have
 * changed its mind, is asked all the same.
 */
export class SettledApplies {
  /** Definitions of custom resources are made anew when they change. */
  readonly #known = new WeakMap<ResourceDefinition, WeakMap<CachedObject, Set<string>>>();

  has(definition: ResourceDefinition, cached: CachedObject, apply: string): boolean {
    return this.#known.get(definition)?.get(cached)?.has(apply) === true;
  }

  add(definition: ResourceDefinition, cached: CachedObject, apply: string): void {
    const objects = this.#known.get(definition) ?? new WeakMap<CachedObject, Set<string>>();
    this.#known.set(definition, objects);
    const applies = objects.get(cached) ?? new Set();
    objects.set(cached, applies);
    if (applies.size >= MOST) applies.clear();
    applies.add(apply);
  }
}

/** Names an apply by all that its result follows from besides the object. @param how Such as the manager, in an order of their own. */
export function applyId(body: Uint8Array, ...how: readonly string[]): string {
  return `${createHash("sha256").update(body).digest("latin1")} ${how.join("\n")}`;
}
