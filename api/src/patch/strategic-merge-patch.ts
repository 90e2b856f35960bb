import type { Json } from "../object.ts";
import type { Field, Schema } from "../schema.ts";
import { ApiError } from "../status/api-error.ts";
import { goText, goType, goValue } from "./go-value.ts";
import { define, isRecord } from "./merge-patch.ts";
import {
  checkKeys,
  checkOrder,
  checkTypes,
  type ListMeta,
  mergeList,
  orderElements,
  shownType,
} from "./strategic-lists.ts";

type JsonRecord = { readonly [key: string]: Json };

const DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
const SET_ORDER_PREFIX = "$setElementOrder";
const SET_ORDER = `${SET_ORDER_PREFIX}/`;
const DELETE_FROM_PREFIX = "$deleteFromPrimitiveList";
const DELETE_FROM = `${DELETE_FROM_PREFIX}/`;

/** Members and elements of objects that one patch may look at: it may name one large list, or map, again and again. */
const MOST_VISITS = 1_000_000;

class Visits {
  #left = MOST_VISITS;

  add(count: number): void {
    this.#left -= count;
    if (this.#left >= 0) return;
    const why = `A strategic merge patch may look at ${MOST_VISITS} members and elements`;
    throw ApiError.requestEntityTooLarge(`${why}, this one names the same ones too often`);
  }
}

/**
 * Applies a Kubernetes strategic merge patch, guided by the merge strategies of `schema`. `document` is never changed.
 * Directives: `$patch: replace|delete`, `$retainKeys`, `$setElementOrder/<f>`, `$deleteFromPrimitiveList/<f>`; null deletes.
 * @throws {ApiError} 400 for malformed directives, 500 (as upstream) for unknown ones and missing merge keys, 413 for one that is too
 * much to do.
 */
export function strategicMergePatch(document: Json, patch: Json, schema: Schema | undefined): Json {
  if (!isRecord(patch)) throw ApiError.badRequest("Invalid JSON document: a strategic merge patch must be an object");
  return mergeRecord(isRecord(document) ? document : {}, patch, schema, new Visits());
}

/** Merges one object; `schema` is that of the object (undefined: unknown, so its lists are atomic). */
function mergeRecord(original: JsonRecord, patch: JsonRecord, schema: Schema | undefined, visits: Visits): JsonRecord {
  if (Object.hasOwn(patch, DIRECTIVE)) return applyDirective(patch);
  visits.add(Object.keys(original).length);
  const result: Record<string, Json> = retainKeys(original, patch);
  const ordered = mergeOrderedLists(result, patch, schema, visits);
  for (const [key, value] of Object.entries(patch)) {
    if (ordered.has(key) || key.startsWith(SET_ORDER) || key === RETAIN_KEYS) continue;
    if (key.startsWith(DELETE_FROM_PREFIX)) deleteFromList(result, key, value, schema, visits);
    else if (value === null) delete result[key];
    else mergeMember(result, key, value, fieldOf(schema, key), visits);
  }
  return result;
}

function ownMember(record: JsonRecord, key: string): Json | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

function applyDirective(patch: JsonRecord): JsonRecord {
  const { [DIRECTIVE]: directive, ...rest } = patch;
  if (directive === "replace") return rest;
  if (directive === "delete") return {};
  throw ApiError.unknown(`unknown patch type: ${goText(directive)} in map: ${goValue(patch)}`);
}

/** `$retainKeys` lists the only members that survive; the patch may set no others. */
function retainKeys(original: JsonRecord, patch: JsonRecord): Record<string, Json> {
  const list = ownMember(patch, RETAIN_KEYS);
  if (list === undefined) return { ...original };
  if (!Array.isArray(list)) throw ApiError.badRequest("invalid patch format of retainKeys");
  const kept = new Set<Json>(list);
  const isOther = (key: string): boolean =>
    key === RETAIN_KEYS || key.startsWith(DELETE_FROM_PREFIX) || key.startsWith(SET_ORDER_PREFIX);
  if (Object.entries(patch).some(([key, value]) => !isOther(key) && value !== null && !kept.has(key))) {
    throw ApiError.badRequest("invalid patch format of retainKeys");
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => kept.has(key)));
}

/** Handles each `$setElementOrder/<field>` together with the list it orders; returns the fields done. */
function mergeOrderedLists(
  result: Record<string, Json>,
  patch: JsonRecord,
  schema: Schema | undefined,
  visits: Visits,
): Set<string> {
  const done = new Set<string>();
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(SET_ORDER_PREFIX)) continue;
    if (!Array.isArray(order)) throw notAList(order);
    if (!key.startsWith(SET_ORDER)) throw ApiError.badRequest("invalid patch format of setElementOrder list");
    const name = key.slice(SET_ORDER.length);
    const [live, changes] = [listMember(result, name), listMember(patch, name)];
    done.add(name);
    checkList(schema, name);
    const meta = listMeta(fieldOf(schema, name));
    checkOrder(changes ?? [], order as readonly Json[], meta.mergeKey);
    if (live !== undefined || changes !== undefined) {
      define(result, name, mergeInOrder(live, changes, order as readonly Json[], meta, visits));
    }
  }
  return done;
}

/** @throws {ApiError} 500 for a member that is no list. */
function listMember(record: JsonRecord, name: string): readonly Json[] | undefined {
  const member = ownMember(record, name);
  if (member !== undefined && !Array.isArray(member)) throw notAList(member);
  return member as readonly Json[] | undefined;
}

function notAList(value: Json): ApiError {
  return ApiError.unknown(`expected a []interface {}, but received a ${shownType(value)}`);
}

function notAStruct(): ApiError {
  return ApiError.unknown("merging an object in json but data type is not struct, instead is: map");
}

/** @throws {ApiError} 500, as upstream, for a directive about what is no list of the type. */
function checkList(schema: Schema | undefined, name: string): void {
  if (schema?.kind === "map") throw notAStruct();
  if (schema?.kind !== "object") return;
  const field = schema.fields.get(name);
  const struct = schema.typeName.slice(schema.typeName.lastIndexOf(".") + 1);
  if (field === undefined)
    throw ApiError.unknown(`unable to find api field in struct ${struct} for the json field ${JSON.stringify(name)}`);
  if (field.schema.kind !== "list" && !field.pointer)
    throw ApiError.unknown("expected slice or array type, but got: struct");
}

function mergeInOrder(
  live: readonly Json[] | undefined,
  changes: readonly Json[] | undefined,
  order: readonly Json[],
  meta: ListMeta,
  visits: Visits,
): Json {
  visits.add(live?.length ?? 0);
  const merged =
    changes === undefined
      ? live!
      : live === undefined
        ? (dropDirectives(changes) as readonly Json[])
        : mergeListMember(live, changes, meta, visits);
  if (meta.mergeKey !== undefined) checkKeys(merged, order, meta.mergeKey);
  checkTypes(live ?? [], changes ?? []);
  if ((live ?? []).length + (changes ?? []).length === 0)
    throw ApiError.unknown("no elements in any of the given slices");
  return orderElements(merged, order, live ?? [], meta.mergeKey);
}

/** Upstream merges what is no list of primitives as if the directive were not there. */
function deleteFromList(
  result: Record<string, Json>,
  key: string,
  values: Json,
  schema: Schema | undefined,
  visits: Visits,
): void {
  if (!key.startsWith(DELETE_FROM)) throw ApiError.badRequest("invalid patch format of primitive list");
  const name = key.slice(DELETE_FROM.length);
  const live = ownMember(result, name);
  if (values === null) delete result[name];
  if (values === null || live === undefined || goType(live) !== goType(values)) return;
  if (!Array.isArray(live)) {
    mergeMember(result, name, values, fieldOf(schema, name), visits);
    return;
  }
  checkList(schema, name);
  const [present, gone] = [live as readonly Json[], values as readonly Json[]];
  visits.add(present.length);
  checkTypes(present, gone);
  const meta = { ...listMeta(fieldOf(schema, name)), merge: true };
  const isOfRecords = isRecord(present[0] ?? gone[0]);
  const deleted = new Set(gone);
  const left = isOfRecords
    ? mergeListMember(present, gone, meta, visits)
    : present.filter((element) => !deleted.has(element));
  define(result, name, left as Json);
}

/** Merges what is of one type on both sides; else the patch's value is taken, which directives make none. */
function mergeMember(result: Record<string, Json>, key: string, value: Json, field: FieldMeta, visits: Visits): void {
  const live = ownMember(result, key);
  if (isRecord(value) && isRecord(live)) {
    if (field.isOfMap) throw notAStruct();
    define(result, key, field.replace ? value : mergeRecord(live, value, field.schema, visits));
  } else if (Array.isArray(value) && Array.isArray(live)) {
    if (field.isOfMap) throw notAStruct();
    define(result, key, mergeListMember(live as readonly Json[], value as readonly Json[], listMeta(field), visits));
  } else if (isDirectiveOnly(value)) delete result[key];
  else define(result, key, dropDirectives(value));
}

function mergeListMember(
  live: readonly Json[],
  changes: readonly Json[],
  meta: ListMeta,
  visits: Visits,
): readonly Json[] {
  if (!meta.merge) return changes;
  visits.add(live.length);
  return mergeList(live, changes, meta, {
    mergeElement: (original, patch) => mergeRecord(original, patch, meta.items, visits),
  });
}

interface FieldMeta {
  readonly schema: Schema | undefined;
  readonly strategies: readonly string[];
  readonly mergeKey: string | undefined;
  readonly replace: boolean;
  /** A value of a map, in which upstream merges no containers. */
  readonly isOfMap?: boolean;
}

const UNKNOWN: FieldMeta = { schema: undefined, strategies: [], mergeKey: undefined, replace: false };

function fieldOf(schema: Schema | undefined, name: string): FieldMeta {
  if (schema?.kind === "map") return { ...UNKNOWN, schema: schema.values, isOfMap: true };
  const field: Field | undefined = schema?.kind === "object" ? schema.fields.get(name) : undefined;
  if (field === undefined) return UNKNOWN;
  const strategies = field.patchStrategy;
  return { schema: field.schema, strategies, mergeKey: field.patchMergeKey, replace: strategies.includes("replace") };
}

function listMeta(field: FieldMeta): ListMeta {
  return {
    merge: field.strategies.includes("merge"),
    mergeKey: field.mergeKey,
    items: field.schema?.kind === "list" ? field.schema.items : undefined,
  };
}

/** What a new value is without nulls (they had nothing to delete) and without what is a directive itself. */
function dropDirectives(value: Json): Json {
  return withoutDirectives(withoutNulls(value));
}

function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(withoutNulls);
  if (!isRecord(value)) return value;
  const result: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value)) if (member !== null) define(result, key, withoutNulls(member));
  return result;
}

function withoutDirectives(value: Json): Json {
  if (Array.isArray(value))
    return (value as readonly Json[]).filter((element) => !isDirectiveOnly(element)).map(withoutDirectives);
  if (!isRecord(value)) return value;
  const result: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value))
    if (!isDirectiveOnly(member)) define(result, key, withoutDirectives(member));
  return result;
}

function isDirectiveOnly(element: Json): boolean {
  return isRecord(element) && Object.hasOwn(element, DIRECTIVE);
}
