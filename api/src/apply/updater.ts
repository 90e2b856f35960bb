import type { Json } from "../object.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import { sharing } from "../patch/sharing.ts";
import type { Schema } from "../schema.ts";
import { type Comparison, compareObjects, withoutFields } from "./compare.ts";
import { extractFields } from "./extract-fields.ts";
import { FieldSet } from "./field-set.ts";
import { mergeObjects } from "./merge.ts";
import { fieldsOfNew } from "./new-fields.ts";
import { removeFields, withNamedParents } from "./remove-fields.ts";

/** What one manager owns: a set of paths of one apiVersion. */
export interface OwnedFields {
  readonly set: FieldSet;
  readonly apiVersion: string;
  /** By an apply, as opposed to an update. */
  readonly applied: boolean;
}

/** Owned fields by manager identifier. */
export type Managers = ReadonlyMap<string, OwnedFields>;

/** Schemas and conversion of one resource, for entries of managers that spoke another version of it. */
export interface Versions {
  schema(apiVersion: string): Schema | undefined;
  /** @returns undefined if the object cannot be had in that version (then its managers' entries are dropped). */
  convert(object: Json, apiVersion: string): Json | undefined;
  /** Paths that the endpoint resets and nobody gets to own through it, such as `status` at the main endpoint. */
  resetFields(apiVersion: string): FieldSet;
}

/** Fields of other managers that an apply would change, by manager identifier. */
export class FieldConflicts extends Error {
  readonly conflicts: ReadonlyMap<string, FieldSet>;

  constructor(conflicts: ReadonlyMap<string, FieldSet>) {
    super("Cannot apply: fields are owned by other managers, expected none of them to change");
    this.conflicts = conflicts;
  }
}

/** structured-merge-diff's Updater: who owns what after an update or an apply. Pure. */
export class Updater {
  readonly #versions: Versions;

  constructor(versions: Versions) {
    this.#versions = versions;
  }

  /** Whoever updates takes what changed from everybody else. */
  update(live: Json, next: Json, apiVersion: string, managers: Managers, manager: string): Managers {
    const { managers: others, comparison } = this.#settle(live, next, apiVersion, managers, manager, true);
    const mine = others.get(manager)?.set ?? FieldSet.empty;
    const set = mine
      .difference(comparison.removed)
      .union(comparison.modified)
      .union(comparison.added)
      .recursiveDifference(this.#versions.resetFields(apiVersion));
    return withManager(others, manager, { set, apiVersion, applied: false });
  }

  /** What the first manager of an object owns of it, but for `unowned`. */
  create(empty: Json, next: Json, apiVersion: string, unowned: FieldSet): OwnedFields {
    const resets = this.#versions.resetFields(apiVersion);
    const find = (): FieldSet => {
      const { modified, added } = this.#compare(empty, next, apiVersion, apiVersion)!;
      return modified.union(added).difference(unowned);
    };
    const schema = this.#versions.schema(apiVersion);
    const set = schema === undefined ? find() : fieldsOfNew(schema, next, resets, find);
    return { set, apiVersion, applied: false };
  }

  /**
   * Merges `applied` into `live`, removes what `manager` owned alone and no longer applies, and lets it own what it applied.
   * @throws {FieldConflicts} unless `force`, when a value of another manager would change.
   */
  apply(
    live: Json,
    applied: Json,
    apiVersion: string,
    managers: Managers,
    manager: string,
    force: boolean,
  ): { readonly object: Json; readonly managers: Managers; readonly changed: boolean } {
    const schema = this.#versions.schema(apiVersion);
    const last = managers.get(manager);
    const set = extractFields(schema, applied).recursiveDifference(this.#versions.resetFields(apiVersion));
    const claimed = new Map(managers).set(manager, { set, apiVersion, applied: true });
    const merged = mergeObjects(schema, live, applied)!;
    const object = sharing(this.#prune(merged, claimed, manager, last), live);
    const settled = this.#settle(live, object, apiVersion, claimed, manager, force).managers;
    return { object, managers: settled, changed: !jsonEqual(live, object) };
  }

  /** Takes changed fields from the other managers, or refuses to. */
  #settle(
    before: Json,
    after: Json,
    apiVersion: string,
    managers: Managers,
    manager: string,
    force: boolean,
  ): { readonly managers: Managers; readonly comparison: Comparison } {
    const comparisons = new Map<string, Comparison | undefined>();
    const compareIn = (version: string): Comparison | undefined => {
      if (!comparisons.has(version)) comparisons.set(version, this.#compare(before, after, version, apiVersion));
      return comparisons.get(version);
    };
    const changedIn = new Map<Comparison, FieldSet>();
    const changedBy = (changes: Comparison): FieldSet => {
      const known = changedIn.get(changes) ?? changes.modified.union(changes.added);
      changedIn.set(changes, known);
      return known;
    };
    const conflicts = new Map<string, FieldSet>();
    const settled = new Map<string, OwnedFields>();
    for (const [name, owned] of managers) {
      const changes = name === manager ? undefined : compareIn(owned.apiVersion);
      if (name !== manager && changes === undefined) continue; // a version that is no longer served
      const conflict = changes === undefined ? FieldSet.empty : owned.set.intersection(changedBy(changes));
      if (!conflict.isEmpty) conflicts.set(name, conflict);
      const set = changes === undefined ? owned.set : owned.set.difference(conflict).difference(changes.removed);
      if (!set.isEmpty) settled.set(name, { ...owned, set });
    }
    if (!force && conflicts.size > 0) throw new FieldConflicts(conflicts);
    return { managers: settled, comparison: compareIn(apiVersion)! };
  }

  #compare(before: Json, after: Json, version: string, current: string): Comparison | undefined {
    const [old, next] =
      version === current ? [before, after] : [before, after].map((one) => this.#versions.convert(one, version));
    if (old === undefined || next === undefined) return undefined;
    const comparison = compareObjects(this.#versions.schema(version), old, next);
    return withoutFields(comparison, this.#versions.resetFields(version));
  }

  /** Removes what the manager's last apply owned, this one leaves out, and nobody else owns. */
  #prune(merged: Json, managers: Managers, manager: string, last: OwnedFields | undefined): Json {
    if (last === undefined || last.set.isEmpty) return merged;
    const { apiVersion: current, set } = managers.get(manager)!;
    // who leaves nothing out has everything added back
    if (last.apiVersion === current && last.set.difference(set).isEmpty) return merged;
    const converted = last.apiVersion === current ? merged : this.#versions.convert(merged, last.apiVersion);
    if (converted === undefined) return merged;
    const kept = this.#pruneInVersion(converted, managers, last);
    return last.apiVersion === current ? kept : (this.#versions.convert(kept, current) ?? merged);
  }

  /** First everything that the last apply owned goes; then comes back what is owned, then what was never the manager's. */
  #pruneInVersion(merged: Json, managers: Managers, last: OwnedFields): Json {
    const schema = this.#versions.schema(last.apiVersion);
    const lastSet = withNamedParents(schema, last.set);
    let pruned: Json = removeFields(schema, merged, lastSet) ?? {};
    for (const [version, owned] of ownedByVersion(managers, last.apiVersion)) {
      pruned = this.#addBackOwned(merged, pruned, last.apiVersion, version, owned);
    }
    const gone = this.#namedFields(merged, last.apiVersion).difference(this.#namedFields(pruned, last.apiVersion));
    return removeFields(schema, merged, gone.intersection(lastSet)) ?? {};
  }

  /** `pruned` with what `owned`, a set of `version`, selects from `merged`; both are of `current`. */
  #addBackOwned(merged: Json, pruned: Json, current: string, version: string, owned: FieldSet): Json {
    const isCurrent = version === current;
    const whole = isCurrent ? merged : this.#versions.convert(merged, version);
    const part = isCurrent ? pruned : this.#versions.convert(pruned, version);
    if (whole === undefined || part === undefined) return pruned;
    const schema = this.#versions.schema(version);
    const kept = this.#namedFields(part, version).union(withNamedParents(schema, owned));
    const result = removeFields(schema, whole, this.#namedFields(whole, version).difference(kept)) ?? {};
    return isCurrent ? result : (this.#versions.convert(result, current) ?? pruned);
  }

  #namedFields(object: Json, version: string): FieldSet {
    const schema = this.#versions.schema(version);
    return withNamedParents(schema, extractFields(schema, object));
  }
}

/** What all managers own together, per version; `first` comes first, so that what it keeps can be converted. */
function ownedByVersion(managers: Managers, first: string): ReadonlyMap<string, FieldSet> {
  const owned = new Map<string, FieldSet>([[first, FieldSet.empty]]);
  for (const { apiVersion, set } of managers.values()) {
    owned.set(apiVersion, (owned.get(apiVersion) ?? FieldSet.empty).union(set));
  }
  if (owned.get(first)!.isEmpty) owned.delete(first);
  return owned;
}

function withManager(managers: Managers, name: string, owned: OwnedFields): Managers {
  const result = new Map(managers);
  if (owned.set.isEmpty) result.delete(name);
  else result.set(name, owned);
  return result;
}
