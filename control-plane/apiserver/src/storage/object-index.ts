import { Tree } from "@tsukube/store";
import type { CachedObject } from "./cached-object.ts";

/** Something that objects of a kind have at most one value of: a label, or a field. */
export interface Attribute {
  /** Tells attributes of one kind apart, such as "label app" or "field spec.nodeName". */
  readonly name: string;
  valueOf(cached: CachedObject): string | undefined;
}

/** Indexes of one kind; the one that was not used for longest goes. A write costs a step in each. */
const MOST_INDEXES = 16;
/** Below so many objects, looking at each is as quick. */
const FEWEST_OBJECTS = 64;

type Index = Map<string, Tree<CachedObject>>;

interface Kept {
  readonly attribute: Attribute;
  readonly index: Index;
}

/**
 * Which objects have which value of an attribute, always as of the newest state. An index is made when it is first asked for
 * and follows every change from then on.
 */
export class ObjectIndexes {
  /** By the prefix of a kind, then by attribute; the one used last stands last. */
  readonly #kinds = new Map<string, Map<string, Kept>>();

  /**
   * Sets of objects that together hold all that have one of the values; undefined: look at all of them.
   * @param prefix Of a whole kind, such as "/registry/pods/".
   * @param head The newest state.
   */
  find(
    head: Tree<CachedObject>,
    prefix: string,
    attribute: Attribute,
    values: readonly string[],
  ): readonly Tree<CachedObject>[] | undefined {
    const index = this.#kinds.get(prefix)?.get(attribute.name)?.index ?? this.#make(head, prefix, attribute);
    if (index === undefined) return undefined;
    this.#use(prefix, attribute.name);
    return values.map((value) => index.get(value)).filter((tree) => tree !== undefined);
  }

  /** An object is another from now on. */
  change(key: string, previous: CachedObject | undefined, current: CachedObject | undefined): void {
    if (this.#kinds.size === 0) return;
    for (let at = key.indexOf("/", 1); at > 0; at = key.indexOf("/", at + 1)) {
      const kind = this.#kinds.get(key.slice(0, at + 1));
      if (kind === undefined) continue;
      for (const { attribute, index } of kind.values()) move(index, attribute, key, previous, current);
    }
  }

  /** Everything is another. */
  clear(): void {
    this.#kinds.clear();
  }

  #make(head: Tree<CachedObject>, prefix: string, attribute: Attribute): Index | undefined {
    if (head.count(prefix) < FEWEST_OBJECTS) return undefined;
    const index: Index = new Map();
    for (const [key, cached] of head.range(prefix)) move(index, attribute, key, undefined, cached);
    const kind = this.#kinds.get(prefix) ?? new Map<string, Kept>();
    this.#kinds.set(prefix, kind);
    kind.set(attribute.name, { attribute, index });
    if (kind.size > MOST_INDEXES) kind.delete(kind.keys().next().value!);
    return index;
  }

  #use(prefix: string, name: string): void {
    const kind = this.#kinds.get(prefix)!;
    const kept = kind.get(name)!;
    kind.delete(name);
    kind.set(name, kept);
  }
}

function move(
  index: Index,
  attribute: Attribute,
  key: string,
  previous: CachedObject | undefined,
  current: CachedObject | undefined,
): void {
  const before = previous && attribute.valueOf(previous);
  const after = current && attribute.valueOf(current);
  if (before !== undefined && before !== after) {
    const rest = index.get(before)?.delete(key);
    if (rest === undefined || rest.size === 0) index.delete(before);
    else index.set(before, rest);
  }
  if (after !== undefined) index.set(after, (index.get(after) ?? Tree.empty()).set(key, current!));
}
