import {
  ApiError,
  applyDefaults,
  conformToGates,
  type FeatureGates,
  type FieldError,
  type FieldManager,
  fieldError,
  type GroupVersionKind,
  jsonEqual,
  type Unstructured,
  validateCreate,
  validateUpdate,
  warningsOf,
} from "@tsukube/api";
import type { ObjectMeta } from "@tsukube/api/types/meta-v1";
import type { Clock, Random } from "@tsukube/foundation";
import type { Admission } from "../admission/admission.ts";
import { settled } from "../authorization/awaited.ts";
import type { AdmissionRequest, RequestContext } from "../contracts.ts";
import { finalizerWarnings } from "../crd/finalizer-warnings.ts";
import { fieldManagerOf } from "../ownership/field-managers.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import { type CachedObject, deepFreeze, withRevision } from "../storage/cached-object.ts";
import { type Change, liesOtherwise, type ObjectStore, type Written } from "../storage/object-store.ts";
import { forCreate, forUpdate, placed } from "./object-meta.ts";
import { withDistinctOwners } from "./owner-references.ts";
import { confined } from "./partial-writes.ts";
import { withReadableManagers } from "./readable-managers.ts";
import { statusMetadata } from "./status-metadata.ts";
import { writeOptions } from "./write-options.ts";

export interface WriterDeps {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly admission: Admission;
  readonly gates: FeatureGates;
  /** How long an event is kept after it was written; 0: for ever. */
  readonly eventTtlMs: number;
  /** Gives an object what the server hands out, such as addresses. @throws {ApiError} when there is nothing left. */
  readonly allocate: (request: WriteRequest, object: Unstructured, old?: Unstructured) => Unstructured;
  /** What of an object its writer may not write, in words of validation. */
  readonly unrightful: (request: WriteRequest, next: Unstructured, live?: Unstructured) => readonly FieldError[];
  /** An update found nothing, and creates. @throws {ApiError} 403 to who may not. */
  readonly mustCreate: (context: RequestContext) => Promise<void>;
  /** An update was stored, or would be: of a dry run. */
  readonly written: (request: WriteRequest, before: Unstructured, after: Unstructured) => void;
  /** The request is over: what was allocated for it is stored by now, or is not going to be. */
  readonly release: (request: WriteRequest) => void;
}

/** How one write is meant. */
export interface WriteRequest {
  readonly context: RequestContext;
  readonly definition: ResourceDefinition;
  readonly namespace: string;
  readonly name: string;
  /** "" for the main endpoint. */
  readonly subresource: string;
  readonly dryRun: boolean;
  readonly fieldManager: string;
  /** Where the body has empty lists that the object does not have, see {@link FieldManager.update}. */
  readonly emptied?: readonly (readonly string[])[];
  /** What stands for the object at this subresource. */
  readonly view?: ObjectView;
}

/** Another kind that shows a part of an object, as a Scale does: the wanted one is made in it, and admission sees it. */
export interface ObjectView {
  readonly kind: GroupVersionKind;
  /** As a write begins: with who owns what is shown. */
  readonly begun: (live: Unstructured) => Unstructured;
  readonly shown: (object: Unstructured) => Unstructured;
  /** The object with what was admitted. @throws {ApiError} 409, 422. */
  readonly taken: (live: Unstructured, admitted: Unstructured) => Unstructured;
}

/**
 * Makes the wanted object from the live one; throws to refuse. Undefined: it is known to make the live one again, in the form in
 * which it was found to be right.
 */
export type MakeNext = (live: Unstructured, manager: FieldManager, cached: CachedObject) => Unstructured | undefined;

export interface Updated {
  readonly object: Unstructured;
  readonly created: boolean;
  /** What was there, when `make` made the same again: admission had no part in it. */
  readonly kept: CachedObject | undefined;
}

interface Prepared {
  /** Undefined: nothing changes. */
  readonly next: Unstructured | undefined;
  /** Admission changed nothing. */
  readonly isAsMade: boolean;
}

const TERMINATING = "create not allowed while custom resource definition is terminating";
const GENERATE_TRIES = 8;

/**
 * From "live object and request" to "stored object": one path for create, update, patch and apply. It knows no storage but
 * {@link ObjectStore.update}, which calls it again with the newest object on each conflict.
 */
export class Writer {
  readonly deps: WriterDeps;

  constructor(deps: WriterDeps) {
    this.deps = deps;
  }

  /** Stores a new object. @throws {ApiError} 409 when it exists, 422, 403. */
  async create(request: WriteRequest, body: Unstructured, track = true): Promise<Unstructured> {
    try {
      return this.#asRead(request, await this.#create(request, await this.#admitCreate(request, body, track)));
    } finally {
      this.deps.release(request);
    }
  }

  async #create(request: WriteRequest, admitted: Unstructured): Promise<Unstructured> {
    const isNamed = (admitted.metadata?.name ?? "") !== "";
    const generates = (admitted.metadata?.generateName ?? "") !== "";
    for (let tries = 1; ; tries += 1) {
      let object: Unstructured | undefined = await this.#prepareCreate(request, admitted);
      const name = object.metadata?.name ?? "";
      let isLeaving = false;
      const created = await this.#store(request, name, async (live) => {
        isLeaving = live?.metadata?.deletionTimestamp !== undefined;
        if (live !== undefined) return undefined;
        // asked again: another server was faster to take what the object was given, an address or a port
        const next = object ?? (await this.#prepareCreate(request, named(admitted, name)));
        object = undefined;
        return next;
      });
      if (created !== undefined) return created;
      if (!generates) throw ApiError.alreadyExists(request.definition, name, isLeaving);
      if (isNamed || tries === GENERATE_TRIES) throw ApiError.generateNameConflict(request.definition, name);
    }
  }

  /**
   * Changes an object. `make` sees the live one; undefined where it is absent is 404 unless `createFrom` is given.
   * @param retryable false: a conflict in between is the client's (it named a resourceVersion).
   */
  async update(
    request: WriteRequest,
    make: MakeNext,
    createFrom?: (manager: FieldManager) => Unstructured,
  ): Promise<Updated> {
    try {
      return await this.#update(request, make, createFrom);
    } finally {
      this.deps.release(request);
    }
  }

  async #update(
    request: WriteRequest,
    make: MakeNext,
    createFrom: ((manager: FieldManager) => Unstructured) | undefined,
  ): Promise<Updated> {
    const { definition, name } = request;
    let created = false;
    let kept: CachedObject | undefined;
    let before: Unstructured | undefined;
    const object = await this.#store(request, name, async (live, cached) => {
      created = live === undefined;
      before = live;
      kept = undefined;
      if (live !== undefined && cached !== undefined) {
        const { next, isAsMade } = await this.#prepareUpdate(request, live, cached, make);
        // what changes nothing is written all the same where it brings the object into today's form
        if (next !== undefined || liesOtherwise(definition, cached)) return next ?? live;
        if (isAsMade) kept = cached;
        return undefined;
      }
      if (createFrom === undefined) throw ApiError.notFound(definition, name);
      const admitted = await this.#admitCreate(request, createFrom(this.#manager(request)), false);
      return this.#prepareCreate(request, admitted, () => this.deps.mustCreate(request.context));
    });
    if (before !== undefined) this.deps.written(request, before, object!);
    return { object: created ? this.#asRead(request, object!) : object!, created, kept };
  }

  /** A new custom resource is stored without status, and read with what its schema puts there. */
  #asRead({ definition }: WriteRequest, created: Unstructured): Unstructured {
    if (definition.typed || !definition.strategy.status) return created;
    return this.#defaulted(definition, created, undefined);
  }

  /** @param complete Fills in defaults before an update is compared. */
  #manager(
    { definition, subresource }: WriteRequest,
    complete = (object: Unstructured): Unstructured => this.#defaulted(definition, object, undefined),
  ): FieldManager {
    return fieldManagerOf(definition, subresource, { registry: this.deps.registry, clock: this.deps.clock, complete });
  }

  /** What admission makes of an object, which stays in the namespace that was asked for. @throws {ApiError} 400. */
  async #admitted(
    { context, definition, namespace }: WriteRequest,
    attributes: AdmissionRequest,
  ): Promise<Unstructured | undefined> {
    const made = await this.deps.admission.mutate(attributes);
    if (made === undefined || made === attributes.object) return made;
    const readable = withReadableManagers(context, made, attributes.object);
    const admitted = withDistinctOwners(context, readable, "admission");
    return admitted.metadata?.namespace === namespace ? admitted : placed(admitted, definition, namespace, "");
  }

  /** What a client asked for, as admission lets it pass. */
  async #admitCreate(request: WriteRequest, body: Unstructured, track: boolean): Promise<Unstructured> {
    const { definition } = request;
    const manager = this.#manager(request, (given) => given);
    let object = this.#defaulted(definition, body, undefined);
    // nobody owns a generated name, nor what admission and the strategy put in
    if (track) object = manager.update(undefined, object, request.fieldManager, request.emptied);
    const admitted = await this.#admitted(request, this.#attributes(request, "CREATE", object, undefined));
    return admitted === undefined || admitted === object ? object : this.#defaulted(definition, admitted, undefined);
  }

  /** What is stored of an object that was admitted: it has identity now, a name, and defaults for what follows from both. */
  async #prepareCreate(
    request: WriteRequest,
    admitted: Unstructured,
    authorize: () => Promise<void> = async () => {},
  ): Promise<Unstructured> {
    const { definition, context } = request;
    const { strategy } = definition;
    const { clock, random, admission } = this.deps;
    if (definition.custom?.isTerminating === true)
      throw ApiError.forbidden(definition, admitted.metadata?.name ?? request.name, TERMINATING);
    let object = forCreate(admitted, clock, random, strategy.generation || !definition.typed);
    object = this.deps.allocate(request, object);
    if (strategy.status && strategy.createdWithStatus !== true) object = withoutStatus(object, definition);
    object = strategy.prepareForCreate?.(object, context, clock.now()) ?? object;
    if (strategy.checksWhole === true) object = this.#defaulted(definition, object, undefined);
    const made = object;
    const unrightful = definition.typed ? await settled(() => this.deps.unrightful(request, made)) : [];
    this.#refuse(
      definition,
      object.metadata?.name ?? "",
      definition.typed
        ? [
            ...unrightful,
            ...validateCreate(definition, object, this.deps.gates),
            ...(definition.proofs?.(object) ?? []),
          ]
        : (definition.custom?.validate(object, undefined, "") ?? []),
    );
    this.#warn(request, object, undefined);
    await authorize();
    await admission.validate(this.#attributes(request, "CREATE", object, undefined));
    // The store's own refusal upstream: who may not create the object hears that, not this.
    if (!request.dryRun && /^0*[1-9]\d*$/.test(admitted.metadata?.resourceVersion ?? ""))
      throw ApiError.unknown("resourceVersion should not be set on objects to be created");
    const isWhole = strategy.prepareForCreate === undefined || strategy.checksWhole === true;
    return isWhole ? object : this.#defaulted(definition, object, undefined);
  }

  async #prepareUpdate(
    request: WriteRequest,
    live: Unstructured,
    cached: CachedObject,
    make: MakeNext,
  ): Promise<Prepared> {
    const { definition, view } = request;
    let isComplete = view !== undefined;
    const manager = this.#manager(request, (object) => {
      isComplete = true;
      return this.#defaulted(definition, object, live);
    });
    const begun = view === undefined ? live : view.begun(live);
    const made = make(begun, manager, cached);
    const asked = made === undefined || isComplete ? made : this.#defaulted(definition, made, live);
    const whole = asked ?? live;
    const attributes = this.#attributes(request, "UPDATE", whole, begun);
    const admitted = (await this.#admitted(request, attributes)) ?? whole;
    const isAsMade = admitted === whole;
    const isKnown = asked === undefined && isAsMade;
    const taken = view === undefined ? admitted : view.taken(live, admitted);
    const next = isKnown
      ? live
      : await settled(() =>
          this.#changed(request, taken === whole ? whole : this.#defaulted(definition, taken, live), live),
        );
    const shown = view === undefined ? { object: next } : { object: view.shown(next), oldObject: view.shown(live) };
    await this.deps.admission.validate({ ...attributes, ...shown });
    if (isKnown) return { next: undefined, isAsMade };
    const stored = definition.strategy.prepareForUpdate === undefined ? next : this.#defaulted(definition, next, live);
    return { next: isSame(stored, live) ? undefined : stored, isAsMade };
  }

  /** What becomes of an update that was admitted. @throws {ApiError} 409, 422. */
  #changed(request: WriteRequest, asked: Unstructured, live: Unstructured): Unstructured {
    const { definition, subresource } = request;
    this.#checkIdentity(definition, live, asked);
    const next = this.#prepared(request, asked, live);
    const errors = definition.typed
      ? [
          ...this.deps.unrightful(request, next, live),
          ...validateUpdate(definition, next, live, subresource, this.deps.gates),
        ]
      : (definition.custom?.validate(next, live, subresource) ?? []);
    this.#refuse(definition, live.metadata?.name ?? "", errors);
    this.#warn(request, next, live, subresource);
    return next;
  }

  /** An update with what it cannot touch as it was, and what follows from it. */
  #prepared(request: WriteRequest, asked: Unstructured, live: Unstructured): Unstructured {
    const { definition, subresource } = request;
    const { strategy } = definition;
    let next = forUpdate(asked, live);
    if (subresource === "") next = this.deps.allocate(request, next, live);
    if (subresource === "status") next = statusOnly(definition, next, live);
    else if (subresource !== "") next = confined(subresource, next, live) ?? next;
    else if (strategy.status) next = withStatusOf(next, live);
    if (subresource === "status" || subresource === "approval")
      next = strategy.prepareForStatus?.(next, live, this.deps.clock.now(), request.emptied) ?? next;
    if (subresource === "") next = strategy.prepareForUpdate?.(next, live) ?? next;
    const counts = subresource !== "status" && (strategy.generation || !definition.typed);
    return counts ? counted(definition, next, live) : next;
  }

  /** Optimistic concurrency: the resourceVersion that the client saw must be the live one. */
  #checkIdentity(definition: ResourceDefinition, live: Unstructured, next: Unstructured): void {
    const name = live.metadata?.name ?? "";
    const seen = next.metadata?.resourceVersion ?? "";
    if (seen === "" || seen === "0") {
      if (definition.strategy.unconditionalUpdate) return;
      throw ApiError.invalid({ group: definition.group, kind: definition.resource }, name, [
        fieldError.invalid("metadata.resourceVersion", 0, "must be specified for an update"),
      ]);
    }
    if (!/^\d+$/.test(seen)) {
      throw ApiError.unknown(`strconv.ParseUint: parsing ${JSON.stringify(seen)}: invalid syntax`);
    }
    if (seen !== live.metadata?.resourceVersion) throw ApiError.modified(definition, name);
  }

  #defaulted(definition: ResourceDefinition, object: Unstructured, live: Unstructured | undefined): Unstructured {
    if (!definition.typed) return definition.custom?.complete(object).object ?? object;
    const whole = applyDefaults(definition, object);
    deepFreeze(whole); // as it will be stored: what has its defaults is known from now on
    const complete = definition.strategy.complete?.(whole, this.deps.clock.now()) ?? whole;
    return conformToGates(definition, complete, this.deps.gates, live);
  }

  #warn(
    { definition, context }: WriteRequest,
    object: Unstructured,
    old: Unstructured | undefined,
    subresource = "",
  ): void {
    const own = definition.typed ? warningsOf(definition, object, old, subresource) : finalizerWarnings(object, old);
    const { notice } = definition;
    const others =
      subresource === "" ? [...(notice === undefined ? [] : [notice]), ...(definition.warnings?.(object) ?? [])] : [];
    for (const text of [...own, ...others]) context.warn(text);
  }

  #refuse(definition: ResourceDefinition, name: string, errors: ReturnType<typeof validateCreate>): void {
    if (errors.length === 0) return;
    // both groups of events have one type upstream, which is core's
    throw ApiError.invalid(definition.kind === "Event" ? { group: "", kind: "Event" } : definition, name, errors);
  }

  #attributes(
    request: WriteRequest,
    operation: "CREATE" | "UPDATE",
    object: Unstructured,
    oldObject: Unstructured | undefined,
  ): AdmissionRequest {
    const { context, definition, subresource, dryRun, view } = request;
    const name = object.metadata?.name ?? request.name;
    // a new namespace is shown as one within itself
    const namespace = operation === "CREATE" && isNamespace(definition) ? name : request.namespace;
    return {
      context,
      operation,
      resource: definition,
      kind: view?.kind ?? { group: definition.group, version: definition.version, kind: definition.kind },
      subresource,
      namespace,
      name,
      object,
      oldObject,
      options: writeOptions(operation, context.info.query, dryRun),
      dryRun,
    };
  }

  /** Stores what `make` returns; undefined from it: nothing changes. @returns the object as stored, undefined when there is none. */
  async #store(
    request: WriteRequest,
    name: string,
    make: (live: Unstructured | undefined, cached: CachedObject | undefined) => Promise<Unstructured | undefined>,
  ): Promise<Unstructured | undefined> {
    const { context, definition, namespace, dryRun } = request;
    const { store } = this.deps;
    const key = store.keyOf(definition, namespace, name);
    let untouched = false;
    let dry: Unstructured | undefined;
    let last: Unstructured | undefined;
    const decide = async (live: Unstructured | undefined, cached: CachedObject | undefined): Promise<Change> => {
      const next = await make(live, cached);
      untouched = next === undefined;
      if (next === undefined) return { type: "none" };
      if (dryRun) {
        const seen = await store.asStored(definition, next);
        dry = live === undefined ? seen : withRevision(seen, Number(live.metadata?.resourceVersion ?? 0));
        return { type: "none" };
      }
      // the last finalizer of a deleted object is gone: so is the object
      const isGone = live?.metadata?.deletionTimestamp !== undefined && (next.metadata?.finalizers ?? []).length === 0;
      const grace = next.metadata?.deletionGracePeriodSeconds ?? 0;
      if (isGone && grace === 0 && !holdsContent(definition, next)) {
        last = next;
        return { type: "delete" };
      }
      const { eventTtlMs, clock } = this.deps;
      const ends = eventTtlMs > 0 && definition.kind === "Event" && definition.custom === undefined;
      const patienceMs = live && definition.strategy.patience?.(next, live);
      return {
        ...{ type: "put", object: next },
        ...(ends && { expiresAt: clock.now() + eventTtlMs }),
        ...(patienceMs !== undefined && { patienceMs }),
      };
    };
    const written: Written | undefined = await store.update(definition, key, decide, context.time);
    if (dry !== undefined) return dry;
    if (last !== undefined) return last;
    if (untouched && definition !== undefined && written !== undefined && request.name === "") return undefined;
    return written?.object;
  }
}

function named(body: Unstructured, name: string): Unstructured {
  return { ...body, metadata: { ...body.metadata, name } };
}

function isNamespace({ group, resource }: ResourceDefinition): boolean {
  return group === "" && resource === "namespaces";
}

/** A namespace stays until its controller has emptied it (spec.finalizers). */
function holdsContent(definition: ResourceDefinition, object: Unstructured): boolean {
  if (!isNamespace(definition)) return false;
  return ((object["spec"] as { finalizers?: readonly string[] } | undefined)?.finalizers ?? []).length > 0;
}

function withoutStatus(object: Unstructured, definition: ResourceDefinition): Unstructured {
  if (object["status"] === undefined) return object;
  const { status: _status, ...rest } = object;
  const isAlways = definition.typed && definition.schema.fields.get("status")?.pointer === false;
  return isAlways ? { ...rest, status: {} } : (rest as Unstructured);
}

/** The main endpoint leaves status alone. */
function withStatusOf(next: Unstructured, live: Unstructured): Unstructured {
  const { status: _status, ...rest } = next;
  return live["status"] === undefined ? (rest as Unstructured) : { ...rest, status: live["status"] };
}

/** The status endpoint leaves everything else alone, but for metadata that controllers may note there. */
function statusOnly(definition: ResourceDefinition, next: Unstructured, live: Unstructured): Unstructured {
  const metadata = statusMetadata(definition, next, live);
  if (next["status"] !== undefined) return { ...live, metadata, status: next["status"] };
  const { status: _status, ...rest } = live;
  return definition.typed ? { ...live, metadata } : ({ ...rest, metadata } as Unstructured);
}

/** One generation more when anything but metadata and status changed, and annotations where they count. */
export function counted({ strategy }: ResourceDefinition, next: Unstructured, live: Unstructured): Unstructured {
  const wanted = (object: Unstructured): unknown => {
    const { metadata, status: _status, ...rest } = object;
    return strategy.annotationsCount === true ? { rest, annotations: metadata?.annotations ?? {} } : rest;
  };
  if (jsonEqual(wanted(next), wanted(live))) return next;
  return { ...next, metadata: { ...next.metadata, generation: (live.metadata?.generation ?? 0) + 1 } };
}

/** Equal but for times in managedFields: a write that changes nothing is none. */
function isSame(next: Unstructured, live: Unstructured): boolean {
  const [{ metadata, ...rest }, { metadata: before, ...restBefore }] = [next, live];
  return jsonEqual(rest, restBefore) && jsonEqual(comparable(metadata), comparable(before));
}

function comparable({ managedFields, resourceVersion: _revision, ...metadata }: ObjectMeta = {}): unknown {
  return { ...metadata, managed: (managedFields ?? []).map(({ time: _time, ...entry }) => entry) };
}
