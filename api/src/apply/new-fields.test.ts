import fc from "fast-check";
import { expect, test } from "vitest";
import { objectOf } from "../../test/arbitrary.ts";
import type { Json } from "../object.ts";
import { schemaOf } from "../schema-of.ts";
import { compareObjects } from "./compare.ts";
import { FieldSet } from "./field-set.ts";
import { fieldsOfNew } from "./new-fields.ts";

const NO_RESETS = FieldSet.empty;
const EMPTY = { apiVersion: "v1", kind: "Any" };

function found(kind: string, group: string, object: Json, resets = NO_RESETS): { set: FieldSet; direct: FieldSet } {
  const schema = schemaOf({ group, version: "v1", kind })!;
  const { added, modified } = compareObjects(schema, EMPTY, object);
  const direct = added.union(modified).recursiveDifference(resets);
  return { set: fieldsOfNew(schema, object, resets, () => direct), direct };
}

test.for([
  ["Pod", ""],
  ["Service", ""],
  ["ConfigMap", ""],
  ["Deployment", "apps"],
  ["PriorityClass", "scheduling.k8s.io"],
  ["HorizontalPodAutoscaler", "autoscaling"],
] as const)("a new %s has the fields that a comparison finds, whatever was made before it", ([kind, group]) => {
  const schema = schemaOf({ group, version: "v1", kind })!;
  fc.assert(
    fc.property(objectOf(schema), fc.integer({ min: 0, max: 5 }), (object, zeroed) => {
      for (const made of [object as Json, zeroing(object as Json, zeroed)]) {
        const { set, direct } = found(kind, group, made);
        expect(set.toFieldsV1()).toEqual(direct.toFieldsV1());
      }
    }),
    { numRuns: 200 },
  );
});

test("values that are zero are told from others: who sets what is there anyway owns nothing", () => {
  for (const value of [5, 0, 5]) {
    const { set, direct } = found("PriorityClass", "scheduling.k8s.io", { value });
    expect(set.toFieldsV1()).toEqual(direct.toFieldsV1());
    expect(set.isEmpty).toBe(value === 0);
  }
});

test("names may have any characters", () => {
  for (const data of [{ a: "x" }, { "a1:b": "x" }, { a: "x", b: "x" }, {}]) {
    const { set, direct } = found("ConfigMap", "", { data });
    expect(set.toFieldsV1()).toEqual(direct.toFieldsV1());
  }
});

test("what is alike is held once, but not where another endpoint resets it", () => {
  const pod = (name: string): Json => ({ metadata: { labels: { app: name } }, spec: { nodeName: name } });
  const first = found("Pod", "", pod("a")).set;
  expect(found("Pod", "", pod("b")).set).toBe(first);
  const reset = found("Pod", "", pod("c"), FieldSet.of(["f:spec"])).set;
  expect(Object.keys(reset.toFieldsV1())).toEqual(["f:metadata"]);
});

/** The same with every `nth` scalar zero, none for 0. */
function zeroing(value: Json, nth: number): Json {
  let count = 0;
  const visit = (one: Json): Json => {
    if (Array.isArray(one)) return one.map(visit);
    if (typeof one === "object" && one !== null)
      return Object.fromEntries(Object.entries(one).map(([name, member]) => [name, visit(member as Json)]));
    count += 1;
    if (nth === 0 || count % nth !== 0) return one;
    return typeof one === "string" ? "" : typeof one === "boolean" ? false : typeof one === "number" ? 0 : null;
  };
  return visit(value);
}
