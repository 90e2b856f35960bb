import type { Json } from "../object.ts";
import { isRecord } from "../patch/merge-patch.ts";
import { canonicalElement, isPathElement, type PathElement } from "./path.ts";

/** The set that a FieldsV1 object stands for, where that is known. */
const parsed = new WeakMap<object, FieldSet>();

const NOTHING: Json = Object.freeze({});

/** A path from the root of an object. */
export type FieldPath = readonly PathElement[];

/**
 * An immutable set of field paths, as structured-merge-diff's fieldpath.Set: a path can be a member whether or not longer
 * paths are. Its serialised form is FieldsV1.
 */
export class FieldSet {
  /** Elements that end a path here. */
  readonly members: ReadonlySet<PathElement>;
  /** Elements that paths go on from; never an empty set. */
  readonly children: ReadonlyMap<PathElement, FieldSet>;

  /** FieldsV1 once made or read: most entries pass through a write unchanged. */
  #serialised: { readonly [key: string]: Json } | undefined;

  static readonly empty: FieldSet = new FieldSet(new Set(), new Map());

  constructor(members: ReadonlySet<PathElement>, children: ReadonlyMap<PathElement, FieldSet>) {
    this.members = members;
    this.children = children;
  }

  static of(...paths: readonly FieldPath[]): FieldSet {
    const builder = new FieldSetBuilder();
    for (const path of paths) builder.insert(path);
    return builder.build();
  }

  /** Reads FieldsV1; unknown keys are skipped. Nothing is read twice: objects are frozen once stored. */
  static parse(fields: Json | undefined): FieldSet {
    if (!isRecord(fields)) return FieldSet.empty;
    let set = parsed.get(fields);
    if (set === undefined) {
      set = parseNode(fields);
      set.#serialised = fields;
      parsed.set(fields, set);
    }
    return set;
  }

  get isEmpty(): boolean {
    return this.members.size === 0 && this.children.size === 0;
  }

  has(path: FieldPath): boolean {
    const [head, ...rest] = path;
    if (head === undefined) return false;
    return rest.length === 0 ? this.members.has(head) : (this.children.get(head)?.has(rest) ?? false);
  }

  /** The paths below `element`, without it. */
  child(element: PathElement): FieldSet {
    return this.children.get(element) ?? FieldSet.empty;
  }

  /** Itself when nothing comes, so that an unchanged entry keeps its serialised form. */
  union(other: FieldSet): FieldSet {
    if (this.isEmpty) return other;
    if (other.isEmpty) return this;
    let children: Map<PathElement, FieldSet> | undefined;
    for (const [element, theirs] of other.children) {
      const mine = this.children.get(element);
      const both = mine === undefined ? theirs : mine.union(theirs);
      if (both !== mine) (children ??= new Map(this.children)).set(element, both);
    }
    const hasAll = other.members.isSubsetOf(this.members);
    if (hasAll && children === undefined) return this;
    return new FieldSet(hasAll ? this.members : this.members.union(other.members), children ?? this.children);
  }

  intersection(other: FieldSet): FieldSet {
    if (this.isEmpty || other.isEmpty) return FieldSet.empty;
    if (other.children.size < this.children.size) return other.intersection(this);
    const children = new Map<PathElement, FieldSet>();
    for (const [element, set] of this.children) {
      const theirs = other.children.get(element);
      const both = theirs === undefined ? FieldSet.empty : set.intersection(theirs);
      if (!both.isEmpty) children.set(element, both);
    }
    return new FieldSet(this.members.intersection(other.members), children);
  }

  /**
   * Without the members of `other`; longer paths below such a member stay. Itself when nothing goes, so that unchanged entries
   * keep their serialised form; costs what `other` has.
   */
  difference(other: FieldSet): FieldSet {
    let children: Map<PathElement, FieldSet> | undefined;
    for (const [element, theirs] of other.children) {
      const mine = this.children.get(element);
      const left = mine?.difference(theirs);
      if (left !== mine) children = replaced(children ?? new Map(this.children), element, left);
    }
    return this.#reduced(other.members, children);
  }

  /** Without the members of `other` and everything below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    let children: Map<PathElement, FieldSet> | undefined;
    for (const [element, theirs] of other.children) {
      const mine = this.children.get(element);
      const left = mine?.recursiveDifference(theirs);
      if (left !== mine) children = replaced(children ?? new Map(this.children), element, left);
    }
    for (const element of other.members) {
      if ((children ?? this.children).has(element)) (children ??= new Map(this.children)).delete(element);
    }
    return this.#reduced(other.members, children);
  }

  #reduced(gone: ReadonlySet<PathElement>, children: ReadonlyMap<PathElement, FieldSet> = this.children): FieldSet {
    if (!gone.isDisjointFrom(this.members)) return new FieldSet(this.members.difference(gone), children);
    return children === this.children ? this : new FieldSet(this.members, children);
  }

  /** Only the members that are not a prefix of another path. */
  leaves(): FieldSet {
    const members = new Set([...this.members].filter((element) => !this.children.has(element)));
    return new FieldSet(
      members,
      mapChildren(this.children, (set) => set.leaves()),
    );
  }

  equals(other: FieldSet): boolean {
    if (this === other) return true;
    return (
      this.members.size === other.members.size &&
      this.children.size === other.children.size &&
      this.members.isSubsetOf(other.members) &&
      [...this.children].every(([element, set]) => other.children.get(element)?.equals(set) ?? false)
    );
  }

  /** All paths, parents before children, elements in byte order. */
  *paths(prefix: FieldPath = []): Iterable<FieldPath> {
    for (const element of this.#elements()) {
      const path = [...prefix, element];
      if (this.members.has(element)) yield path;
      yield* this.child(element).paths(path);
    }
  }

  /** The FieldsV1 object, members in byte order; that which was read, if the set was read, else frozen. */
  toFieldsV1(): { readonly [key: string]: Json } {
    if (this.#serialised === undefined) {
      this.#serialised = this.#serialise();
      parsed.set(this.#serialised, this);
    }
    return this.#serialised;
  }

  #serialise(): { readonly [key: string]: Json } {
    const fields: Record<string, Json> = {};
    for (const element of this.#elements()) {
      const below = this.child(element).toFieldsV1();
      const both = this.members.has(element) && this.children.has(element);
      fields[element] = both ? Object.freeze({ ".": NOTHING, ...below }) : below; // elements have a colon: none is __proto__
    }
    return Object.freeze(fields);
  }

  #elements(): readonly PathElement[] {
    const elements = [...this.members];
    for (const element of this.children.keys()) if (!this.members.has(element)) elements.push(element);
    return elements.length > 1 ? elements.sort() : elements;
  }
}

function replaced(
  children: Map<PathElement, FieldSet>,
  element: PathElement,
  set: FieldSet | undefined,
): Map<PathElement, FieldSet> {
  if (set === undefined || set.isEmpty) children.delete(element);
  else children.set(element, set);
  return children;
}

function mapChildren(
  children: ReadonlyMap<PathElement, FieldSet>,
  change: (set: FieldSet, element: PathElement) => FieldSet,
): ReadonlyMap<PathElement, FieldSet> {
  const result = new Map<PathElement, FieldSet>();
  for (const [element, set] of children) {
    const changed = change(set, element);
    if (!changed.isEmpty) result.set(element, changed);
  }
  return result;
}

/** Elements of sorts that are not known are skipped, with what is below them; null is as an empty object. */
function parseNode(fields: { readonly [key: string]: Json }): FieldSet {
  const members = new Set<PathElement>();
  const children = new Map<PathElement, FieldSet>();
  for (const [element, below] of Object.entries(fields)) {
    if (!isPathElement(element) || !(isRecord(below) || below === null)) continue;
    const set = below === null ? FieldSet.empty : parseNode(below);
    if (!set.isEmpty) children.set(element, set);
    if (set.isEmpty || Object.hasOwn(below ?? {}, ".")) members.add(element);
  }
  return new FieldSet(members, children);
}

/** FieldsV1 as somebody wrote it, frozen in the form in which it is written here; undefined: it is none. */
export function canonicalFields(fields: Json | undefined): { readonly [key: string]: Json } | undefined {
  if (fields === undefined || fields === null) return {};
  if (!isRecord(fields)) return undefined;
  const canonical: Record<string, Json> = {};
  for (const [element, below] of Object.entries(fields)) {
    if (element === ".") continue;
    if (element[1] !== ":") return undefined;
    if (!isPathElement(element)) continue;
    const name = canonicalElement(element);
    const inner = canonicalFields(below);
    if (name === undefined || inner === undefined) return undefined;
    canonical[name] =
      isRecord(below) && Object.hasOwn(below, ".") && Object.keys(inner).length > 0
        ? Object.freeze({ ".": NOTHING, ...inner })
        : inner;
  }
  return Object.freeze(Object.fromEntries(Object.entries(canonical).sort(([a], [b]) => (a < b ? -1 : 1))));
}

/** Collects paths; building is linear where repeated unions would copy. */
export class FieldSetBuilder {
  readonly #members = new Set<PathElement>();
  readonly #children = new Map<PathElement, FieldSetBuilder>();

  /** The root itself is no member. */
  insert(path: FieldPath): void {
    if (path.length > 0) this.below(path.slice(0, -1)).add(path.at(-1)!);
  }

  /** The builder of the paths below a path. */
  below(path: FieldPath): FieldSetBuilder {
    let node: FieldSetBuilder = this;
    for (const element of path) node = node.at(element);
    return node;
  }

  /** The builder of the paths below `element`. */
  at(element: PathElement): FieldSetBuilder {
    let child = this.#children.get(element);
    if (child === undefined) this.#children.set(element, (child = new FieldSetBuilder()));
    return child;
  }

  add(element: PathElement): void {
    this.#members.add(element);
  }

  build(): FieldSet {
    const children = new Map<PathElement, FieldSet>();
    for (const [element, builder] of this.#children) {
      const set = builder.build();
      if (!set.isEmpty) children.set(element, set);
    }
    return new FieldSet(this.#members, children);
  }
}
