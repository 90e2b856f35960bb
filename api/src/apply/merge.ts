import type { Json } from "../object.ts";
import { define, isRecord } from "../patch/merge-patch.ts";
import type { ListSchema, MapSchema, ObjectSchema, Schema } from "../schema.ts";
import { listElement, type PathElement } from "./path.ts";
import { type JsonRecord, memberShape, shapeOf } from "./shape.ts";

/** Merges an applied configuration into the live object: its leaves win, everything else stays. Shares structure. */
export function mergeObjects(
  schema: Schema | undefined,
  live: Json | undefined,
  applied: Json | undefined,
): Json | undefined {
  if (applied === undefined) return live;
  if (live === undefined) return applied;
  const shape = shapeOf(schema, applied);
  if (shape.kind === "leaf" || shapeOf(schema, live).kind !== shape.kind) return applied;
  if (shape.kind === "list") return mergeLists(shape.schema, live, applied);
  return mergeMaps(shape.schema, live, applied);
}

/** An empty or null map over an empty one is a leaf; over a full one it changes nothing. */
function mergeMaps(schema: ObjectSchema | MapSchema | undefined, live: Json, applied: Json): Json {
  if (!isRecord(live) || Object.keys(live).length === 0) return applied;
  if (!isRecord(applied)) return live;
  const result: Record<string, Json> = { ...live };
  for (const [name, value] of Object.entries(applied)) {
    const before: Json | undefined = Object.hasOwn(live, name) ? live[name] : undefined;
    define(result, name, mergeObjects(memberShape(schema, name)?.schema, before, value)!);
  }
  return result as JsonRecord;
}

function mergeLists(schema: ListSchema, live: Json, applied: Json): Json {
  if (!Array.isArray(live) || live.length === 0) return applied;
  if (!Array.isArray(applied)) return live;
  const [left, right] = [elementsOf(schema, live as readonly Json[]), elementsOf(schema, applied as readonly Json[])];
  const [present, wanted] = [byElement(left), byElement(right)];
  return mergeOrder(left, right).map(({ element, item }) => {
    const next = element === undefined ? undefined : wanted.get(element);
    return next === undefined ? item : mergeObjects(schema.items, present.get(element!), next)!;
  });
}

interface Item {
  readonly element: PathElement | undefined;
  readonly item: Json;
}

function elementsOf(schema: ListSchema, list: readonly Json[]): readonly Item[] {
  return list.map((item) => ({ element: listElement(schema, item), item }));
}

/** Items by their element; nothing where several have it: none of them is merged with. */
function byElement(items: readonly Item[]): ReadonlyMap<PathElement, Json | undefined> {
  const index = new Map<PathElement, Json | undefined>();
  for (const { element, item } of items)
    if (element !== undefined) index.set(element, index.has(element) ? undefined : item);
  return index;
}

/** Applied items in their order; live-only items stay where they were relative to the live items around them. */
function mergeOrder(live: readonly Item[], applied: readonly Item[]): readonly Item[] {
  const appliedSet = new Set(applied.map((one) => one.element));
  const liveSet = new Set(live.map((one) => one.element));
  const shared = applied.filter((one) => liveSet.has(one.element)).map((one) => one.element);
  const done = new Set<PathElement | undefined>();
  const out: Item[] = [];
  let [left, right, nextShared] = [0, 0, 0];
  while (left < live.length || right < applied.length) {
    const [ours, theirs] = [live[left], applied[right]];
    if (ours !== undefined && theirs !== undefined && ours.element === theirs.element) {
      out.push(ours);
      done.add(ours.element);
      left++;
      right++;
      nextShared++;
    } else if (ours !== undefined && !appliedSet.has(ours.element)) {
      out.push(ours);
      left++;
    } else if (
      ours !== undefined &&
      (done.has(ours.element) || (theirs !== undefined && ours.element !== shared[nextShared]))
    ) {
      left++; // shared: it comes where the applied order has it
    } else {
      out.push(theirs!);
      done.add(theirs!.element);
      if (theirs!.element === shared[nextShared]) nextShared++;
      right++;
    }
  }
  return out;
}
