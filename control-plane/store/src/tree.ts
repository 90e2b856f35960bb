/** Entries in a node before it splits. Wide nodes make copies dearer and searches cheaper; 32 measured best for both. */
const WIDTH = 32;

interface Leaf<V> {
  readonly keys: readonly string[];
  readonly values: readonly V[];
  readonly children: undefined;
  readonly size: number;
}

interface Branch<V> {
  /** `keys[i]` is the smallest key below `children[i]`. */
  readonly keys: readonly string[];
  readonly values: undefined;
  readonly children: readonly Node<V>[];
  readonly size: number;
}

type Node<V> = Leaf<V> | Branch<V>;

/**
 * A persistent ordered map: every change returns a new tree that shares all but the changed path with the old one, so that a
 * root is a snapshot for free. Keys are compared by UTF-16 code units, which for ASCII keys (all of Kubernetes') is the order
 * of their bytes.
 */
export class Tree<V> {
  readonly #root: Node<V>;

  private constructor(root: Node<V>) {
    this.#root = root;
  }

  /** @internal */
  static of<V>(root: Node<V>): Tree<V> {
    return new Tree(root);
  }

  static empty<V>(): Tree<V> {
    return new Tree<V>({ keys: [], values: [], children: undefined, size: 0 });
  }

  get size(): number {
    return this.#root.size;
  }

  get(key: string): V | undefined {
    let node = this.#root;
    while (node.children !== undefined) node = node.children[childIndex(node.keys, key)]!;
    const at = lowerBound(node.keys, key);
    return node.keys[at] === key ? node.values[at] : undefined;
  }

  set(key: string, value: V): Tree<V> {
    return this.replace(key, () => value);
  }

  /** Looks for the key once. @param make Sees what is there, and says what shall be; what it throws leaves everything as it is. */
  replace(key: string, make: (present: V | undefined) => V): Tree<V> {
    const parts = insert(this.#root, key, make);
    return new Tree(parts.length === 1 ? parts[0]! : branch(parts));
  }

  /** The same tree when the key is absent. */
  delete(key: string): Tree<V> {
    const next = remove(this.#root, key);
    if (next === this.#root) return this;
    if (next === undefined) return Tree.empty();
    return new Tree(next.children?.length === 1 ? next.children[0]! : next);
  }

  /** Entries with keys from `start` on that begin with `prefix`, in order. */
  *range(prefix: string, start = prefix): IterableIterator<readonly [string, V]> {
    for (const entry of walk(this.#root, start > prefix ? start : prefix)) {
      if (!entry[0].startsWith(prefix)) return;
      yield entry;
    }
  }

  /** How many keys begin with `prefix`, in logarithmic time. */
  count(prefix: string, start = prefix): number {
    return Math.max(0, rank(this.#root, successorOf(prefix)) - rank(this.#root, start > prefix ? start : prefix));
  }
}

/** Makes a tree of many entries at once: of those that come in the order of their keys, full nodes, each once. */
export class TreeBuilder<V> {
  #keys: string[] = [];
  #values: V[] = [];
  readonly #leaves: Node<V>[] = [];
  readonly #outOfOrder: (readonly [string, V])[] = [];
  #last: string | undefined;

  /** Of a key that comes again the last value stays. */
  add(key: string, value: V): void {
    if (this.#last !== undefined && key <= this.#last) {
      this.#outOfOrder.push([key, value]);
      return;
    }
    this.#last = key;
    this.#keys.push(key);
    this.#values.push(value);
    if (this.#keys.length === WIDTH) this.#endLeaf();
  }

  /** Once. */
  build(): Tree<V> {
    this.#endLeaf();
    let nodes: readonly Node<V>[] = this.#leaves;
    while (nodes.length > 1) nodes = parentsOf(nodes);
    const [root] = nodes;
    let tree = root === undefined ? Tree.empty<V>() : Tree.of(root);
    for (const [key, value] of this.#outOfOrder) tree = tree.set(key, value);
    return tree;
  }

  #endLeaf(): void {
    // arrays that grew have room that nobody needs
    if (this.#keys.length > 0) this.#leaves.push(leaf(this.#keys.slice(), this.#values.slice()));
    this.#keys = [];
    this.#values = [];
  }
}

function parentsOf<V>(nodes: readonly Node<V>[]): readonly Node<V>[] {
  const parents: Node<V>[] = [];
  for (let at = 0; at < nodes.length; at += WIDTH) parents.push(branch(nodes.slice(at, at + WIDTH)));
  return parents;
}

/** The smallest string greater than every string that begins with `prefix`; undefined: there is none. */
function successorOf(prefix: string): string | undefined {
  for (let end = prefix.length; end > 0; end -= 1) {
    const code = prefix.charCodeAt(end - 1);
    if (code < 0xffff) return prefix.slice(0, end - 1) + String.fromCharCode(code + 1);
  }
  return undefined;
}

/** How many keys are smaller than `key`. */
function rank<V>(root: Node<V>, key: string | undefined): number {
  if (key === undefined) return root.size;
  let node = root;
  let before = 0;
  while (node.children !== undefined) {
    const index = childIndex(node.keys, key);
    for (let i = 0; i < index; i += 1) before += node.children[i]!.size;
    node = node.children[index]!;
  }
  return before + lowerBound(node.keys, key);
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The child that holds the key if any does. */
function childIndex(keys: readonly string[], key: string): number {
  const at = lowerBound(keys, key);
  return keys[at] === key ? at : Math.max(0, at - 1);
}

function leaf<V>(keys: readonly string[], values: readonly V[]): Leaf<V> {
  return { keys, values, children: undefined, size: keys.length };
}

function branch<V>(children: readonly Node<V>[]): Branch<V> {
  let size = 0;
  for (const child of children) size += child.size;
  return { keys: children.map((child) => child.keys[0]!), values: undefined, children, size };
}

/** As most changes leave a branch: one child is another, none more and none less. */
function replaced<V>(node: Branch<V>, at: number, child: Node<V>): Branch<V> {
  const first = child.keys[0]!;
  return {
    keys: node.keys[at] === first ? node.keys : node.keys.with(at, first),
    values: undefined,
    children: node.children.with(at, child),
    size: node.size - node.children[at]!.size + child.size,
  };
}

function insert<V>(node: Node<V>, key: string, make: (present: V | undefined) => V): readonly Node<V>[] {
  if (node.children === undefined) {
    const at = lowerBound(node.keys, key);
    if (node.keys[at] === key) return [leaf(node.keys, node.values.with(at, make(node.values[at])))];
    const value = make(undefined);
    const keys = node.keys.toSpliced(at, 0, key);
    const values = node.values.toSpliced(at, 0, value);
    if (keys.length <= WIDTH) return [leaf(keys, values)];
    // appending in order, as loading does, leaves full leaves behind
    const half = at === node.keys.length ? WIDTH : keys.length >>> 1;
    return [leaf(keys.slice(0, half), values.slice(0, half)), leaf(keys.slice(half), values.slice(half))];
  }
  const at = childIndex(node.keys, key);
  const parts = insert(node.children[at]!, key, make);
  if (parts.length === 1) return [replaced(node, at, parts[0]!)];
  const children = node.children.toSpliced(at, 1, ...parts);
  if (children.length <= WIDTH) return [branch(children)];
  const half = at === node.children.length - 1 ? WIDTH : children.length >>> 1;
  return [branch(children.slice(0, half)), branch(children.slice(half))];
}

/** Undefined when nothing is left. Nodes are not merged: sets of objects that shrink mostly grow again. */
function remove<V>(node: Node<V>, key: string): Node<V> | undefined {
  if (node.children === undefined) {
    const at = lowerBound(node.keys, key);
    if (node.keys[at] !== key) return node;
    return node.keys.length === 1 ? undefined : leaf(node.keys.toSpliced(at, 1), node.values.toSpliced(at, 1));
  }
  const at = childIndex(node.keys, key);
  const child = node.children[at]!;
  const next = remove(child, key);
  if (next === child) return node;
  if (next !== undefined) return replaced(node, at, next);
  const children = node.children.toSpliced(at, 1);
  return children.length === 0 ? undefined : branch(children);
}

function* walk<V>(node: Node<V>, start: string): IterableIterator<readonly [string, V]> {
  if (node.children === undefined) {
    for (let i = lowerBound(node.keys, start); i < node.keys.length; i += 1) yield [node.keys[i]!, node.values[i]!];
    return;
  }
  for (let i = childIndex(node.keys, start); i < node.children.length; i += 1) yield* walk(node.children[i]!, start);
}
