import type { KubeObject } from "@tsukube/api";
import { keyOf } from "./object-key.ts";
import type { InformerHandler, InformerOptions, Key } from "./types.ts";

type IndexFunction<T> = (object: T) => readonly string[];

/** The indexed copy behind an informer; tells handlers, synchronously and in their order, what changed. */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<Key, T>();
  readonly #functions: ReadonlyMap<string, IndexFunction<T>>;
  readonly #indexes = new Map<string, Map<string, Map<Key, T>>>();
  readonly #handlers = new Set<InformerHandler<T>>();
  readonly #failed: (error: unknown) => void;

  /** @param failed Hears what a handler throws; the others are called all the same. */
  constructor(indexes: NonNullable<InformerOptions<T>["indexes"]>, failed: (error: unknown) => void) {
    const functions: Record<string, IndexFunction<T>> = {
      namespace: (object) => [object.metadata?.namespace ?? ""],
      ...indexes,
    };
    this.#functions = new Map(Object.entries(functions));
    for (const name of this.#functions.keys()) this.#indexes.set(name, new Map());
    this.#failed = failed;
  }

  get(key: Key): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  byIndex(index: string, value: string): readonly T[] {
    const values = this.#indexes.get(index);
    if (values === undefined) throw new Error(`Cannot read index "${index}": unknown, expected one of its informer`);
    return [...(values.get(value)?.values() ?? [])];
  }

  onChange(handler: InformerHandler<T>): () => void {
    this.#handlers.add(handler);
    for (const object of this.list()) this.#call(() => handler.added?.(object));
    return () => this.#handlers.delete(handler);
  }

  put(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    const version = object.metadata?.resourceVersion;
    if (before !== undefined && version !== undefined && before.metadata?.resourceVersion === version) return;
    // An object of another uid is another object: its predecessor's deletion was missed.
    if (before !== undefined && before.metadata?.uid !== object.metadata?.uid) {
      this.remove(before);
      return this.put(object);
    }
    if (before !== undefined) this.#unindex(key, before);
    this.#objects.set(key, object);
    this.#index(key, object);
    this.#tell((handler) => (before === undefined ? handler.added?.(object) : handler.updated?.(before, object)));
  }

  remove(object: KubeObject): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before === undefined) return;
    this.#unindex(key, before);
    this.#objects.delete(key);
    // The last state comes with the event; after a relist only what we had is known.
    const last = object.metadata?.uid === before.metadata?.uid ? (object as T) : before;
    this.#tell((handler) => handler.deleted?.(last));
  }

  /** Makes the cache hold exactly `objects`. */
  replace(objects: readonly T[]): void {
    this.keepOnly(new Set(objects.map(keyOf)));
    for (const object of objects) this.put(object);
  }

  /** Removes everything whose key is not in `keys`. */
  keepOnly(keys: ReadonlySet<Key>): void {
    for (const [key, object] of [...this.#objects]) if (!keys.has(key)) this.remove(object);
  }

  #index(key: Key, object: T): void {
    for (const [name, valuesOf] of this.#functions) {
      const values = this.#indexes.get(name)!;
      for (const value of valuesOf(object)) {
        const found = values.get(value);
        if (found === undefined) values.set(value, new Map([[key, object]]));
        else found.set(key, object);
      }
    }
  }

  #unindex(key: Key, object: T): void {
    for (const [name, valuesOf] of this.#functions) {
      const values = this.#indexes.get(name)!;
      for (const value of valuesOf(object)) {
        const found = values.get(value);
        found?.delete(key);
        if (found?.size === 0) values.delete(value);
      }
    }
  }

  #tell(call: (handler: InformerHandler<T>) => void): void {
    for (const handler of [...this.#handlers]) this.#call(() => call(handler));
  }

  #call(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#failed(error);
    }
  }
}
