import type { Json } from "../object.ts";
import type { Field, Schema } from "../schema.ts";
import { ApiError } from "../status/api-error.ts";
import { define, isRecord } from "./merge-patch.ts";
import { type ListMeta, mergeList, orderElements } from "./strategic-lists.ts";

type JsonRecord = { readonly [key: string]: Json };

const DIRECTIVE = "$patch";
const RETAIN_KEYS = "$retainKeys";
const SET_ORDER = "$setElementOrder/";
const DELETE_FROM = "$deleteFromPrimitiveList/";

/**
 * Applies a Kubernetes strategic merge patch, guided by the merge strategies of `schema`. `document` is never changed.
 * Directives: `$patch: replace|delete`, `$retainKeys`, `$setElementOrder/<f>`, `$deleteFromPrimitiveList/<f>`; null deletes.
 * @throws {ApiError} 400 for malformed directives, 500 (as upstream) for unknown ones and missing merge keys.
 */
export function strategicMergePatch(document: Json, patch: Json, schema: Schema | undefined): Json {
  if (!isRecord(patch)) throw ApiError.badRequest("Invalid JSON document: a strategic merge patch must be an object");
  return mergeRecord(isRecord(document) ? document : {}, patch, schema);
}

/** Merges one object; `schema` is that of the object (undefined: unknown, so its lists are atomic). */
function mergeRecord(original: JsonRecord, patch: JsonRecord, schema: Schema | undefined): JsonRecord {
  if (Object.hasOwn(patch, DIRECTIVE)) return applyDirective(patch);
  const result: Record<string, Json> = retainKeys(original, patch);
  const ordered = mergeOrderedLists(result, patch, schema);
  for (const [key, value] of Object.entries(patch)) {
    if (ordered.has(key) || key.startsWith(SET_ORDER) || key === RETAIN_KEYS) continue;
    if (key.startsWith(DELETE_FROM)) deletePrimitives(result, key.slice(DELETE_FROM.length), value);
    else if (value === null) delete result[key];
    else define(result, key, mergeMember(ownMember(result, key), value, fieldOf(schema, key)));
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
  throw ApiError.unknown(`unknown patch type: ${goValue(directive)} in map: ${goValue(patch)}`);
}

/** `$retainKeys` lists the only members that survive; the patch may set no others. */
function retainKeys(original: JsonRecord, patch: JsonRecord): Record<string, Json> {
  const list = ownMember(patch, RETAIN_KEYS);
  if (list === undefined) return { ...original };
  if (!Array.isArray(list)) throw ApiError.badRequest("invalid patch format of retainKeys");
  const kept = new Set<Json>(list);
  if (Object.entries(patch).some(([key, value]) => key !== RETAIN_KEYS && value !== null && !kept.has(key))) {
    throw ApiError.badRequest("invalid patch format of retainKeys");
  }
  return Object.fromEntries(Object.entries(original).filter(([key]) => kept.has(key)));
}

/** Handles each `$setElementOrder/<field>` together with the list it orders; returns the fields done. */
function mergeOrderedLists(result: Record<string, Json>, patch: JsonRecord, schema: Schema | undefined): Set<string> {
  const done = new Set<string>();
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(SET_ORDER)) continue;
    if (!Array.isArray(order)) throw ApiError.badRequest("invalid patch format of setElementOrder list");
    const name = key.slice(SET_ORDER.length);
    const [live, changes] = [listMember(result, name), listMember(patch, name)];
    if (Object.hasOwn(patch, name) && changes === undefined) continue; // null or a new type: an ordinary member
    done.add(name);
    const meta = listMeta(fieldOf(schema, name));
    if (live !== undefined || changes !== undefined) {
      define(result, name, mergeInOrder(live, changes, order as readonly Json[], meta));
    }
  }
  return done;
}

function listMember(record: JsonRecord, name: string): readonly Json[] | undefined {
  const member = ownMember(record, name);
  return Array.isArray(member) ? (member as readonly Json[]) : undefined;
}

function mergeInOrder(
  live: readonly Json[] | undefined,
  changes: readonly Json[] | undefined,
  order: readonly Json[],
  meta: ListMeta,
): Json {
  const merged =
    changes === undefined
      ? live!
      : live === undefined
        ? (dropDirectives(changes) as readonly Json[])
        : mergeListMember(live, changes, meta);
  return orderElements(merged, order, live ?? [], meta.mergeKey);
}

function deletePrimitives(result: Record<string, Json>, name: string, values: Json): void {
  if (!Array.isArray(values)) throw ApiError.badRequest("invalid patch format of primitive list");
  const live = listMember(result, name);
  const gone = new Set<Json>(values);
  if (live !== undefined) result[name] = live.filter((element) => !gone.has(element));
}

function mergeMember(live: Json | undefined, value: Json, field: FieldMeta): Json {
  if (isRecord(value) && isRecord(live) && !field.replace) return mergeRecord(live, value, field.schema);
  if (Array.isArray(value) && Array.isArray(live)) {
    return mergeListMember(live as readonly Json[], value as readonly Json[], listMeta(field));
  }
  return isRecord(value) && Object.hasOwn(value, DIRECTIVE) ? applyDirective(value) : dropDirectives(value);
}

function mergeListMember(live: readonly Json[], changes: readonly Json[], meta: ListMeta): readonly Json[] {
  if (!meta.merge) return dropDirectives(changes) as readonly Json[];
  return mergeList(live, changes, meta, {
    mergeElement: (original, patch) => mergeRecord(original, patch, meta.items),
    newElement: (element) => dropDirectives(element),
    describe: goValue,
  });
}

interface FieldMeta {
  readonly schema: Schema | undefined;
  readonly strategies: readonly string[];
  readonly mergeKey: string | undefined;
  readonly replace: boolean;
}

const UNKNOWN: FieldMeta = { schema: undefined, strategies: [], mergeKey: undefined, replace: false };

function fieldOf(schema: Schema | undefined, name: string): FieldMeta {
  if (schema?.kind === "map") return { ...UNKNOWN, schema: schema.values };
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

/** What a new value is without nulls (they had nothing to delete) and without directives. */
function dropDirectives(value: Json): Json {
  if (Array.isArray(value)) {
    const elements = value as readonly Json[];
    return elements.filter((element) => !isDirectiveOnly(element)).map(dropDirectives);
  }
  if (!isRecord(value)) return value;
  const result: Record<string, Json> = {};
  for (const [key, member] of Object.entries(value)) {
    if (member === null || isDirectiveKey(key)) continue;
    define(result, key, dropDirectives(member));
  }
  return result;
}

function isDirectiveOnly(element: Json): boolean {
  return isRecord(element) && Object.hasOwn(element, DIRECTIVE);
}

function isDirectiveKey(key: string): boolean {
  return key === DIRECTIVE || key === RETAIN_KEYS || key.startsWith(SET_ORDER) || key.startsWith(DELETE_FROM);
}

/** A value as Go's %v prints it: upstream's texts show patches so. */
function goValue(value: Json | undefined): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(goValue).join(" ")}]`;
  if (!isRecord(value)) return String(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${key}:${goValue(value[key])}`);
  return `map[${members.join(" ")}]`;
}
