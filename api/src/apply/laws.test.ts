import fc from "fast-check";
import { expect, test } from "vitest";
import { objectOf } from "../../test/arbitrary.ts";
import { normalize } from "../codec/json-decode.ts";
import { encodeJsonText } from "../codec/json-encode.ts";
import type { Json, Unstructured } from "../object.ts";
import { sharing } from "../patch/sharing.ts";
import type { Field, ObjectSchema, Schema } from "../schema.ts";
import { schemaOfType } from "../schema-of.ts";
import { compareObjects } from "./compare.ts";
import { extractFields } from "./extract-fields.ts";
import { FieldManager, FieldSet } from "./index.ts";
import { mergeObjects } from "./merge.ts";

/** A custom resource with one of each: map list, set, atomic list and map, granular map, struct, untyped part. */
const SCHEMA = struct({
  spec: struct({
    n: { kind: "scalar", scalar: "int64" },
    list: {
      kind: "list",
      items: struct({ name: STRING(), v: STRING(), map: mapOf("granular") }),
      listType: "map",
      mapKeys: ["name"],
    },
    set: { kind: "list", items: STRING(), listType: "set", mapKeys: [] },
    atomicList: { kind: "list", items: STRING(), listType: "atomic", mapKeys: [] },
    atomicMap: mapOf("atomic"),
    map: mapOf("granular"),
    free: { kind: "scalar", scalar: "any" },
  }),
});

function STRING(): Schema {
  return { kind: "scalar", scalar: "string" };
}

function mapOf(mapType: "granular" | "atomic"): Schema {
  return { kind: "map", values: STRING(), mapType };
}

function struct(members: Record<string, Schema>): ObjectSchema {
  const field = ([name, schema]: [string, Schema]): [string, Field] => [
    name,
    { name, schema, required: false, omit: "empty", pointer: true, patchStrategy: [] },
  ];
  return {
    kind: "object",
    typeName: "",
    fields: new Map(Object.entries(members).map(field)),
    mapType: "granular",
    preserveUnknown: false,
    embeddedResource: false,
  };
}

class Dice {
  #seed: number;
  constructor(seed: number) {
    this.#seed = seed;
  }
  below(limit: number): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * limit);
  }
  some<T>(all: readonly T[]): T[] {
    return all.filter(() => this.below(2) === 0);
  }
  letter(): string {
    return "abc"[this.below(3)]!;
  }
}

function randomObject(dice: Dice): Unstructured {
  const map = (): Json => Object.fromEntries(dice.some(["a", "b", "c"]).map((key) => [key, dice.letter()]));
  const parts: Record<string, () => Json> = {
    n: () => dice.below(3),
    list: () =>
      dice.some(["x", "y", "z"]).map((name) => ({
        name,
        ...(dice.below(2) === 0 ? { v: dice.letter() } : {}),
        ...(dice.below(2) === 0 ? { map: map() } : {}),
      })),
    set: () => dice.some(["a", "b", "c"]),
    atomicList: () => [dice.letter(), dice.letter()],
    atomicMap: map,
    map,
    free: () => ({ deep: map(), list: [dice.letter()] }),
  };
  const spec = Object.fromEntries(dice.some(Object.keys(parts)).map((key) => [key, parts[key]!()]));
  return { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "t", uid: "u" }, spec } as Unstructured;
}

function manager(): FieldManager {
  const versions = { schema: () => SCHEMA, convert: () => undefined, resetFields: () => FieldSet.empty };
  return new FieldManager({
    apiVersion: "example.com/v1",
    kind: "Thing",
    subresource: "",
    versions,
    clock: { now: () => 0 },
  });
}

function setOf(object: Unstructured, name: string): FieldSet {
  const entry = object.metadata?.managedFields?.find((one) => one.manager === name && one.operation === "Apply");
  return FieldSet.parse(entry?.fieldsV1 as Json);
}

const ROUNDS = 400;

function each(check: (dice: Dice) => void): void {
  for (let seed = 1; seed <= ROUNDS; seed++) check(new Dice(seed * 7919));
}

test("sets obey the algebra, and FieldsV1 is lossless", () => {
  each((dice) => {
    const [a, b] = [randomObject(dice), randomObject(dice)].map((object) => extractFields(SCHEMA, object as Json)) as [
      FieldSet,
      FieldSet,
    ];
    expect(FieldSet.parse(a.toFieldsV1()).equals(a)).toBe(true);
    expect(a.difference(b).union(a.intersection(b)).equals(a)).toBe(true);
    expect(a.union(b).equals(b.union(a))).toBe(true);
    expect(a.difference(b).intersection(b).isEmpty).toBe(true);
    expect(a.union(b.intersection(a))).toBe(a);
    expect([...a.union(b).paths()].every((path) => a.has(path) || b.has(path))).toBe(true);
    expect(FieldSet.of(...a.paths()).equals(a)).toBe(true);
    expect([...a.paths()].every((path) => a.has(path))).toBe(true);
  });
});

test("an object equals itself, and merging what is there changes nothing", () => {
  each((dice) => {
    const object = randomObject(dice) as Json;
    const { added, modified, removed } = compareObjects(SCHEMA, object, structuredClone(object));
    expect([added, modified, removed].every((set) => set.isEmpty)).toBe(true);
    expect(mergeObjects(SCHEMA, object, structuredClone(object))).toEqual(object);
  });
});

test("applying is idempotent, owns exactly what was applied, and yields every applied value", () => {
  each((dice) => {
    const fields = manager();
    const [live, patch] = [randomObject(dice), randomObject(dice)];
    const once = fields.apply(live, patch, "m", true);
    expect(fields.apply(once, patch, "m", false)).toEqual(once);
    const wanted = extractFields(SCHEMA, { spec: patch["spec"] as Json });
    expect(setOf(once, "m").equals(wanted)).toBe(true);
    const present = extractFields(SCHEMA, once as Json);
    const lost = wanted.leaves().difference(present);
    expect([...lost.paths()].filter((path) => !path.some((element) => hollow(patch, element)))).toEqual([]);
  });
});

/** Empty lists and maps vanish into full ones. */
function hollow(patch: Unstructured, element: string): boolean {
  const spec = patch["spec"] as Record<string, unknown>;
  return JSON.stringify(spec[element.slice(2)] ?? spec).includes("{}") || JSON.stringify(spec).includes("[]");
}

test("no field of another manager is lost when one manager applies less", () => {
  each((dice) => {
    const fields = manager();
    const theirs = randomObject(dice);
    let object = fields.apply(undefined, randomObject(dice), "mine", true);
    object = fields.apply(object, theirs, "theirs", true);
    object = fields.apply(object, { ...theirs, spec: {} } as Unstructured, "mine", true);
    const kept = extractFields(SCHEMA, object as Json);
    const owned = setOf(object, "theirs").leaves();
    expect(
      [...owned.difference(kept).paths()].filter((path) => !path.some((element) => hollow(theirs, element))),
    ).toEqual([]);
  });
});

test("what one manager applied alone is gone when it applies nothing", () => {
  each((dice) => {
    const fields = manager();
    const object = fields.apply(undefined, randomObject(dice), "mine", false);
    const empty = fields.apply(object, { ...randomObject(dice), spec: {} } as Unstructured, "mine", false);
    expect(extractFields(SCHEMA, (empty["spec"] ?? {}) as Json).isEmpty).toBe(true);
  });
});

test("an update owns exactly the difference", () => {
  each((dice) => {
    const fields = manager();
    const live = fields.update(undefined, { ...randomObject(dice), metadata: { name: "t" } }, "first");
    const next = randomObject(dice);
    const updated = fields.update(live, next, "second");
    const { added, modified } = compareObjects(SCHEMA, live as Json, next as Json);
    const entry = updated.metadata?.managedFields?.find((one) => one.manager === "second");
    const owned = FieldSet.parse(entry?.fieldsV1 as Json);
    const changed = added.union(modified);
    if (live.metadata?.managedFields !== undefined)
      expect(
        owned.equals(
          new FieldSet(new Set(), new Map([...changed.children].filter(([key]) => key === "f:spec"))).union(
            FieldSet.of(...(changed.members.has("f:spec") ? [["f:spec"]] : [])),
          ),
        ),
      ).toBe(true);
  });
});

test("without schema maps are granular, lists atomic, and the laws hold", () => {
  each((dice) => {
    const versions = { schema: () => undefined, convert: () => undefined, resetFields: () => FieldSet.empty };
    const fields = new FieldManager({
      apiVersion: "example.com/v1",
      kind: "Thing",
      subresource: "",
      versions,
      clock: { now: () => 0 },
    });
    const [live, patch] = [randomObject(dice), randomObject(dice)];
    const once = fields.apply(live, patch, "m", true);
    expect(fields.apply(once, patch, "m", false)).toEqual(once);
    expect(setOf(once, "m").has(["f:spec"])).toBe(true);
    const alone = fields.apply(undefined, patch, "m", false);
    const empty = fields.apply(alone, { ...patch, spec: {} } as Unstructured, "m", false);
    expect(Object.keys((empty["spec"] ?? {}) as object)).toEqual([]);
  });
});

test("who owns what does not follow from which parts are shared with what was there", () => {
  each((dice) => {
    const fields = manager();
    let live = fields.update(undefined, randomObject(dice), "first");
    for (let step = 0; step < 4; step += 1) {
      const name = `m${dice.below(2)}`;
      const [given, copy] = [randomObject(dice), structuredClone(live)];
      const [shared, looked] =
        dice.below(2) === 0
          ? [fields.apply(live, given, name, true), fields.apply(copy, structuredClone(given), name, true)]
          : [fields.update(live, sharing(given, live), name), fields.update(copy, structuredClone(given), name)];
      expect(shared).toEqual(looked);
      live = shared;
    }
  });
});

test("what comes is what would go", () => {
  const whole = (schema: Schema, object: Json): void => {
    const [coming, going] = [compareObjects(schema, {}, object), compareObjects(schema, object, {})];
    expect(coming.added.toFieldsV1()).toEqual(going.removed.toFieldsV1());
    expect(coming.removed.isEmpty && coming.modified.isEmpty).toBe(true);
  };
  each((dice) => whole(SCHEMA, randomObject(dice) as Json));
  for (const kind of ["core/v1.Pod", "apps/v1.Deployment", "core/v1.Service", "batch/v1.Job"]) {
    const schema = schemaOfType(kind) as ObjectSchema;
    fc.assert(fc.property(objectOf(schema), (object) => whole(schema, normalize<Json>(object, schema).object)));
  }
});

test("managedFields are written the same the second time, and as their copy is", () => {
  const fields = { kind: "scalar", scalar: "fieldsV1" } as Schema;
  each((dice) => {
    const made = extractFields(SCHEMA, randomObject(dice) as Json).toFieldsV1();
    const first = encodeJsonText(made, fields);
    expect(encodeJsonText(structuredClone(made), fields)).toBe(first);
    expect(encodeJsonText(made, fields)).toBe(first);
    expect(encodeJsonText({ ...made, "f:other": {} }, fields)).not.toBe(first);
  });
});
