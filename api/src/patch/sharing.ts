/**
 * `value` made of the parts of `base` that it equals: what did not change is then the same object, which whoever compares, checks or
 * encodes finds out at once. Numbers equal themselves alone, unlike in jsonEqual: what comes out is what went in.
 */
export function sharing<T>(value: T, base: unknown): T {
  if (value === base || typeof value !== "object" || typeof base !== "object" || value === null || base === null)
    return value;
  if (Array.isArray(value)) return (Array.isArray(base) ? sharingList(value, base) : value) as T;
  return (Array.isArray(base) ? value : sharingRecord(value as Tree, base as Tree)) as T;
}

type Tree = Readonly<Record<string, unknown>>;

function sharingList(value: readonly unknown[], base: readonly unknown[]): readonly unknown[] {
  let isSame = value.length === base.length;
  let isShared = true;
  const out: unknown[] = [];
  for (let index = 0; index < value.length; index += 1) {
    const item = value[index];
    const next = sharing(item, base[index]);
    out.push(next);
    isSame &&= Object.is(next, base[index]);
    isShared &&= next === item;
  }
  return isSame ? base : isShared ? value : out;
}

function sharingRecord(value: Tree, base: Tree): Tree {
  let out: Record<string, unknown> | undefined;
  let count = 0;
  let isSame = true;
  for (const name in value) {
    const member = value[name];
    const before = Object.hasOwn(base, name) ? base[name] : undefined;
    const next = sharing(member, before);
    count += 1;
    isSame &&= Object.is(next, before) && before !== undefined;
    if (next === member || name === "__proto__") continue;
    out ??= { ...value };
    out[name] = next;
  }
  return isSame && count === Object.keys(base).length ? base : (out ?? value);
}
