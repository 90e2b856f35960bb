import {
  ApiError,
  apiVersionOf,
  encodeMessage,
  type ObjectSchema,
  piecesOfMessageList,
  schemaOfType,
  type Unstructured,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Clock } from "@tsukube/foundation";
import type { RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import { Pieces } from "../sending/pieces.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import { type ObjectStore, servesStoredBytes } from "../storage/object-store.ts";
import type { CacheVersion } from "../storage/watch-cache.ts";
import { mustReach } from "./freshness.ts";
import type { ListMetrics } from "./list-metrics.ts";
import {
  type Continuation,
  decodeContinue,
  encodeContinue,
  type ListOptions,
  parseListOptions,
} from "./list-options.ts";
import { encode, headersOf, notInForm, partial, tableOf, typeNameOf, type View } from "./represent.ts";
import { type Selection, selectionOf } from "./selection.ts";

/** How long a list goes on as it was when it began: as upstream, which may keep no more. Clients are to know how to go on. */
const CONTINUE_MS = 5 * 60_000;

interface Page {
  readonly revision: number;
  readonly objects: readonly CachedObject[];
  readonly continue: string;
  readonly remaining: number | undefined;
}

/** LIST: one consistent state, by pages if asked; JSON items are spliced from stored bytes without looking inside. */
export async function list(
  store: ObjectStore,
  clock: Clock,
  metrics: ListMetrics,
  context: RequestContext,
  view: View,
): Promise<ApiResponse> {
  const { definition, accepted } = view;
  const options = parseListOptions(context.info.query, false);
  const selection = selectionOf(store, definition, context.info);
  const page = await readPage(store, clock, metrics, context, view, options, selection);
  const metadata = metadataOf(page);
  if (accepted.as === "" && accepted.encoding === "json" && !accepted.pretty && servesStoredBytes(definition)) {
    return { status: 200, headers: headersOf(accepted), body: spliceJson(view, metadata, page.objects) };
  }
  if (accepted.as === "" && accepted.encoding === "protobuf" && servesStoredBytes(definition)) {
    const messages = page.objects.map((cached) => store.encodings.messageOf(definition, cached));
    return { status: 200, headers: headersOf(accepted), body: Pieces.of(listOfMessages(view, metadata, messages)) };
  }
  const objects = page.objects.map((cached) => store.view(definition, cached));
  return { status: 200, headers: headersOf(accepted), body: encodeList(view, metadata, objects) };
}

/** What a list of a page says of itself. */
export function metadataOf({ revision, continue: next, remaining }: Page): object {
  return {
    resourceVersion: String(revision),
    ...(next !== "" && { continue: next }),
    ...(remaining !== undefined && { remainingItemCount: remaining }),
  };
}

/** What a list shows and the removal of a collection removes. @throws {ApiError} 400, 410. */
export async function readPage(
  store: ObjectStore,
  clock: Clock,
  metrics: ListMetrics,
  context: RequestContext,
  view: View,
  options: ListOptions,
  selection: Selection,
): Promise<Page> {
  const { definition } = view;
  const { namespace } = context.info;
  const within = definition.namespaced && namespace !== "" ? `${namespace}/` : "";
  const prefix = definition.storage.prefix + within;
  const from = options.continue === "" ? undefined : decodeContinue(options.continue);
  if (from !== undefined && (options.resourceVersion ?? 0) !== 0)
    throw ApiError.badRequest("specifying resource version is not allowed when using continue");
  if (from === undefined && options.resourceVersion === undefined) metrics.readNewest(definition);
  const version = await versionFor(store, clock, definition, options, from, prefix);
  const source = version.revision < store.cache.oldestRevision ? "etcd" : "watchcache";
  const limit =
    options.limit > 0 && !(options.resourceVersion === 0 && options.match === "")
      ? options.limit
      : Number.POSITIVE_INFINITY;
  const start = from === undefined ? prefix : prefix + startBelow(within, from.start);
  await store.readable(definition, objectsIn(version, prefix, start));
  const objects: CachedObject[] = [];
  const isOfNode = selection.fields.exactValue("spec.nodeName") !== undefined;
  let last = "";
  let fetched = 0;
  const { entries, index } = selection.candidates(version.root, prefix, start);
  for (const [key, cached] of entries) {
    fetched += 1;
    // whether what comes next is selected is not looked at, but for pods of a node, which upstream finds by it
    if (isOfNode && !selection.matches(cached)) continue;
    if (objects.length === limit) {
      const remaining = selection.isEverything ? version.root.count(prefix, `${last}\0`) : undefined;
      const token = encodeContinue({
        revision: version.revision,
        start: `${last.slice(prefix.length)}\0`,
        since: from === undefined || from.revision < 0 ? clock.now() : from.since,
      });
      metrics.listed(definition, source, index, fetched, objects.length);
      return { revision: version.revision, objects, continue: token, remaining };
    }
    if (!selection.matches(cached)) continue;
    objects.push(cached);
    last = key;
  }
  metrics.listed(definition, source, index, fetched, objects.length);
  return { revision: version.revision, objects, continue: "", remaining: undefined };
}

/** Where a page begins below what is listed. Former versions told it below the resource: with the namespace, which no name holds. */
function startBelow(within: string, start: string): string {
  return start.startsWith(within) ? start.slice(within.length) : start;
}

function* objectsIn(version: CacheVersion, prefix: string, start: string): Generator<CachedObject> {
  for (const [, cached] of version.root.range(prefix, start)) yield cached;
}

async function versionFor(
  store: ObjectStore,
  clock: Clock,
  definition: ResourceDefinition,
  options: ListOptions,
  continued: Continuation | undefined,
  prefix: string,
): Promise<CacheVersion> {
  const { cache } = store;
  const newest = (): CacheVersion => ({ revision: cache.revision, root: cache.head, events: [] });
  if (continued !== undefined) {
    const { revision, start, since = clock.now() } = continued;
    if (revision < 0) return newest();
    await mustReach(store, definition, revision, clock);
    const isLate = clock.now() - since > CONTINUE_MS;
    const version = isLate ? undefined : (cache.at(revision) ?? (await cache.past(revision, prefix)));
    if (version !== undefined) return { ...version, revision };
    throw ApiError.expired(
      "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
      encodeContinue({ revision: -1, start }),
    );
  }
  const asked = options.resourceVersion;
  if (asked === undefined || asked === 0) return newest();
  await mustReach(store, definition, asked, clock);
  const exact = options.match === "Exact" || (options.match === "" && options.limit > 0);
  if (!exact) return newest();
  const version = cache.at(asked) ?? (await cache.past(asked, prefix));
  if (version === undefined) throw ApiError.expired(`The resourceVersion for the provided list is too old.`);
  return { ...version, revision: asked };
}

const COMMA = Buffer.from(",");

/** Joins stored bytes. Typed lists begin with kind and their items carry none; custom lists have sorted keys and items with kind. */
function spliceJson(view: View, metadata: object, objects: readonly CachedObject[]): ApiResponse["body"] {
  const { definition } = view;
  const apiVersion = apiVersionOf(definition);
  const meta = JSON.stringify(definition.typed ? metadata : untypedMetadata(metadata));
  const head = definition.typed
    ? `{"kind":"${definition.listKind}","apiVersion":"${apiVersion}","metadata":${meta},"items":[`
    : `{"apiVersion":"${apiVersion}","items":[`;
  const tail = definition.typed ? "]}\n" : `],"kind":"${definition.listKind}","metadata":${meta}}\n`;
  const pieces: Uint8Array[] = [Buffer.from(head)];
  objects.forEach((object, index) => {
    if (index > 0) pieces.push(COMMA);
    pieces.push(...(definition.typed ? object.bareJson() : object.pieces()));
  });
  pieces.push(Buffer.from(tail));
  return Pieces.of(pieces);
}

/** A list of objects in the form that was asked for. @throws {ApiError} 406. */
export function encodeList(view: View, metadata: object, objects: readonly Unstructured[]): Uint8Array {
  const { definition, accepted } = view;
  if (accepted.as === "PartialObjectMetadata")
    throw notInForm(`the requested object is a list (${typeNameOf(definition, definition.listKind)})`, accepted.as);
  if (accepted.as === "Table")
    return encode(tableOf(view, objects, metadata), schemaOfType("meta/v1.Table") as ObjectSchema, accepted);
  if (accepted.as !== "") {
    const items = objects.map((object) => partial(object, accepted));
    const kind = { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${accepted.asVersion}` };
    const schema = schemaOfType("meta/v1.PartialObjectMetadataList") as ObjectSchema;
    return encode({ ...kind, metadata, items }, schema, accepted);
  }
  if (accepted.encoding === "protobuf") {
    const messages = objects.map((object) => encodeMessage(object, definition.schema));
    return Buffer.concat(listOfMessages(view, metadata, messages));
  }
  const kind = { kind: definition.listKind, apiVersion: apiVersionOf(definition) };
  if (!definition.typed)
    return encode({ ...kind, metadata: untypedMetadata(metadata), items: objects }, undefined, accepted);
  const items = objects.map(({ kind: _kind, apiVersion: _apiVersion, ...rest }) => rest);
  return encode({ ...kind, metadata, items }, schemaOfType(listType(view)) as ObjectSchema, accepted);
}

function listOfMessages(
  { definition }: View,
  metadata: object,
  messages: readonly Uint8Array[],
): readonly Uint8Array[] {
  const kind = { kind: definition.listKind, apiVersion: apiVersionOf(definition) };
  return piecesOfMessageList(kind, metadata, messages);
}

function listType(view: View): string {
  return `${view.definition.schema.typeName}List`;
}

/** Of lists of custom resources, which say that they do not go on: members by name, as everything that has no type. */
function untypedMetadata(metadata: object): object {
  return Object.fromEntries(Object.entries({ continue: "", ...metadata }).sort(([a], [b]) => (a < b ? -1 : 1)));
}
