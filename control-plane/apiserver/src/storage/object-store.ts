import {
  ApiError,
  apiVersionOf,
  DecodeError,
  encodeJson,
  encodeUnstructured,
  goQuote,
  type Json,
  MOST_NESTED,
  nestingOf,
  type Unstructured,
} from "@tsukube/api";
import type { Clock } from "@tsukube/foundation";
import { type Mutation, StoreError } from "@tsukube/store";
import type { RequestContext } from "../contracts.ts";
import { convert } from "../registry/conversion.ts";
import type { CustomDetails, ResourceDefinition } from "../registry/definition.ts";
import { type CachedObject, deepFreeze, indexOf, withRevision } from "./cached-object.ts";
import type { ObjectWriter } from "./contract.ts";
import { Encodings } from "./encodings.ts";
import type { StorageMetrics } from "./storage-metrics.ts";
import { isUnreadable } from "./stored-form.ts";
import type { WatchCache } from "./watch-cache.ts";

/**
 * Of an object, as JSON: several times as many as etcd takes of it as protobuf, so that what upstream stores is stored. Patches, each as
 * large as a body may be, must not make one that no memory holds.
 */
const MOST_BYTES = 8 * 1024 * 1024;

/** What a write decided, given the present object. */
export type Change =
  | { readonly type: "put"; readonly object: Unstructured; readonly expiresAt?: number; readonly patienceMs?: number }
  | { readonly type: "delete" }
  | { readonly type: "none" };

/** Called again with the newest object whenever somebody else was faster. */
export type TryChange = (current: Unstructured | undefined, cached: CachedObject | undefined) => Promise<Change>;

export interface Written {
  /** In the definition's version, with resourceVersion; for a delete, what was deleted. */
  readonly object: Unstructured;
  readonly revision: number;
}

/** Writes objects of a kind together with what must change with them. */
export interface Companions {
  /**
   * Commits `write` and what goes with it, all or none.
   * @param before What the write finds, undefined when it creates. @param after What it leaves, undefined when it deletes.
   * @throws {StoreError} `conflict`: the write is decided again.
   */
  commit(write: Mutation, before: Unstructured | undefined, after: Unstructured | undefined): Promise<number>;
}

const MAX_TRIES = 100;

const UNFIT = /[/%]|^\.\.?$/;

function unfitName(name: string): ApiError {
  const dots = name === "." || name === ".." ? [`may not be '${name}'`] : [];
  const parts = ["/", "%"].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
  return ApiError.badRequest(`Name parameter invalid: ${goQuote(name)}: ${[...dots, ...parts].join(";")}`);
}

/** Objects of the API over the bytes of the store. */
export class ObjectStore implements ObjectWriter {
  readonly cache: WatchCache;
  readonly #metrics: StorageMetrics;
  readonly #companions = new Map<string, Companions>();
  /** Custom resources as their definitions show them; definitions are made anew when they change. */
  readonly #forms = new WeakMap<ResourceDefinition, WeakMap<CachedObject, WeakRef<Unstructured>>>();
  /** What conversion webhooks answered. */
  readonly #converted = new WeakMap<ResourceDefinition, WeakMap<CachedObject, Unstructured>>();
  /** Where written objects are in the cache. */
  readonly #written = new WeakMap<Unstructured, CachedObject>();
  /** Of what {@link servesStoredBytes}. */
  readonly encodings = new Encodings();

  constructor(cache: WatchCache, metrics: StorageMetrics) {
    this.#metrics = metrics;
    this.cache = cache;
  }

  /** Resolves when the cache holds everything that was acknowledged, by whatever server, before the call. */
  async current(definition: ResourceDefinition): Promise<void> {
    if (this.cache.store.isShared) await this.#metrics.waited(definition, () => this.cache.current());
  }

  /** Waits at most `ms` for a revision. @returns whether it was reached. */
  async reachedWithin(definition: ResourceDefinition, revision: number, ms: number, clock: Clock): Promise<boolean> {
    if (this.cache.revision >= revision) return true;
    return this.#metrics.waited(definition, () => this.cache.reachedWithin(revision, ms, clock));
  }

  /** From now on objects below a definition's prefix are written by `companions`. */
  accompany({ storage }: ResourceDefinition, companions: Companions): void {
    this.#companions.set(storage.prefix, companions);
  }

  /** @throws {ApiError} 400 for a name that no path can have. */
  keyOf(definition: ResourceDefinition, namespace: string, name: string): string {
    if (UNFIT.test(name)) throw unfitName(name);
    return this.#keyOf(definition, namespace, name);
  }

  #keyOf(definition: ResourceDefinition, namespace: string, name: string): string {
    return definition.storage.prefix + (definition.namespaced ? `${namespace}/${name}` : name);
  }

  get(definition: ResourceDefinition, namespace: string, name: string): CachedObject | undefined {
    return this.cache.get(this.keyOf(definition, namespace, name));
  }

  /** @param name "": all of the namespace, or of all namespaces. @throws {ApiError} 500 for what cannot be read now. */
  mustBeReadable(definition: ResourceDefinition, namespace: string, name: string): void {
    const { prefix } = definition.storage;
    if (name !== "") this.cache.mustBeReadable(this.#keyOf(definition, namespace, name));
    else this.cache.mustBeReadable(definition.namespaced && namespace !== "" ? `${prefix}${namespace}/` : prefix);
  }

  /**
   * A cached object in the definition's version; frozen when it is the stored one. Custom resources are pruned and have the
   * defaults of today's schema of the version that they are stored in, whatever it was then.
   */
  view(definition: ResourceDefinition, cached: CachedObject): Unstructured {
    if (definition.custom !== undefined) return this.#customView(definition, cached);
    return isStoredVersion(definition) ? cached.object : convert(cached.object, definition, definition.schema);
  }

  #customView(definition: ResourceDefinition, cached: CachedObject): Unstructured {
    const forms = within(this.#forms, definition);
    const known = forms.get(cached)?.deref();
    if (known !== undefined) return known;
    const form = this.#customForm(definition, definition.custom!, cached);
    deepFreeze(form);
    forms.set(cached, new WeakRef(form));
    return form;
  }

  #customForm(definition: ResourceDefinition, custom: CustomDetails, cached: CachedObject): Unstructured {
    if (cached.object.apiVersion === apiVersionOf(definition))
      return soundly(custom, cached, (object) => custom.prepare(object).object);
    if (custom.convert === undefined) return custom.converted(soundly(custom, cached, custom.whole));
    const converted = within(this.#converted, definition).get(cached);
    if (converted === undefined) throw new Error(`Cannot show ${cached.key}: nobody awaited readable()`);
    return custom.converted(converted);
  }

  /** The cached form of an object that {@link update} gave: its bytes are there already. */
  cachedOf(written: Unstructured): CachedObject | undefined {
    return this.#written.get(written);
  }

  /** Has the objects converted for which {@link view} will be asked, where that takes a webhook. @throws {ApiError} */
  async readable(definition: ResourceDefinition, objects: Iterable<CachedObject>): Promise<void> {
    const { custom } = definition;
    const convertObjects = custom?.convert;
    if (custom === undefined || convertObjects === undefined) return;
    const converted = within(this.#converted, definition);
    const missing = [...objects].filter((cached) => needsWebhook(definition, cached) && !converted.has(cached));
    if (missing.length === 0) return;
    const answers = await convertObjects(
      missing.map((cached) => soundly(custom, cached, custom.whole)),
      apiVersionOf(definition),
    );
    missing.forEach((cached, index) => void converted.set(cached, answers[index]!));
  }

  /** A custom resource as it would come back once it was written, which a version that is not stored may lose fields by. @throws {ApiError} */
  async asStored(definition: ResourceDefinition, object: Unstructured): Promise<Unstructured> {
    const { custom, storage } = definition;
    if (custom === undefined || isStoredVersion(definition)) return object;
    const written = { ...(await toStorageVersion(definition, object)), apiVersion: apiVersionOf(storage.gvk) };
    const whole = custom.whole(written);
    const [back] = custom.convert === undefined ? [whole] : await custom.convert([whole], apiVersionOf(definition));
    return custom.converted(back!);
  }

  /**
   * Changes one object atomically: `change` sees the newest state, again on each conflict.
   * @param time Of the request that it is done for: nothing is written once it is over.
   * @returns undefined when there was nothing to delete or change.
   */
  async update(
    definition: ResourceDefinition,
    key: string,
    change: TryChange,
    time?: RequestContext["time"],
  ): Promise<Written | undefined> {
    for (let tries = 1; ; tries += 1) {
      time?.mustLast();
      this.cache.mustBeReadable(key);
      const cached = this.cache.get(key);
      if (cached !== undefined) await this.readable(definition, [cached]);
      const current = cached === undefined ? undefined : this.view(definition, cached);
      const decided = await change(current, cached);
      if (decided.type === "none")
        return current === undefined ? undefined : { object: current, revision: cached!.revision };
      if (decided.type === "delete" && cached === undefined) return undefined;
      try {
        return await this.#commit(definition, key, decided, cached, current, time);
      } catch (error) {
        if (!isConflict(error) || tries >= MAX_TRIES) throw error;
        // the cache follows the store: see what was there before trying on
        await this.cache.reached(this.cache.store.revision);
      }
    }
  }

  async #commit(
    definition: ResourceDefinition,
    key: string,
    decided: Exclude<Change, { type: "none" }>,
    cached: CachedObject | undefined,
    current: Unstructured | undefined,
    time: RequestContext["time"],
  ): Promise<Written> {
    const expected = cached?.revision ?? "absent";
    if (decided.type === "delete") {
      time?.mustLast();
      const write: Mutation = { type: "delete", key, expected };
      const revision = await this.#metrics.measured("delete", definition, () =>
        this.#write(definition, write, current, undefined),
      );
      await this.cache.reached(revision);
      return { object: withRevision(current ?? {}, revision), revision };
    }
    const { value, index } = encodeStored(definition, await toStorageVersion(definition, decided.object), cached);
    if (value.length > MOST_BYTES) throw tooLarge(value.length);
    if (value.length > 2 * MOST_NESTED && nestingOf(value) > MOST_NESTED) throw tooDeep(nestingOf(value));
    time?.mustLast();
    const { expiresAt, patienceMs } = decided;
    const mutation: Mutation = {
      ...{ type: "put", key, value, index, expected },
      ...(expiresAt !== undefined && { expiresAt }),
      ...(patienceMs !== undefined && { patienceMs }),
    };
    if (isStoredVersion(definition)) this.cache.expect(value, decided.object);
    const operation = cached === undefined ? "create" : "update";
    const revision = await this.#metrics.measured(operation, definition, () =>
      this.#write(definition, mutation, current, decided.object),
    );
    await this.cache.reached(revision);
    const now = this.cache.get(key);
    if (now?.revision !== revision) return { object: withRevision(decided.object, revision), revision };
    // what the version that is stored lacks is gone, and what it has by default is there
    if (!isStoredVersion(definition)) {
      await this.readable(definition, [now]);
      return { object: this.view(definition, now), revision };
    }
    const { object } = now;
    this.#written.set(object, now);
    return { object, revision };
  }

  /**
   * Deletes what lies at a key if it cannot be read, without looking at what the cache remembers: it may be readable again by now, or
   * somebody may have written it anew.
   * @returns what was found there; only what is "unreadable" is deleted.
   */
  async removeUnreadable(
    definition: ResourceDefinition,
    key: string,
    dryRun: boolean,
  ): Promise<"nothing" | "readable" | "unreadable"> {
    const { store } = this.cache;
    for (let tries = 1; ; tries += 1) {
      const [record] = (await store.range(key, { limit: 1 })).records; // of the keys that begin with it, it is the first
      if (record?.key !== key) return "nothing";
      if (!(await isUnreadable(record))) return "readable";
      if (dryRun) return "unreadable";
      const work = (): Promise<number> => store.commit([{ type: "delete", key, expected: record.revision }]);
      try {
        await this.cache.reached(await this.#metrics.measured("delete", definition, work));
        return "unreadable";
      } catch (error) {
        if (!isConflict(error) || tries >= MAX_TRIES) throw error;
      }
    }
  }

  #write(
    { storage }: ResourceDefinition,
    write: Mutation,
    before: Unstructured | undefined,
    after: Unstructured | undefined,
  ): Promise<number> {
    const companions = this.#companions.get(storage.prefix);
    return companions === undefined ? this.cache.store.commit([write]) : companions.commit(write, before, after);
  }
}

/** What is made of a custom resource as it lies in the store, where somebody may have put metadata that is none. */
function soundly(
  custom: CustomDetails,
  { object }: CachedObject,
  make: (object: Unstructured) => Unstructured,
): Unstructured {
  try {
    return make(object);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return make(custom.sound(object));
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof StoreError && error.code === "conflict";
}

/** Whether an object lies in the store otherwise than it would be written now, in another version. */
export function liesOtherwise(definition: ResourceDefinition, cached: CachedObject): boolean {
  const { gvk } = definition.storage;
  return cached.isOutdated || (!definition.typed && cached.object.apiVersion !== apiVersionOf(gvk));
}

/** Whether bytes can be served as they are stored. */
export function servesStoredBytes(definition: ResourceDefinition): boolean {
  return definition.typed && isStoredVersion(definition);
}

function needsWebhook(definition: ResourceDefinition, cached: CachedObject): boolean {
  return definition.custom?.convert !== undefined && cached.object.apiVersion !== apiVersionOf(definition);
}

async function toStorageVersion(definition: ResourceDefinition, object: Unstructured): Promise<Unstructured> {
  const convertObjects = definition.custom?.convert;
  if (convertObjects === undefined || isStoredVersion(definition)) return object;
  const [converted] = await convertObjects([object], apiVersionOf(definition.storage.gvk));
  return converted!;
}

function within<Value extends object>(
  of: WeakMap<ResourceDefinition, WeakMap<CachedObject, Value>>,
  definition: ResourceDefinition,
): WeakMap<CachedObject, Value> {
  let map = of.get(definition);
  if (map === undefined) {
    map = new WeakMap();
    of.set(definition, map);
  }
  return map;
}

function isStoredVersion(definition: ResourceDefinition): boolean {
  return definition.storage.gvk.version === definition.version && definition.storage.gvk.group === definition.group;
}

/**
 * The stored form: storage version, without resourceVersion, and the index beside it.
 * @param before What it replaces, whose bytes say what both share.
 */
export function encodeStored(
  definition: ResourceDefinition,
  object: Unstructured,
  before?: CachedObject,
): { readonly value: Uint8Array; readonly index: Uint8Array } {
  const { resourceVersion: _dropped, ...metadata } = object.metadata ?? {};
  const bare = { ...object, metadata } as Unstructured;
  const value = definition.typed
    ? encodeTyped(definition, bare, before)
    : encodeUnstructured({ ...bare, apiVersion: apiVersionOf(definition.storage.gvk) } as unknown as Json);
  return { value, index: indexOf(value, metadata.uid ?? "") };
}

function encodeTyped(
  { storage }: ResourceDefinition,
  bare: Unstructured,
  before: CachedObject | undefined,
): Uint8Array {
  const { gvk, schema } = storage;
  const stored = convert(bare, gvk, schema);
  const known = stored === bare ? before?.sharedTexts(bare) : undefined;
  return encodeJson(stored, schema, known === undefined || known.size === 0 ? {} : { known });
}

/** It could not be read again: patches put what is nested into what is nested. */
function tooDeep(levels: number): ApiError {
  return ApiError.requestEntityTooLarge(`the object would be nested ${levels} deep, limit is ${MOST_NESTED}`);
}

function tooLarge(bytes: number): ApiError {
  return ApiError.requestEntityTooLarge(`the object would have ${bytes} bytes, limit is ${MOST_BYTES}`);
}
