/**
 * What the rest of the API server builds on here. Reads go to {@link ObjectCache}, writes to {@link ObjectWriter}; neither
 * waits for the disk except for a write to become durable.
 */
import type { Unstructured } from "@tsukube/api";
import type { Cancel, Clock } from "@tsukube/foundation";
import type { Tree } from "@tsukube/store";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { CachedObject } from "./cached-object.ts";
import type { Attribute } from "./object-index.ts";
import type { TryChange, Written } from "./object-store.ts";

/** A change of one object. `previous` is undefined when it was created, `current` when it was deleted. */
export interface CacheEvent {
  readonly revision: number;
  readonly key: string;
  readonly current: CachedObject | undefined;
  readonly previous: CachedObject | undefined;
}

/** The state after a revision, and what led to it. */
export interface CacheVersion {
  readonly revision: number;
  readonly root: Tree<CachedObject>;
  readonly events: readonly CacheEvent[];
}

/** Called in order, once per revision that changed something below the subscribed prefix. Must not throw. */
export type Subscriber = (events: readonly CacheEvent[], revision: number) => void;

/** Objects that have one of the values, and those that had one before an event. */
export interface Having {
  readonly attribute: Attribute;
  readonly values: readonly string[];
}

/** All objects as of a durable revision, and the recent past. */
export interface ObjectCache {
  readonly revision: number;
  /** The oldest revision of {@link at} and {@link since}. */
  readonly oldestRevision: number;
  /** The newest state: `range` and `count` it for a LIST with resourceVersion unset, "0" or NotOlderThan. */
  readonly head: Tree<CachedObject>;
  get(key: string): CachedObject | undefined;
  /**
   * Sets of the newest objects that together hold all that have one of the values; undefined: no index names them quicker than
   * looking at all of them.
   * @param prefix Of a whole kind, such as "/registry/pods/".
   */
  having(prefix: string, attribute: Attribute, values: readonly string[]): readonly Tree<CachedObject>[] | undefined;
  /** The state as of a revision, for Exact lists and `continue`; undefined when it is no longer kept: 410 Expired. */
  at(revision: number): CacheVersion | undefined;
  /** What lay below `prefix` at a revision that is older than {@link oldestRevision}, as far as the store keeps it. */
  past(revision: number, prefix: string): Promise<CacheVersion | undefined>;
  /** Everything below `prefix` that changed after `revision`; undefined when that is no longer kept: 410 Expired. */
  since(revision: number, prefix: string): readonly (readonly [readonly CacheEvent[], number])[] | undefined;
  /** Resolves when the cache holds everything that was acknowledged, by whatever server, before the call. */
  current(): Promise<void>;
  /** Resolves when the cache is at `revision` or newer. */
  reached(revision: number): Promise<void>;
  /** Waits at most `ms` for a revision. @returns whether it was reached; if not: 504, ResourceVersionTooLarge. */
  reachedWithin(revision: number, ms: number, clock: Clock): Promise<boolean>;
  /**
   * @param prefix Ends in "/", as "/registry/pods/" or "/registry/pods/default/"; or the whole key of one object. The narrower
   * it is, the fewer events the subscriber is called for: an event costs its receivers, not everybody who watches.
   * @param having The subscriber hears of these objects alone.
   */
  subscribe(prefix: string, subscriber: Subscriber, having?: Having): Cancel;
}

/** Objects of the API over the bytes of the store. */
export interface ObjectWriter {
  /**
   * Changes one object atomically: `change` sees the newest state, again on each conflict.
   * @returns undefined when there was nothing to delete or change.
   */
  update(definition: ResourceDefinition, key: string, change: TryChange): Promise<Written | undefined>;
  /** A cached object in the definition's version; frozen when it is the stored one. */
  view(definition: ResourceDefinition, cached: CachedObject): Unstructured;
}
