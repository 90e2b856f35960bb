import { formatTime } from "@tsukube/foundation";
import type { ManagedFieldsEntry, ObjectMeta } from "../../generated/types/meta-v1.ts";
import type { Json, Unstructured } from "../object.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import { isRecord } from "../patch/merge-patch.ts";
import { ApiError } from "../status/api-error.ts";
import { conflictError } from "./conflict-message.ts";
import { extractFieldsStrictly } from "./extract-fields.ts";
import { FieldSet } from "./field-set.ts";
import { allowedByLastApplied, refreshLastApplied } from "./last-applied.ts";
import {
  capUpdaters,
  decodeManagedFields,
  decodeSentFields,
  encodeManagedFields,
  isReset,
  type Managed,
  managerId,
  NO_MANAGERS,
  type Operation,
} from "./managed-fields.ts";
import { fieldElement } from "./path.ts";
import { FieldConflicts, type Managers, Updater, type Versions } from "./updater.ts";

/** What one endpoint's field manager needs to know. */
export interface FieldManagerOptions {
  /** The version that requests of this endpoint speak, such as "apps/v1". */
  readonly apiVersion: string;
  readonly kind: string;
  /** "" for the main endpoint. */
  readonly subresource: string;
  readonly versions: Versions;
  /** Wall-clock time in ms since the epoch, for `time` of entries. */
  readonly clock: { now(): number };
  /** Fills in defaults: an update is compared as it will be stored. */
  complete?(object: Unstructured): Unstructured;
}

const SELF = "current-operation";
const BEFORE_FIRST_APPLY = "before-first-apply";
const KUBECTL = "kubectl";

/** Nobody owns what identifies an object or what the server writes. */
const STRIPPED = FieldSet.of(
  ...["apiVersion", "kind", "metadata"].map((name) => [fieldElement(name)]),
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => [fieldElement("metadata"), fieldElement(name)]),
);

/**
 * Keeps `metadata.managedFields` of the objects that pass one endpoint (KEP-555). Stateless; objects are plain decoded values
 * of the endpoint's version and are never changed.
 */
export class FieldManager {
  readonly #options: FieldManagerOptions;
  readonly #updater: Updater;

  constructor(options: FieldManagerOptions) {
    this.#options = options;
    this.#updater = new Updater(options.versions);
  }

  /**
   * `next` with managedFields after a create (`live` undefined), update or patch by `manager`. Fields that changed become
   * the manager's. An object that had no managedFields stays without until its first apply.
   * @param emptied Paths at which an empty list or map was sent, which `next` has as null or not at all.
   */
  update(
    live: Unstructured | undefined,
    next: Unstructured,
    manager: string,
    emptied: readonly (readonly string[])[] = [],
  ): Unstructured {
    const managed = this.#decodeLiveOrNew(live, next);
    const bare = withManagedFields(this.#options.complete?.(next) ?? next, []);
    if (managed === undefined) return withManagedFields(bare, live?.metadata?.managedFields ?? []);
    if (managed.managers.size === 0 && (live?.metadata?.uid ?? "") !== "") return bare;
    const sent = emptied.reduce(withEmptyAt, bare);
    return withManagedFields(bare, encodeManagedFields(this.#recordUpdate(live, sent, managed, manager)));
  }

  /**
   * The object after a server-side apply of `patch`; `live` undefined creates it. The result still wants defaulting.
   * @throws {ApiError} 409 with causes FieldManagerConflict unless `force`; 400 for a patch of another version or kind or
   * with managedFields; 500 (as upstream) for fields that the schema does not have.
   */
  apply(live: Unstructured | undefined, patch: Unstructured, manager: string, force: boolean): Unstructured {
    this.#checkPatch(patch);
    const managed = decodeManagedFields(live?.metadata?.managedFields);
    if (managed === undefined) throw ApiError.unknown("failed to decode managed fields");
    if (manager !== KUBECTL) return this.#apply(live, patch, managed, manager, force);
    const applied = this.#applyAsKubectl(live, patch, managed, force);
    return refreshLastApplied(applied, patch);
  }

  #checkPatch(patch: Unstructured): void {
    const { apiVersion, kind, versions } = this.#options;
    if (patch.kind !== kind || patch.apiVersion !== apiVersion) {
      const type = `${groupVersionText(patch.apiVersion)}, Kind=${patch.kind ?? ""}`;
      throw ApiError.badRequest(`invalid object type: ${type}`);
    }
    if (hasManagers(patch)) throw ApiError.badRequest("metadata.managedFields must be nil");
    const schema = versions.schema(apiVersion);
    const errors = schema === undefined ? [] : extractFieldsStrictly(schema, patch as Json).errors;
    if (errors.length === 0) return;
    const what = `${patch.metadata?.namespace ?? ""}/${patch.metadata?.name ?? ""}; ${groupVersionText(apiVersion)}, Kind=${kind}`;
    const why = errors.length === 1 ? errors[0] : `errors:\n${errors.map((error) => `  ${error}`).join("\n")}`;
    throw ApiError.unknown(`failed to create typed patch object (${what}): ${why}`);
  }

  /** kubectl may take what its own client-side apply set before, without force. */
  #applyAsKubectl(live: Unstructured | undefined, patch: Unstructured, managed: Managed, force: boolean): Unstructured {
    try {
      return this.#apply(live, patch, managed, KUBECTL, force, (error) => error);
    } catch (error) {
      if (!(error instanceof FieldConflicts)) throw error;
      const allowed = allowedByLastApplied(live, this.#options.apiVersion, this.#options.versions);
      const left = new Map(
        [...error.conflicts]
          .map(([id, set]) => [id, set.difference(allowed)] as const)
          .filter(([, set]) => !set.isEmpty),
      );
      if (left.size > 0) throw conflictError(new FieldConflicts(left));
      return this.#apply(live, patch, managed, KUBECTL, true);
    }
  }

  #apply(
    live: Unstructured | undefined,
    patch: Unstructured,
    managed: Managed,
    manager: string,
    force: boolean,
    explain: (conflicts: FieldConflicts) => Error = conflictError,
  ): Unstructured {
    const { apiVersion } = this.#options;
    const tracked = this.#trackExisting(live, managed);
    const id = this.#identify(manager, "Apply");
    const before = withManagedFields(live ?? this.#emptyObject(), []) as Json;
    try {
      const { object, managers, changed } = this.#updater.apply(
        before,
        patch as Json,
        apiVersion,
        tracked.managers,
        id,
        force,
      );
      const stripped = strip(managers, id);
      const times = changed ? new Map(tracked.times).set(id, this.#now()) : tracked.times;
      return withManagedFields(object as Unstructured, encodeManagedFields({ managers: stripped, times }));
    } catch (error) {
      throw error instanceof FieldConflicts ? explain(error) : error;
    }
  }

  /** An object that was not tracked belongs to "before-first-apply" from its first apply on. */
  #trackExisting(live: Unstructured | undefined, managed: Managed): Managed {
    if (live === undefined || managed.managers.size > 0) return managed;
    return this.#recordUpdate(undefined, withManagedFields(live, []), NO_MANAGERS, BEFORE_FIRST_APPLY);
  }

  #recordUpdate(live: Unstructured | undefined, next: Unstructured, managed: Managed, manager: string): Managed {
    if (live === undefined && managed.managers.size === 0) return this.#recordCreate(next, manager);
    const { apiVersion } = this.#options;
    const old = withManagedFields(live ?? this.#emptyObject(), []) as Json;
    const updated = this.#updater.update(old, next as Json, apiVersion, managed.managers, SELF);
    const stripped = new Map(strip(updated, SELF));
    const taken = stripped.get(SELF);
    stripped.delete(SELF);
    if (taken === undefined) return capUpdaters({ managers: stripped, times: managed.times });
    const id = this.#identify(manager, "Update");
    const set = stripped.get(id)?.set.union(taken.set) ?? taken.set;
    const before = managed.managers.get(id);
    // who changes its own fields owns what it did: in the form that is written already
    stripped.set(id, before?.set.equals(set) === true ? before : { ...taken, set });
    return capUpdaters({ managers: stripped, times: new Map(managed.times).set(id, this.#now()) });
  }

  #recordCreate(next: Unstructured, manager: string): Managed {
    const { apiVersion } = this.#options;
    const owned = this.#updater.create(this.#emptyObject() as Json, next as Json, apiVersion, STRIPPED);
    if (owned.set.isEmpty) return NO_MANAGERS;
    const id = this.#identify(manager, "Update");
    return { managers: new Map([[id, owned]]), times: new Map([[id, this.#now()]]) };
  }

  /**
   * Clients may edit managedFields, but not through a subresource; who sends none means the live ones.
   * @returns undefined if nothing can be compared in a version that an entry has: who owns what stays as it is.
   */
  #decodeLiveOrNew(live: Unstructured | undefined, next: Unstructured): Managed | undefined {
    const fromLive = (): Managed => decodeManagedFields(live?.metadata?.managedFields) ?? NO_MANAGERS;
    if (this.#options.subresource !== "") return fromLive();
    const entries = next.metadata?.managedFields;
    if (isReset(entries) && (entries?.length !== 0 || !this.#isCustom())) return NO_MANAGERS;
    if (live !== undefined && jsonEqual(entries as Json, live.metadata?.managedFields as Json)) return fromLive();
    const decoded = decodeSentFields(entries);
    if (decoded !== undefined && entries?.some(({ apiVersion = "" }) => apiVersion.split("/").length > 2))
      return undefined;
    return decoded === undefined || decoded.managers.size === 0 ? fromLive() : decoded;
  }

  /** Of custom resources an empty list of managers is as none. */
  #isCustom(): boolean {
    const { versions, apiVersion } = this.#options;
    const schema = versions.schema(apiVersion);
    return schema?.kind !== "object" || schema.typeName === "";
  }

  #identify(manager: string, operation: Operation): string {
    const { apiVersion, subresource } = this.#options;
    return managerId({ manager: manager === "" ? "unknown" : manager, operation, apiVersion, subresource });
  }

  #emptyObject(): Unstructured {
    return { apiVersion: this.#options.apiVersion, kind: this.#options.kind };
  }

  #now(): string {
    return formatTime(this.#options.clock.now());
  }
}

/** The object with an empty list where it has null. */
function withEmptyAt(object: Unstructured, [name, ...rest]: readonly string[]): Unstructured {
  const tree = object as unknown as Readonly<Record<string, unknown>>;
  const member = name === undefined ? undefined : tree[name];
  if (name === undefined || member === undefined) return object;
  if (rest.length === 0) return member === null ? ({ ...tree, [name]: [] } as unknown as Unstructured) : object;
  return isRecord(member as never) ? ({ ...tree, [name]: withEmptyAt(member as Unstructured, rest) } as never) : object;
}

/** A list of entries, also an empty one. */
function hasManagers({ metadata }: Unstructured): boolean {
  const entries: unknown = metadata?.managedFields;
  return Array.isArray(entries) && entries.every((entry) => isRecord(entry));
}

function strip(managers: Managers, id: string): Managers {
  const owned = managers.get(id);
  if (owned === undefined) return managers;
  const result = new Map(managers);
  const set = owned.set.difference(STRIPPED);
  if (set.isEmpty) result.delete(id);
  else result.set(id, { ...owned, set });
  return result;
}

/** The object with these entries; an empty list removes the member. */
function withManagedFields(object: Unstructured, entries: readonly ManagedFieldsEntry[]): Unstructured {
  if (entries.length === 0 && object.metadata?.managedFields === undefined) return object;
  const { managedFields: _old, ...rest } = object.metadata ?? {};
  const metadata: ObjectMeta = entries.length === 0 ? rest : { ...rest, managedFields: entries };
  return { ...object, metadata };
}

/** As Go prints a GroupVersion: "apps/v1", "/v1", "/". */
function groupVersionText(apiVersion: string | undefined): string {
  return apiVersion?.includes("/") === true ? apiVersion : `/${apiVersion ?? ""}`;
}
