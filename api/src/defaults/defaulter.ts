/** An object being defaulted: absent and null both mean "not set" in the normal form. */
export type Draft = Record<string, unknown>;

/** How a type is defaulted: values for fields that are not set, then a function for what depends on more. */
export interface Defaulter {
  readonly values?: Readonly<Record<string, unknown>>;
  readonly apply?: (draft: Draft) => void;
  /** The one member that `apply` looks at and changes: it is not called for one that it has seen. */
  readonly of?: string;
}

/** Defaulters by the name of the type, such as "core/v1.Container". They run before those of the types within. */
export type Defaulters = Readonly<Record<string, Defaulter>>;

/** The nested object, made when it is not set; a copy that may be changed. */
export function nested(draft: Draft, field: string): Draft {
  const copy = { ...(draft[field] as Draft | undefined | null) };
  draft[field] = copy;
  return copy;
}

/** Sets fields that are not set yet. Values that are objects are copied. */
export function setAbsent(draft: Draft, values: Readonly<Record<string, unknown>>): void {
  for (const name in values) {
    const value = values[name];
    if (draft[name] === undefined || draft[name] === null) {
      draft[name] = copyOf(value);
    }
  }
}

/** structuredClone takes microseconds for what has two members. */
function copyOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  const copy: Draft = {};
  for (const name in value) copy[name] = copyOf((value as Draft)[name]);
  return copy;
}

/** Whether a list or map has no members. */
export function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return Array.isArray(value) ? value.length === 0 : Object.keys(value).length === 0;
}
