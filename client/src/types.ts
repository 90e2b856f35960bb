import type { GroupVersionResource, KubeObject } from "@tsukube/api";
import type { ListMeta, Preconditions } from "@tsukube/api/types/meta-v1";
import type { Discovered, DiscoveredResource } from "./discovery.ts";
import type { MetadataEvent } from "./metadata-event.ts";

export interface ObjectList<T> {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly object: KubeObject };

export interface ListOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: "Exact" | "NotOlderThan";
}

export interface WatchOptions extends ListOptions {
  readonly allowWatchBookmarks?: boolean;
  readonly sendInitialEvents?: boolean;
  readonly timeoutSeconds?: number;
  readonly signal?: AbortSignal;
}

export interface RequestOptions {
  /** Gives the request up; the server may have done it all the same. */
  readonly signal?: AbortSignal;
}

export interface WriteOptions extends RequestOptions {
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
  readonly preconditions?: Preconditions;
  readonly dryRun?: boolean;
}

export type Patch =
  | { readonly type: "json"; readonly body: readonly unknown[] }
  | { readonly type: "merge" | "strategic"; readonly body: unknown }
  | { readonly type: "apply"; readonly body: unknown; readonly fieldManager: string; readonly force?: boolean };

/** The verbs of one resource, in one namespace or over all. Failures throw `ApiError` with the server's Status. */
export interface ResourceClient<T extends KubeObject> {
  get(name: string, options?: RequestOptions): Promise<T>;
  list(options?: ListOptions): Promise<ObjectList<T>>;
  create(object: T, options?: WriteOptions): Promise<T>;
  update(object: T, options?: WriteOptions & { readonly subresource?: string }): Promise<T>;
  /** PUT of the status subresource. */
  updateStatus(object: T, options?: WriteOptions): Promise<T>;
  patch(name: string, patch: Patch, options?: WriteOptions & { readonly subresource?: string }): Promise<T>;
  delete(name: string, options?: DeleteOptions): Promise<void>;
  deleteCollection(options?: DeleteOptions & ListOptions): Promise<void>;
  watch(options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** The same, of metadata alone. */
  watchMetadata(options?: WatchOptions): AsyncIterable<MetadataEvent>;
  /** What is there, as events of a watch that begins with it. */
  listMetadata(): Promise<{ readonly revision: string; readonly events: readonly MetadataEvent[] }>;
  /** GET of a subresource such as "scale". */
  getSubresource<S extends KubeObject>(name: string, subresource: string): Promise<S>;
  /** POST to a subresource such as "binding", "eviction", "token". */
  createSubresource<S extends KubeObject, R = S>(name: string, subresource: string, body: S): Promise<R>;
  /** The same resource in one namespace. */
  in(namespace: string): ResourceClient<T>;
}

/** A client of one API server with one identity. `resource` without namespace lists over all and takes cluster-scoped objects. */
export interface Client {
  resource<T extends KubeObject>(resource: GroupVersionResource, namespace?: string): ResourceClient<T>;
  /** Any request; the body comes back decoded. @throws {ApiError} */
  raw(method: string, path: string, body?: unknown): Promise<unknown>;
  /** Every resource that the server serves now, custom ones too; cheap to ask again. */
  discover(): Promise<readonly DiscoveredResource[]>;
  /** The same, and the group versions such as "metrics.k8s.io/v1beta1" whose server does not answer. */
  discoverAll(): Promise<Discovered>;
  close(): Promise<void>;
}

/** "namespace/name", or "name" of a cluster-scoped object. */
export type Key = string;

export interface InformerHandler<T> {
  added?(object: T): void;
  updated?(before: T, after: T): void;
  /** `object` is the last known state. */
  deleted?(object: T): void;
}

/**
 * A local, eventually consistent copy of a resource, kept by watching. Objects are frozen and shared: never modify one.
 * Reads are synchronous; before `synced` resolves they see a part.
 */
export interface Informer<T extends KubeObject> {
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  get(key: Key): T | undefined;
  list(): readonly T[];
  /** Objects for which the index function gave `value`. */
  byIndex(index: string, value: string): readonly T[];
  /** Calls for each present object, then on each change. Returns a function that removes the handler. */
  onChange(handler: InformerHandler<T>): () => void;
}

export interface InformerOptions<T> {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Index functions by name: the values under which an object is found. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
}

/** Hands out informers, one shared per resource and options; `namespace` index is always there. */
export interface InformerFactory {
  informer<T extends KubeObject>(resource: GroupVersionResource, options?: InformerOptions<T>): Informer<T>;
  /** The one of all objects of a resource, if somebody else has asked for it already. */
  present<T extends KubeObject>(resource: GroupVersionResource): Informer<T> | undefined;
  /** Resolves when every informer handed out so far has synced. */
  synced(): Promise<void>;
  close(): Promise<void>;
}
