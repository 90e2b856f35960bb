import fc from "fast-check";
import { expect, test } from "vitest";
import { Tree, TreeBuilder } from "./tree.ts";

const key = fc.string({ maxLength: 4, unit: fc.constantFrom("a", "b", "c", "/") });
const change = fc.record({ key, remove: fc.boolean() });

test("a tree behaves as a sorted map, and every root stays as it was", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 400 }), key, key, (changes, prefix, start) => {
      let tree = Tree.empty<number>();
      const model = new Map<string, number>();
      const roots: { readonly tree: Tree<number>; readonly entries: (readonly [string, number])[] }[] = [];
      changes.forEach((change, index) => {
        tree = change.remove ? tree.delete(change.key) : tree.set(change.key, index);
        if (change.remove) model.delete(change.key);
        else model.set(change.key, index);
        if (index % 50 === 0) roots.push({ tree, entries: sorted(model) });
      });
      roots.push({ tree, entries: sorted(model) });
      for (const root of roots) {
        expect([...root.tree.range("")]).toEqual(root.entries);
        expect(root.tree.size).toBe(root.entries.length);
        const wanted = root.entries.filter(([k]) => k.startsWith(prefix) && k >= start);
        expect([...root.tree.range(prefix, start)]).toEqual(wanted);
        expect(root.tree.count(prefix, start)).toBe(wanted.length);
        for (const [k, v] of root.entries) expect(root.tree.get(k)).toBe(v);
        expect(root.tree.get(`${prefix}zzz`)).toBeUndefined();
      }
    }),
    { numRuns: 200 },
  );
});

test("a tree that is built at once is as one that was made by steps, in whatever order its keys come, and changes as one", () => {
  const wide = fc
    .tuple(fc.integer({ min: 0, max: 5000 }), fc.nat())
    .map(([number, value]) => [String(number), value] as const);
  fc.assert(
    fc.property(fc.array(wide, { maxLength: 3000 }), fc.boolean(), fc.array(change), (entries, isSorted, changes) => {
      const given = isSorted ? [...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)) : entries;
      const builder = new TreeBuilder<number>();
      for (const [key, value] of given) builder.add(key, value);
      let tree = builder.build();
      const model = new Map(given);
      expect(tree.size).toBe(model.size);
      for (const { key, remove } of changes) {
        tree = remove ? tree.delete(key) : tree.set(key, 1);
        if (remove) model.delete(key);
        else model.set(key, 1);
      }
      expect([...tree.range("")]).toEqual(sorted(model));
      expect(tree.count("1")).toBe(sorted(model).filter(([key]) => key.startsWith("1")).length);
    }),
    { numRuns: 60 },
  );
});

function sorted(model: ReadonlyMap<string, number>): (readonly [string, number])[] {
  return [...model].sort(([a], [b]) => (a < b ? -1 : 1));
}
