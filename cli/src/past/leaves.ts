/** An object's values, by the paths that people write: "spec.containers[web].image". */
export type Leaves = ReadonlyMap<string, Leaf>;

export interface Leaf {
  readonly steps: readonly Step[];
  readonly value: unknown;
}

/** A step into an object, or into a list: there with the item, because items are told apart by their keys. */
export type Step =
  | { readonly field: string }
  | { readonly index: number; readonly item: unknown; readonly name: string | undefined };

/** What names an item of a list, where it has one of these. */
const NAMES = ["name", "type", "key", "uid", "containerPort", "port", "ip"] as const;

/** All values but those that are objects or lists with something in them. managedFields and resourceVersion are left out: they tell of writes, not of wishes. */
export function leavesOf(object: unknown): Leaves {
  const out = new Map<string, Leaf>();
  walk(object, [], "", out);
  return out;
}

const LEFT_OUT = new Set(["metadata.managedFields", "metadata.resourceVersion"]);

function walk(value: unknown, steps: readonly Step[], path: string, out: Map<string, Leaf>): void {
  if (LEFT_OUT.has(path)) return;
  if (Array.isArray(value) && value.length > 0) {
    const seen = new Set<string>();
    value.forEach((item: unknown, index) => {
      const own = nameOf(item);
      const name = own === undefined || seen.has(own) ? undefined : own;
      if (name !== undefined) seen.add(name);
      walk(item, [...steps, { index, item, name }], `${path}[${name ?? index}]`, out);
    });
  } else if (isObject(value) && Object.keys(value).length > 0) {
    for (const [field, member] of Object.entries(value))
      walk(member, [...steps, { field }], path === "" ? field : `${path}.${fieldText(field)}`, out);
  } else out.set(path, { steps, value });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Its path with items of lists by their places: "spec.containers[0].image". */
export function pathByPlaces({ steps }: Leaf): string {
  return steps.reduce(
    (path, step) =>
      "index" in step ? `${path}[${step.index}]` : path === "" ? step.field : `${path}.${fieldText(step.field)}`,
    "",
  );
}

/** Keys of labels and annotations have dots in them. */
function fieldText(field: string): string {
  return /[.[\]]/.test(field) ? `"${field}"` : field;
}

function nameOf(item: unknown): string | undefined {
  if (!isObject(item)) return undefined;
  for (const key of NAMES) if (typeof item[key] === "string" || typeof item[key] === "number") return String(item[key]);
  return undefined;
}

export function textOf(value: unknown): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, bigints);
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

export type FieldChange = { readonly path: string; readonly from: unknown; readonly to: unknown };

/** What differs; `undefined` on the side where a path is not. In order of the paths. */
export function differences(before: Leaves, after: Leaves): readonly FieldChange[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => {
    const [from, to] = [before.get(path)?.value, after.get(path)?.value];
    return before.has(path) === after.has(path) && textOf(from) === textOf(to) ? [] : [{ path, from, to }];
  });
}
