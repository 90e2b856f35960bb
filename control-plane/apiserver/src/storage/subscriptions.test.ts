import fc from "fast-check";
import { expect, test } from "vitest";
import type { CachedObject } from "./cached-object.ts";
import type { CacheEvent } from "./contract.ts";
import type { Attribute } from "./object-index.ts";
import { Subscriptions } from "./subscriptions.ts";

const colour: Attribute = { name: "colour", valueOf: (cached) => (cached as unknown as { colour?: string }).colour };
const COLOURS = ["red", "green", "blue"];
const object = fc.option(
  fc
    .record({ colour: fc.option(fc.constantFrom(...COLOURS), { nil: undefined }) })
    .map((it) => it as unknown as CachedObject),
  { nil: undefined },
);
const event: fc.Arbitrary<CacheEvent> = fc.record({
  revision: fc.constant(7),
  key: fc.constantFrom("/things/a/1", "/things/b/1", "/other/a/1"),
  current: object,
  previous: object,
});

test("who wants some values hears, in order and once, of each object below the prefix that has one or had", () => {
  const values = fc.uniqueArray(fc.constantFrom(...COLOURS), { minLength: 1 });
  fc.assert(
    fc.property(
      fc.array(event),
      fc.constantFrom("/things/", "/things/a/", "/things/a/1"),
      values,
      (events, prefix, wanted) => {
        const subscriptions = new Subscriptions();
        const heard: CacheEvent[] = [];
        const all: CacheEvent[] = [];
        subscriptions.add(prefix, (some, revision) => heard.push(...some.filter(() => revision === 7)), {
          attribute: colour,
          values: wanted,
        });
        subscriptions.add(prefix, (some) => all.push(...some));
        subscriptions.publish(events, 7);
        const below = events.filter(({ key }) => key.startsWith(prefix));
        expect(all).toEqual(below);
        const has = (cached: CachedObject | undefined): boolean =>
          cached !== undefined && wanted.includes(colour.valueOf(cached) ?? "");
        expect(heard).toEqual(below.filter(({ current, previous }) => has(current) || has(previous)));
      },
    ),
  );
});

test("who does not listen any more hears nothing, others with the same value go on", () => {
  const subscriptions = new Subscriptions();
  const red = { colour: "red" } as unknown as CachedObject;
  const told: string[] = [];
  const having = { attribute: colour, values: ["red", "green"] };
  const cancels = ["first", "second"].map((name) => subscriptions.add("/things/", () => void told.push(name), having));
  const tell = (): void =>
    subscriptions.publish([{ revision: 1, key: "/things/1", current: red, previous: undefined }], 1);
  tell();
  cancels[0]!();
  cancels[0]!();
  tell();
  cancels[1]!();
  tell();
  expect(told).toEqual(["first", "second", "second"]);
  subscriptions.add("/things/", () => void told.push("third"), having);
  tell();
  expect(told.at(-1)).toBe("third");
});
