import type { Json } from "../object.ts";
import { jsonEqual } from "../patch/json-equal.ts";
import { isRecord } from "../patch/merge-patch.ts";
import type { ListSchema, MapSchema, ObjectSchema, Schema } from "../schema.ts";
import { type FieldSet, FieldSetBuilder } from "./field-set.ts";
import { fieldElement, listElement, type PathElement } from "./path.ts";
import { type JsonRecord, memberShape, shapeOf, zeroMember } from "./shape.ts";

/** How one object differs from another, as disjoint sets of paths. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** What changed from `before` to `after`; undefined stands for no object. Structs that came or went are paths too. */
export function compareObjects(
  schema: Schema | undefined,
  before: Json | undefined,
  after: Json | undefined,
): Comparison {
  const walker = new Comparer();
  walker.visit(schema, before, after, ROOT);
  return { added: walker.added.build(), modified: walker.modified.build(), removed: walker.removed.build() };
}

/** A comparison without the paths of `ignored` and below. */
export function withoutFields({ added, modified, removed }: Comparison, ignored: FieldSet): Comparison {
  return {
    added: added.recursiveDifference(ignored),
    modified: modified.recursiveDifference(ignored),
    removed: removed.recursiveDifference(ignored),
  };
}

/** The path to a node, as a chain of parents: most nodes are equal and need no path. */
interface Step {
  readonly parent: Step | undefined;
  readonly element: PathElement;
}

const ROOT: Step | undefined = undefined;

class Comparer {
  readonly added = new FieldSetBuilder();
  readonly modified = new FieldSetBuilder();
  readonly removed = new FieldSetBuilder();

  visit(schema: Schema | undefined, before: Json | undefined, after: Json | undefined, at: Step | undefined): void {
    if (before === after) return;
    if (before === undefined && at !== undefined) {
      this.#cameTo(schema, after!, at);
      return;
    }
    const [old, next] = [shapeOf(schema, before), shapeOf(schema, after)];
    const shape = after === undefined ? old : next;
    if (before !== undefined && after !== undefined && old.kind !== next.kind)
      this.#replaced(schema, before, after, at);
    else if (shape.kind === "leaf" || (isHollow(before) && isHollow(after))) this.#compareLeaf(before, after, at);
    else {
      if (shape.kind === "list") this.#visitList(shape.schema, before, after, at);
      else this.#visitMap(shape.schema, before, after, at);
      if (after === undefined) this.removed.insert(pathOf(at));
    }
  }

  /** All of it is added: there is nothing to compare with. */
  #cameTo(schema: Schema | undefined, after: Json, at: Step): void {
    const parent = this.added.below(pathOf(at.parent));
    parent.add(at.element);
    insertAll(schema, after, at.element, parent);
  }

  /** Of another type now: what was below is gone, what is below came. */
  #replaced(schema: Schema | undefined, before: Json, after: Json, at: Step | undefined): void {
    this.#compareLeaf(before, after, at);
    if (at === undefined || before === null) return;
    insertAll(schema, before, at.element, this.removed.below(pathOf(at.parent)));
    insertAll(schema, after, at.element, this.added.below(pathOf(at.parent)));
  }

  #compareLeaf(before: Json | undefined, after: Json | undefined, at: Step | undefined): void {
    if (after === undefined) this.removed.insert(pathOf(at));
    else if (!jsonEqual(before, after)) this.modified.insert(pathOf(at));
  }

  #visitMap(
    schema: ObjectSchema | MapSchema | undefined,
    before: Json | undefined,
    after: Json | undefined,
    at: Step | undefined,
  ): void {
    const [old, next] = [recordOf(before), recordOf(after)];
    for (const name of memberNames(schema, old, next)) {
      const was = memberOf(schema, old, name);
      const is = memberOf(schema, next, name);
      if (was === is) continue; // most are: no path, no shape
      this.visit(memberShape(schema, name)?.schema, was, is, { parent: at, element: fieldElement(name) });
    }
  }

  #visitList(schema: ListSchema, before: Json | undefined, after: Json | undefined, at: Step | undefined): void {
    const [old, next] = [indexItems(schema, before), indexItems(schema, after)];
    for (const element of new Set([...next.first.keys(), ...old.first.keys()])) {
      const step = { parent: at, element };
      if (old.repeated.has(element) || next.repeated.has(element))
        this.#visitRepeated(schema.items, itemsAt(old, element), itemsAt(next, element), step);
      else this.visit(schema.items, old.first.get(element), next.first.get(element), step);
    }
  }

  /** Items of one key, more than one before or after: they are owned as a whole. */
  #visitRepeated(schema: Schema, before: readonly Json[], after: readonly Json[], at: Step): void {
    if (before.length > 1 && after.length > 1) {
      if (!jsonEqual(before, after)) this.modified.insert(pathOf(at));
      return;
    }
    if (before.length > 1) {
      if (after.length > 0) this.visit(schema, undefined, after[0], at);
      this.removed.insert(pathOf(at));
      return;
    }
    if (before.length > 0) this.visit(schema, before[0], undefined, at);
    this.added.insert(pathOf(at));
  }
}

/** Inserts what lies below `element`, which is there already: every node, structs in between too. */
function insertAll(schema: Schema | undefined, value: Json, element: PathElement, parent: FieldSetBuilder): void {
  const shape = shapeOf(schema, value);
  if (shape.kind === "leaf" || isHollow(value)) return;
  const into = parent.at(element);
  if (shape.kind === "list") {
    const { first, repeated } = indexItems(shape.schema, value);
    for (const [each, item] of first) {
      into.add(each);
      if (!repeated.has(each)) insertAll(shape.schema.items, item, each, into);
    }
    return;
  }
  const record = recordOf(value);
  for (const name of memberNames(shape.schema, undefined, record)) {
    const member = memberOf(shape.schema, record, name);
    if (member === undefined) continue;
    const each = fieldElement(name);
    into.add(each);
    insertAll(memberShape(shape.schema, name)?.schema, member, each, into);
  }
}

/** Empty or null: two such lists or maps compare as leaves, which keeps the difference between empty and absent. */
function isHollow(value: Json | undefined): boolean {
  if (value === undefined || value === null) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function recordOf(value: Json | undefined): JsonRecord | undefined {
  return isRecord(value) ? value : undefined;
}

function memberNames(
  schema: ObjectSchema | MapSchema | undefined,
  old: JsonRecord | undefined,
  next: JsonRecord | undefined,
): Iterable<string> {
  if (old !== undefined && next !== undefined) {
    const names = Object.keys(next);
    for (const name of Object.keys(old)) if (!Object.hasOwn(next, name)) names.push(name);
    return names;
  }
  const present = next ?? old ?? {};
  const names = Object.keys(present);
  if (isTyped(schema)) for (const name of alwaysThere(schema)) if (!Object.hasOwn(present, name)) names.push(name);
  return names;
}

const namesAlwaysThere = new WeakMap<ObjectSchema, readonly string[]>();

/** Members that Go's structs print whether or not they are set. */
function alwaysThere(schema: ObjectSchema): readonly string[] {
  let names = namesAlwaysThere.get(schema);
  if (names === undefined) {
    names = [...schema.fields.values()].filter((field) => zeroMember(field) !== undefined).map(({ name }) => name);
    namesAlwaysThere.set(schema, names);
  }
  return names;
}

/** Custom resources are unstructured: what is absent is absent. */
function isTyped(schema: ObjectSchema | MapSchema | undefined): schema is ObjectSchema {
  return schema?.kind === "object" && schema.typeName !== "";
}

function memberOf(
  schema: ObjectSchema | MapSchema | undefined,
  record: JsonRecord | undefined,
  name: string,
): Json | undefined {
  if (record === undefined) return undefined;
  if (Object.hasOwn(record, name)) return record[name];
  const field = isTyped(schema) ? schema.fields.get(name) : undefined;
  return field === undefined ? undefined : zeroMember(field);
}

/** Items of a list by their keys. */
interface Items {
  readonly first: ReadonlyMap<PathElement, Json>;
  /** All of a key, where there are several. */
  readonly repeated: ReadonlyMap<PathElement, readonly Json[]>;
}

function indexItems(schema: ListSchema, list: Json | undefined): Items {
  const first = new Map<PathElement, Json>();
  const repeated = new Map<PathElement, Json[]>();
  for (const item of Array.isArray(list) ? (list as readonly Json[]) : []) {
    const element = listElement(schema, item);
    if (element === undefined) continue;
    const [one, several] = [first.get(element), repeated.get(element)];
    if (one === undefined) first.set(element, item);
    else if (several === undefined) repeated.set(element, [one, item]);
    else several.push(item);
  }
  return { first, repeated };
}

function itemsAt({ first, repeated }: Items, element: PathElement): readonly Json[] {
  const one = first.get(element);
  return repeated.get(element) ?? (one === undefined ? [] : [one]);
}

function pathOf(at: Step | undefined): PathElement[] {
  const path: PathElement[] = [];
  for (let step = at; step !== undefined; step = step.parent) path.push(step.element);
  return path.reverse();
}
