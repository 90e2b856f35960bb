import { ApiError } from "@tsukube/api";
import type { Clock } from "@tsukube/foundation";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { ObjectStore } from "../storage/object-store.ts";

/** How long a read waits for a revision that the cache has not reached. */
const WAIT_MS = 3000;

/** Waits until the cache is at `revision` at least. @returns the 504 to answer with where that takes too long. */
export async function lateness(
  store: ObjectStore,
  definition: ResourceDefinition,
  revision: number,
  clock: Clock,
): Promise<ApiError | undefined> {
  if (await store.reachedWithin(definition, revision, WAIT_MS, clock)) return undefined;
  return ApiError.tooLargeResourceVersion(revision, store.cache.revision);
}

/** As {@link lateness}. @throws {ApiError} 504. */
export async function mustReach(
  store: ObjectStore,
  definition: ResourceDefinition,
  revision: number,
  clock: Clock,
): Promise<void> {
  const late = await lateness(store, definition, revision, clock);
  if (late !== undefined) throw late;
}
