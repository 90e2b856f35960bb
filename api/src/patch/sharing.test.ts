import fc from "fast-check";
import { expect, test } from "vitest";
import { sharing } from "./sharing.ts";

test("what is equal becomes the base's own, at any depth", () => {
  const base = { a: { b: [1, { c: "x" }], d: 1 }, e: { f: 1 } };
  const next = sharing({ a: { b: [1, { c: "x" }], d: 2 }, e: { f: 1 } }, base);
  expect(next).toEqual({ a: { b: [1, { c: "x" }], d: 2 }, e: { f: 1 } });
  expect(next.a.b).toBe(base.a.b);
  expect(next.e).toBe(base.e);
  expect(next.a).not.toBe(base.a);
  expect(sharing(structuredClone(base), base)).toBe(base);
});

test("items share with those in their place", () => {
  const base = [{ a: 1 }, { b: 1 }, { c: 1 }];
  const next = sharing([{ a: 1 }, { b: 2 }], base);
  expect(next).toEqual([{ a: 1 }, { b: 2 }]);
  expect(next[0]).toBe(base[0]);
});

test("absent, null and undefined stay apart, and so do 1 and 1n", () => {
  expect(sharing({ a: { b: null } }, { a: {} })).toEqual({ a: { b: null } });
  expect(sharing({ a: {} }, { a: { b: null } })).toEqual({ a: {} });
  expect(sharing<object>({ a: undefined }, { b: 1 })).toStrictEqual({ a: undefined });
  expect(sharing<object>({ a: 1n }, { a: 1 })).toEqual({ a: 1n });
});

test("a name that is __proto__ is data", () => {
  const parse = (): object => JSON.parse('{"__proto__":{"a":1},"b":{"c":1}}') as object;
  expect(JSON.stringify(sharing(parse(), parse()))).toBe('{"__proto__":{"a":1},"b":{"c":1}}');
  expect(JSON.stringify(sharing(parse(), { b: { c: 1 } }))).toBe('{"__proto__":{"a":1},"b":{"c":1}}');
});

test("the value never changes, nor does the base", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (value, base) => {
      const [before, baseBefore] = [JSON.stringify(value), JSON.stringify(base)];
      expect(JSON.stringify(sorted(sharing(value, base)))).toBe(JSON.stringify(sorted(JSON.parse(before))));
      expect([JSON.stringify(value), JSON.stringify(base)]).toEqual([before, baseBefore]);
    }),
  );
});

/** Members of equal objects may stand in another order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)]);
}
