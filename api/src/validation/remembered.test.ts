import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { normalize } from "../codec/json-decode.ts";
import { factsText } from "../facts.ts";
import { FeatureGates } from "../feature-gates/index.ts";
import { resourceOf } from "../kinds.ts";
import type { Unstructured } from "../object.ts";
import { sharing } from "../patch/sharing.ts";
import { type GroupVersionKind, parseApiVersion } from "../schema.ts";
import { schemaOf } from "../schema-of.ts";
import { validateCreate, validateUpdate } from "./validate.ts";

const TEXT = factsText("defaults.json")
  .replaceAll("<time>", "2025-01-01T00:00:00Z")
  .replaceAll(/<[a-z0-9]+>/g, "12345");
const OBJECTS = (JSON.parse(TEXT) as { readonly objects: Readonly<Record<string, { readonly out: Unstructured }>> })
  .objects;
/** With pods or templates of them: what is looked at once. */
const WITH_PODS = Object.keys(OBJECTS).filter((name) => JSON.stringify(OBJECTS[name]!.out).includes('"containers"'));
const RECREATED = ["v1 pods", "v1 pods #volumes", "v1 podtemplates", "apps/v1 deployments", "batch/v1 cronjobs"];

function kindOf(name: string): GroupVersionKind {
  const [apiVersion, resource] = name.split(" ") as [string, string];
  return { ...parseApiVersion(apiVersion), kind: resourceOf({ ...parseApiVersion(apiVersion), resource })!.kind };
}

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) frozen(member);
  return value;
}

function leavesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, member]) => leavesOf(member, [...path, name]))];
}

/** A copy with something else of its type at one place, or nothing there. */
function edited(object: Unstructured, path: readonly string[], choice: number): Unstructured {
  const copy = structuredClone(object);
  let at = copy as unknown as Record<string, unknown>;
  for (const name of path.slice(0, -1)) {
    if (typeof (at[name] ?? 0) !== "object") return copy; // an edit before took it away
    at = at[name] as Record<string, unknown>;
  }
  const last = path.at(-1)!;
  const others = othersOf(at[last] ?? undefined);
  const value = others[choice % others.length];
  if (value !== undefined) at[last] = value;
  else if (!Array.isArray(at)) delete at[last];
  return copy;
}

function othersOf(value: unknown): readonly unknown[] {
  if (typeof value === "string" && /^-?[\d.]+[a-zA-Z]*\d*$/.test(value)) return ["0", "-1", "70Mi", undefined]; // a quantity
  if (typeof value === "string") return ["", "A_b", undefined];
  if (typeof value === "number") return [0, -1, 70_000, undefined];
  if (typeof value === "boolean") return [!value, undefined];
  if (value === undefined) return [undefined];
  return Array.isArray(value) ? [[], undefined] : [{}, undefined];
}

describe("what was found right is not looked at again", () => {
  test.each(WITH_PODS)("%s: an update is refused as if all were looked at", (name) => {
    const kind = kindOf(name);
    const schema = schemaOf(kind)!;
    const paths = leavesOf(OBJECTS[name]!.out).filter((path) => path.length > 1);
    const edit = fc.tuple(fc.constantFrom(...paths), fc.nat());
    const run = fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
      let live = frozen(structuredClone(OBJECTS[name]!.out));
      for (const [path, choice] of edits) {
        const next = sharing(normalize<Unstructured>(edited(live, path, choice), schema).object, live);
        const looked = validateUpdate(kind, structuredClone(next), structuredClone(live), "");
        expect(validateUpdate(kind, next, live, "")).toEqual(looked);
        expect(validateCreate(kind, next)).toEqual(validateCreate(kind, structuredClone(next)));
        if (looked.length === 0) live = frozen(next);
      }
    });
    fc.assert(run, { numRuns: RECREATED.includes(name) ? 100 : 20 });
  });

  test("under other gates it is looked at", () => {
    const kind = kindOf("v1 pods");
    const metadata = { name: "a", namespace: "n", resourceVersion: "1" };
    const tolerations = [{ key: "a", operator: "Gt", value: "5" }];
    const { spec } = OBJECTS["v1 pods"]!.out as { spec?: object };
    const bare: Unstructured = frozen({ metadata, ...{ spec } });
    const pod: Unstructured = frozen({ metadata, ...{ spec: { ...spec, tolerations } } });
    const [on, off] = ["true", "false"].map((value) =>
      FeatureGates.parse(`TaintTolerationComparisonOperators=${value}`),
    ) as [FeatureGates, FeatureGates];
    expect(validateUpdate(kind, pod, pod, "", on)).toEqual([]);
    expect(validateUpdate(kind, pod, bare, "", off)).not.toEqual([]);
    expect(validateUpdate(kind, pod, pod, "", off)).toEqual([]); // it had such a toleration
    expect(validateUpdate(kind, pod, bare, "", off)).not.toEqual([]);
    expect(validateCreate(kind, pod, off)).not.toEqual([]);
  });
});
