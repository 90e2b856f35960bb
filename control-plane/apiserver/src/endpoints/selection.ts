import {
  ApiError,
  everyField,
  everything,
  type FieldMatcher,
  fieldMatcher,
  type LabelMatcher,
  parseFieldSelector,
  parseLabelSelector,
  type Requirement,
  textAt,
  type Unstructured,
} from "@tsukube/api";
import type { Tree } from "@tsukube/store";
import type { RequestInfo } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import { labelsOf, textOf } from "../storage/cached-fields.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import type { Having } from "../storage/contract.ts";
import type { Attribute } from "../storage/object-index.ts";
import { type ObjectStore, servesStoredBytes } from "../storage/object-store.ts";

type Entries = Iterable<readonly [string, CachedObject]>;

/** What a list or watch wants to see. */
export interface Selection {
  readonly fields: FieldMatcher;
  /** Nothing is left out: counting and splicing need no look inside. */
  readonly isEverything: boolean;
  /** Objects among which are all that match; undefined: no value of theirs is known. */
  readonly having: Having | undefined;
  /** Decodes nothing where the stored bytes tell. */
  matches(cached: CachedObject): boolean;
  /**
   * Entries below `prefix` from `start` on, in order, among which are all that match: of the newest state those that an index
   * names, otherwise all.
   */
  candidates(root: Tree<CachedObject>, prefix: string, start?: string): Candidates;
}

interface Candidates {
  readonly entries: Entries;
  /** By what they were found: "f:spec.nodeName", "l:" for any label; "" where nothing spared looking at all. */
  readonly index: string;
}

/** Parses labelSelector and fieldSelector, and the name in the path. @throws {ApiError} 400 for unknown field labels. */
export function selectionOf(store: ObjectStore, definition: ResourceDefinition, info: RequestInfo): Selection {
  const labelText = info.query.get("labelSelector") ?? "";
  const labels = labelText === "" ? everything : parseLabelSelector(labelText);
  const fields = fieldsOf(info);
  for (const { field } of fields.requirements) checkLabel(definition, field);
  const isEverything = labelText === "" && fields.requirements.length === 0;
  const isConverted = definition.custom?.convert !== undefined; // by a webhook, which may change labels
  const wanted: readonly Having[] = isConverted || isEverything ? [] : wantedValues(definition, labels, fields);
  return {
    fields,
    isEverything,
    having: wanted.at(-1), // fields come last: they tell more objects apart than labels do
    matches(cached) {
      const held = (): Readonly<Record<string, string>> | undefined =>
        isConverted ? store.view(definition, cached).metadata?.labels : labelsOf(cached);
      if (labels.requirements.length > 0 && !labels.matches(held())) return false;
      return fields.matches((field) => fieldOf(store, definition, cached, field));
    },
    candidates(root, prefix, start = prefix) {
      const name = fields.exactValue("metadata.name");
      if (name !== undefined && (!definition.namespaced || prefix !== definition.storage.prefix))
        return plain(oneOf(root, prefix + name, start));
      if (name !== undefined) return plain(inEachNamespace(root, prefix, name, start));
      const isNewest = root === store.cache.head;
      const found = isNewest && wanted.length > 0 ? indexed(store, definition, wanted, root, prefix) : undefined;
      if (found === undefined) return plain(root.range(prefix, start));
      return { entries: merged(found.trees, prefix, start), index: found.index };
    },
  };
}

/** The deprecated paths below /watch/ may name an object. @throws {ApiError} 400. */
function fieldsOf({ name, query }: RequestInfo): FieldMatcher {
  const text = query.get("fieldSelector") ?? "";
  const fields = text === "" ? everyField : parseFieldSelector(text);
  if (name === "") return fields;
  if (fields.requirements.length === 0) return fieldMatcher([{ field: "metadata.name", operator: "=", value: name }]);
  if (fields.exactValue("metadata.name") === name) return fields;
  throw ApiError.badRequest("fieldSelector metadata.name doesn't match requested name");
}

/** Two kinds have words of their own. */
function unsupported({ group, version, resource, kind }: ResourceDefinition, field: string): string {
  if (group === "batch" && resource === "jobs") return `field label "${field}" not supported for Job`;
  if (resource === "resourceslices") return `field label not supported for ${group}/${version}, Kind=${kind}: ${field}`;
  return `field label not supported: ${field}`;
}

function checkLabel(definition: ResourceDefinition, field: string): void {
  const own = definition.custom !== undefined || Object.keys(definition.strategy.fieldLabels ?? {}).length > 0;
  // of kinds with selectors of their own it is one only where objects have namespaces
  const hasNamespace = !own || (definition.namespaced && definition.resource !== "podcertificaterequests");
  if (field === "metadata.name" || (field === "metadata.namespace" && hasNamespace)) return;
  if (definition.strategy.fieldLabels?.[field] !== undefined || definition.custom?.selectableFields.includes(field))
    return;
  if (own) throw ApiError.badRequest(unsupported(definition, field));
  throw ApiError.badRequest(`"${field}" is not a known field selector: only "metadata.name", "metadata.namespace"`);
}

function fieldOf(store: ObjectStore, definition: ResourceDefinition, cached: CachedObject, field: string): string {
  if (field === "metadata.name") return nameOf(cached);
  if (field === "metadata.namespace") return definition.namespaced ? namespaceOf(definition, cached) : "";
  const label = definition.strategy.fieldLabels?.[field];
  if (typeof label === "string" && servesStoredBytes(definition)) return textOf(cached, label.split("."));
  return fieldValue(definition, store.view(definition, cached), field);
}

function nameOf({ key }: CachedObject): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

function namespaceOf({ storage: { prefix } }: ResourceDefinition, { key }: CachedObject): string {
  return key.slice(prefix.length, key.lastIndexOf("/"));
}

function fieldValue(definition: ResourceDefinition, object: Unstructured, field: string): string {
  const label = definition.strategy.fieldLabels?.[field];
  return typeof label === "function" ? label(object) : textAt(object, label ?? field);
}

const IS_ONE_OF = new Set<Requirement["operator"]>(["=", "==", "in"]);

function wantedValues(definition: ResourceDefinition, labels: LabelMatcher, fields: FieldMatcher): readonly Having[] {
  const byLabel = labels.requirements
    .filter(({ operator }) => IS_ONE_OF.has(operator))
    .map(({ key, values }) => ({ attribute: labelAttribute(key), values }));
  const byField = fields.requirements.flatMap(({ field, operator, value }) => {
    const attribute = operator === "=" ? fieldAttribute(definition, field) : undefined;
    return attribute === undefined ? [] : [{ attribute, values: [value] }];
  });
  return [...byLabel, ...byField];
}

function labelAttribute(key: string): Attribute {
  return {
    name: `label ${key}`,
    valueOf(cached) {
      const labels = labelsOf(cached);
      return labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined;
    },
  };
}

/** Undefined for fields whose value takes more than a look at one place. */
function fieldAttribute(definition: ResourceDefinition, field: string): Attribute | undefined {
  const name = `field ${field}`;
  const label = definition.strategy.fieldLabels?.[field];
  if (typeof label !== "string" || !servesStoredBytes(definition)) return undefined;
  const path = label.split(".");
  return { name, valueOf: (cached) => textOf(cached, path) };
}

function oneOf(root: Tree<CachedObject>, key: string, start: string): Entries {
  const cached = key < start ? undefined : root.get(key);
  return cached === undefined ? [] : [[key, cached]];
}

/** Objects of one name, by looking once in each namespace: an index would need as much memory as all names do. */
function* inEachNamespace(root: Tree<CachedObject>, prefix: string, name: string, start: string): Entries {
  let next: string | undefined = prefix;
  while (next !== undefined) {
    const folder = folderFrom(root, prefix, next);
    if (folder !== undefined) yield* oneOf(root, `${folder}/${name}`, start);
    next = folder && folder + AFTER_SLASH;
  }
}

/** The smallest character after "/". */
const AFTER_SLASH = "0";

/** The first folder below `prefix` from `start` on, without the slash at its end. */
function folderFrom(root: Tree<CachedObject>, prefix: string, start: string): string | undefined {
  for (const [key] of root.range(prefix, start)) {
    const end = key.indexOf("/", prefix.length);
    if (end >= 0) return key.slice(0, end);
  }
  return undefined;
}

/** The fewest objects that an index names. */
function indexed(
  { cache }: ObjectStore,
  { storage }: ResourceDefinition,
  wanted: readonly Having[],
  root: Tree<CachedObject>,
  prefix: string,
): { readonly trees: readonly Tree<CachedObject>[]; readonly index: string } | undefined {
  let fewest = root.count(prefix);
  let best: ReturnType<typeof indexed>;
  for (const { attribute, values } of wanted) {
    const trees = cache.having(storage.prefix, attribute, values);
    const size = trees?.reduce((sum, tree) => sum + tree.count(prefix), 0) ?? fewest;
    if (trees === undefined || size >= fewest) continue;
    fewest = size;
    best = { trees, index: indexName(attribute) };
  }
  return best;
}

/** Labels have any name: as values of a metric they would be too many. */
function indexName({ name }: Attribute): string {
  return name.startsWith("field ") ? `f:${name.slice("field ".length)}` : "l:";
}

const plain = (entries: Entries): Candidates => ({ entries, index: "" });

function merged(trees: readonly Tree<CachedObject>[], prefix: string, start: string): Entries {
  if (trees.length === 1) return trees[0]!.range(prefix, start);
  const entries = trees.flatMap((tree) => [...tree.range(prefix, start)]);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}
