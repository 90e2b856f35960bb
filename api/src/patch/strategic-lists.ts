import type { Json } from "../object.ts";
import type { Schema } from "../schema.ts";
import { ApiError } from "../status/api-error.ts";
import { goSyntax, goText, goType, goValue } from "./go-value.ts";
import { isRecord } from "./merge-patch.ts";

type JsonRecord = { readonly [key: string]: Json };

/** How a list field merges. */
export interface ListMeta {
  /** False: the patch's list replaces the live one. */
  readonly merge: boolean;
  /** The member that identifies elements; absent for lists of primitives. */
  readonly mergeKey: string | undefined;
  readonly items: Schema | undefined;
}

interface ElementMerger {
  mergeElement(original: JsonRecord, patch: JsonRecord): Json;
}

/** Merges two lists of strategy "merge": by key for objects, as a set for primitives. Patch order wins over live order. */
export function mergeList(
  live: readonly Json[],
  patch: readonly Json[],
  meta: ListMeta,
  merger: ElementMerger,
): readonly Json[] {
  if (live.length === 0 && patch.length === 0) return live;
  checkTypes(live, patch);
  const sample = live[0] ?? patch[0]!;
  if (!isRecord(sample)) return orderElements(unique([...live, ...patch]), patch, live, undefined);
  const mergeKey = meta.mergeKey;
  if (mergeKey === undefined) throw ApiError.unknown(`cannot merge lists without merge key for ${goKind(meta.items)}`);
  const { kept, changes } = applyElementDirectives(live, patch, mergeKey);
  const merged = mergeByKey(kept, changes, mergeKey, merger);
  return orderElements(merged, changes, kept, mergeKey);
}

/** What Go's reflection calls the type of a field or an element. */
function goKind(schema: Schema | undefined): string {
  if (schema?.kind === "list") return "slice";
  if (schema?.kind === "object") return "struct";
  return schema?.kind === "scalar" ? schema.scalar : "map";
}

/** @throws {ApiError} 500 (as upstream) where the elements of two lists are not of one type. */
export function checkTypes(live: readonly Json[], patch: readonly Json[]): void {
  const types = new Set([...live, ...patch].map(goType));
  if (types.size > 1) throw ApiError.unknown(`list element types are not identical: ${goValue([live, patch])}`);
  if (types.has("[]interface {}")) {
    const { status } = ApiError.generic(422);
    throw new ApiError(status, { cause: new Error("lists of lists are not supported") });
  }
}

/**
 * Holds the list of a patch against the order that the patch wants: what is not deleted must be in it, in that order.
 * @throws {ApiError} 500, as upstream.
 */
export function checkOrder(changes: readonly Json[], order: readonly Json[], mergeKey: string | undefined): void {
  if (changes.length === 0 || order.length === 0) return;
  const left = changes.filter((element) => !(isRecord(element) && Object.hasOwn(element, "$patch")));
  let next = 0;
  for (const wanted of order) {
    if (next >= left.length) return;
    if (identityOf(left[next]!, mergeKey) === identityOf(wanted, mergeKey)) next += 1;
  }
  if (next < left.length) {
    const shown = [changes, order].map((list) => goValue(list));
    throw ApiError.unknown(
      `The order in patch list:\n${shown[0]}\n doesn't match $setElementOrder list:\n${shown[1]}\n`,
    );
  }
}

/** An order is of objects with their key, where elements are told by one. @throws {ApiError} 500, as upstream. */
export function checkKeys(merged: readonly Json[], order: readonly Json[], mergeKey: string): void {
  const stray = order.findIndex((wanted) => !isRecord(wanted));
  const before = stray < 0 ? undefined : new Set(order.slice(0, stray).map((wanted) => keyText(wanted, mergeKey)));
  for (const element of merged) {
    identityOf(element, mergeKey);
    if (before?.has(keyText(element, mergeKey)) === false)
      throw ApiError.unknown(`value for key ${stray} is not a map`);
  }
  for (const wanted of order) identityOf(wanted, mergeKey);
}

/** @throws {ApiError} 500, as upstream, for an element without its key. */
function identityOf(element: Json, mergeKey: string | undefined): Json {
  if (mergeKey === undefined) return element;
  if (isRecord(element)) return keyOf(element, mergeKey);
  throw ApiError.unknown(`expected a map[string]interface {}, but received a ${shownType(element)}`);
}

/** The type of a value in messages. */
export function shownType(value: Json): string {
  return value === null ? goText(value) : goType(value);
}

/** Elements with `$patch: delete` remove their match; one with `$patch: replace` replaces the whole list. */
function applyElementDirectives(
  live: readonly Json[],
  patch: readonly Json[],
  mergeKey: string,
): { readonly kept: readonly Json[]; readonly changes: readonly Json[] } {
  const plain: Json[] = [];
  const gone = new Set<string | undefined>();
  let replace = false;
  for (const element of patch) {
    if (!isRecord(element)) continue; // all are objects, as the types were held to be the same
    const directive = Object.hasOwn(element, "$patch") ? element["$patch"] : undefined;
    if (directive === undefined) plain.push(element);
    else if (directive === "replace") replace = true;
    else if (directive === "delete") gone.add(goSyntax(keyOf(element, mergeKey)));
    else if (directive === "merge") throw ApiError.unknown("merging lists cannot yet be specified in the patch");
    else throw ApiError.unknown(`unknown patch type: ${goText(directive)} in map: ${goValue(element)}`);
  }
  if (replace) return { kept: [], changes: plain };
  return { kept: live.filter((element) => !gone.has(keyText(element, mergeKey))), changes: plain };
}

/** Equal for equal keys; undefined for an element without one. */
function keyText(element: Json, mergeKey: string): string | undefined {
  const key = isRecord(element) ? element[mergeKey] : undefined;
  return key === undefined ? undefined : goSyntax(key);
}

function keyOf(element: JsonRecord, mergeKey: string): Json {
  const key = element[mergeKey];
  if (key === undefined) {
    throw ApiError.unknown(`map: ${goValue(element)} does not contain declared merge key: ${mergeKey}`);
  }
  return key;
}

function mergeByKey(
  live: readonly Json[],
  changes: readonly Json[],
  mergeKey: string,
  merger: ElementMerger,
): readonly Json[] {
  const merged = [...live];
  const places = new Map(live.map((element, at) => [keyText(element, mergeKey), at] as const).reverse());
  for (const change of changes) {
    const patch = change as JsonRecord;
    const key = goSyntax(keyOf(patch, mergeKey));
    const at = places.get(key);
    if (at === undefined) places.set(key, merged.push(patch) - 1);
    else merged[at] = merger.mergeElement(merged[at] as JsonRecord, patch);
  }
  return merged;
}

/**
 * Puts the elements that `wanted` names in its order; the others keep their live order and stand before a named element
 * that they preceded live.
 */
export function orderElements(
  merged: readonly Json[],
  wanted: readonly Json[],
  live: readonly Json[],
  mergeKey: string | undefined,
): readonly Json[] {
  const identity = (element: Json): Json =>
    mergeKey !== undefined && isRecord(element) ? (element[mergeKey] ?? null) : element;
  const position = (list: readonly Json[]): ((element: Json) => number) => {
    const index = new Map(list.map((element, at) => [identity(element), at] as const).reverse());
    return (element) => index.get(identity(element)) ?? -1;
  };
  const [wantedAt, liveAt] = [position(wanted), position(live)];
  const named = sortBy(
    merged.filter((element) => wantedAt(element) >= 0),
    wantedAt,
  );
  const others = sortBy(
    merged.filter((element) => wantedAt(element) < 0),
    liveAt,
  );
  return interleave(others, named, liveAt);
}

/** As many elements as Go's stable sort inserts one by one. */
const INSERTED = 20;

/**
 * As upstream: what has no rank comes before whatever it is held against, and so does the other, which lets insertion turn the order of
 * such elements around. Among more of them, which no client writes, they come first, in their order.
 */
function sortBy(list: readonly Json[], rank: (element: Json) => number): readonly Json[] {
  const ranked = list.map((element) => [element, rank(element)] as const);
  if (ranked.length > INSERTED) return ranked.sort(([, a], [, b]) => a - b).map(([element]) => element);
  const isLess = (a: number, b: number): boolean => a < 0 || b < 0 || a < b;
  for (let next = 1; next < ranked.length; next += 1)
    for (let at = next; at > 0 && isLess(ranked[at]![1], ranked[at - 1]![1]); at -= 1)
      [ranked[at - 1], ranked[at]] = [ranked[at]!, ranked[at - 1]!];
  return ranked.map(([element]) => element);
}

function interleave(
  others: readonly Json[],
  named: readonly Json[],
  liveAt: (element: Json) => number,
): readonly Json[] {
  const result: Json[] = [];
  let next = 0;
  for (const element of named) {
    const at = liveAt(element);
    while (next < others.length && at >= 0 && liveAt(others[next]!) >= 0 && liveAt(others[next]!) < at) {
      result.push(others[next++]!);
    }
    result.push(element);
  }
  return [...result, ...others.slice(next)];
}

function unique(list: readonly Json[]): readonly Json[] {
  return [...new Set(list)];
}
