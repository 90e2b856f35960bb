import {
  ApiError,
  apiVersionOf,
  envelopeOfMessage,
  FieldManager,
  FieldSet,
  type ObjectSchema,
  parseApiVersion,
  type ReplicasPathOf,
  schemaOfType,
  sharing,
  type Unstructured,
  validateCreate,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Metrics } from "@tsukube/foundation";
import { ALL_ENCODINGS, checkStreamable, negotiate } from "../chain/negotiation.ts";
import { isTrue } from "../chain/request-info.ts";
import type { Authorizer, RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { CachedObject } from "../storage/cached-object.ts";
import { servesStoredBytes } from "../storage/object-store.ts";
import { scaleTableOf } from "../tables/custom-table.ts";
import type { TableConvertorOf } from "../tables/table.ts";
import { decodeObject, decodeOptions } from "./body.ts";
import {
  type Deleted,
  deletedStatus,
  deleteObject,
  deleteOptionsOf,
  deletesOneAtATime,
  warnOfOrphans,
} from "./delete.ts";
import { mustReach } from "./freshness.ts";
import { encodeList, list, metadataOf, readPage } from "./list.ts";
import { ListMetrics } from "./list-metrics.ts";
import { parseListOptions, revisionOf } from "./list-options.ts";
import { placed } from "./object-meta.ts";
import { withDistinctOwners } from "./owner-references.ts";
import { applier, type Patcher, patcher, patchTypeOf } from "./patch.ts";
import { preconditionFailed, shownKey } from "./preconditions.ts";
import { encode, headersOf, includeOf, represent, respondTyped, type View } from "./represent.ts";
import { replicasPathOf, scaleOf, shownScale, trackedScaleOf, withScale } from "./scale.ts";
import { selectionOf } from "./selection.ts";
import { applyId, SettledApplies } from "./settled-applies.ts";
import { deleteUnreadable } from "./unsafe-delete.ts";
import { watch } from "./watch.ts";
import { WatchMetrics } from "./watch-metrics.ts";
import { checkWriteOptions, fieldManagerOf } from "./write-options.ts";
import type { ObjectView, WriteRequest, Writer } from "./writer.ts";

const EMPTY = new Uint8Array(0);
/** Subresources that are another view of the same object. */
const PARTS = new Set(["", "status", "ephemeralcontainers", "resize", "approval", "finalize"]);

/** Parts of objects that have no table. */
const WITHOUT_TABLE = new Set(
  (
    "pods/ephemeralcontainers pods/resize customresourcedefinitions/status apiservices/status " +
    "certificatesigningrequests/approval devicetaintrules/status resourceclaims/status " +
    "resourcepoolstatusrequests/status compositepodgroups/status podgroups/status"
  ).split(" "),
);

/** The verbs of stored resources, the same for all kinds. */
export class ResourceHandler {
  readonly #writer: Writer;
  readonly #tableOf: TableConvertorOf;
  readonly #authorizer: Authorizer;
  readonly #lists: ListMetrics;
  readonly #watches: WatchMetrics;
  readonly #settled = new SettledApplies();

  constructor(writer: Writer, tableOf: TableConvertorOf, authorizer: Authorizer, metrics: Metrics) {
    this.#authorizer = authorizer;
    this.#writer = writer;
    this.#lists = new ListMetrics(metrics);
    this.#watches = new WatchMetrics(metrics);
    this.#tableOf = tableOf;
  }

  /** undefined: the resource has no such subresource or verb here. @throws {ApiError} */
  async handle(context: RequestContext, definition: ResourceDefinition): Promise<ApiResponse | undefined> {
    const { info } = context;
    if (info.subresource === "scale") return this.#scale(context, definition);
    if (!PARTS.has(info.subresource)) return undefined;
    const view = this.#view(context, definition);
    switch (info.verb) {
      case "get":
        return this.#get(context, view);
      case "list":
        return list(this.#writer.deps.store, this.#writer.deps.clock, this.#lists, context, view);
      case "watch":
        return watch(this.#writer.deps, this.#watches, context, view);
      case "create":
        return this.#create(context, view);
      case "update":
        return this.#update(context, view);
      case "patch":
        return this.#patch(context, view);
      case "delete":
        return this.#delete(context, view);
      case "deletecollection":
        return this.#deleteCollection(context, view);
      default:
        throw ApiError.methodNotSupported(definition, info.verb);
    }
  }

  #view(context: RequestContext, definition: ResourceDefinition): View {
    const { request, info } = context;
    const part = `${definition.resource}/${info.subresource}`;
    const tables = !WITHOUT_TABLE.has(part);
    if (info.verb === "watch") checkStreamable(request.headers, info.query, definition.typed);
    let accepted = negotiate(request.headers, info.query, { tables });
    if (!definition.typed && accepted.encoding === "protobuf" && accepted.as === "") {
      // custom resources have no protobuf form: the next acceptable encoding, or 406
      accepted = negotiate(request.headers, info.query, { encodings: ["json", "yaml"], named: ALL_ENCODINGS });
    }
    return {
      definition,
      accepted,
      table: this.#tableOf(definition),
      include: includeOf(info.query),
      now: () => this.#writer.deps.clock.now(),
    };
  }

  async #get(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition, accepted } = view;
    const { info } = context;
    const { store } = this.#writer.deps;
    if (isTrue(info.query.get("export")))
      throw ApiError.badRequest("the export parameter, deprecated since v1.14, is no longer supported");
    const asked = revisionOf(info.query.get("resourceVersion") ?? "", definition.kind !== "Event") ?? 0;
    if (asked > 0) await mustReach(store, definition, asked, this.#writer.deps.clock);
    const cached = store.get(definition, info.namespace, info.name);
    if (cached === undefined) throw ApiError.notFound(definition, info.name);
    const body = this.#storedBody(view, cached);
    if (body !== undefined) return { status: 200, headers: headersOf(accepted), body };
    await store.readable(definition, [cached]);
    return this.#answer(200, view, store.view(definition, cached));
  }

  /** From the bytes that lie in the cache, in the forms in which that can be. */
  #storedBody({ definition, accepted }: View, cached: CachedObject): Uint8Array | undefined {
    if (accepted.as !== "" || !servesStoredBytes(definition)) return undefined;
    if (accepted.encoding === "json" && !accepted.pretty) return Buffer.concat([...cached.pieces(), NEWLINE]);
    if (accepted.encoding !== "protobuf") return undefined;
    const kind = { apiVersion: apiVersionOf(definition), kind: definition.kind };
    return envelopeOfMessage(kind, this.#writer.deps.store.encodings.messageOf(definition, cached));
  }

  #answer(code: number, view: View, object: Unstructured): ApiResponse {
    const cached = this.#writer.deps.store.cachedOf(object);
    const body = cached && this.#storedBody(view, cached);
    if (body !== undefined) return { status: code, headers: headersOf(view.accepted), body };
    const { value, schema } = represent(view, object);
    return { status: code, headers: headersOf(view.accepted), body: encode(value, schema, view.accepted) };
  }

  async #create(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    if (info.name !== "" && info.subresource === "" && definition.typed) throw ApiError.methodNotAllowed();
    const emptied: (readonly string[])[] = [];
    const request = { ...this.#request(context, definition), emptied };
    const body = placed(
      decodeObject(context, definition, context.request.body ?? EMPTY, emptied),
      definition,
      info.namespace,
      "",
    );
    const distinct = withDistinctOwners(context, withoutMarks(body), "body");
    const made = await this.#writer.create(request, distinct);
    const { resourceVersion = "" } = body.metadata ?? {};
    const isShown = request.dryRun && resourceVersion !== "";
    return this.#answer(201, view, isShown ? { ...made, metadata: { ...made.metadata, resourceVersion } } : made);
  }

  async #update(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    const emptied: (readonly string[])[] = [];
    const request = { ...this.#request(context, definition), emptied };
    const decoded = decodeObject(context, definition, context.request.body ?? EMPTY, emptied);
    checkNamed(decoded, info.name);
    const body = withDistinctOwners(context, placed(decoded, definition, info.namespace, info.name), "body");
    const mayCreate = definition.strategy.createOnUpdate && info.subresource === "";
    const { object, created } = await this.#writer.update(
      request,
      (live, manager) => {
        this.#checkUid(request, body, live);
        return manager.update(live, sharing(body, live), request.fieldManager, emptied);
      },
      mayCreate ? (manager) => manager.update(undefined, body, request.fieldManager, emptied) : undefined,
    );
    return this.#answer(created ? 201 : 200, view, object);
  }

  /** A PUT that names a uid is for that object and no later one of its name. @throws {ApiError} 409. */
  #checkUid({ definition, dryRun, namespace, name }: WriteRequest, body: Unstructured, live: Unstructured): void {
    const [wanted = "", found] = [body.metadata?.uid, live.metadata?.uid];
    if (wanted === "" || wanted === found) return;
    const key = shownKey(this.#writer.deps.store.keyOf(definition, namespace, name), dryRun);
    throw preconditionFailed(definition, name, key, "UID", wanted, found);
  }

  async #patch(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    const type = patchTypeOf(context, definition);
    checkWriteOptions("PatchOptions", info.query, type);
    context.noteBody?.();
    const emptied: (readonly string[])[] = [];
    const request = { ...this.#request(context, definition), emptied };
    const place = (object: Unstructured): Unstructured => {
      checkNamed(object, info.name);
      return withDistinctOwners(context, placed(object, definition, info.namespace, info.name), "patch");
    };
    if (type === "apply") return this.#apply(context, view, request, place);
    const make = patcher(context, definition, type, context.request.body ?? EMPTY, request.fieldManager, emptied);
    const { object } = await this.#writer.update(request, (live, managers) => place(make(live, managers)));
    return this.#answer(200, view, object);
  }

  async #apply(
    context: RequestContext,
    view: View,
    request: WriteRequest,
    place: (object: Unstructured) => Unstructured,
  ): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    const { query, subresource } = info;
    const bytes = context.request.body ?? EMPTY;
    const force = isTrue(query.get("force"));
    const { fieldManager } = request;
    const make = applier(context, definition, bytes, fieldManager, force);
    const form = [apiVersionOf(definition), subresource, fieldManager, query.get("fieldValidation") ?? ""];
    const id = applyId(bytes, String(force), ...form);
    const { object, created, kept } = await this.#writer.update(
      request,
      (live, managers, cached) =>
        this.#settled.has(definition, cached, id) ? undefined : place(named(make.update(live, managers), info.name)),
      subresource === "" ? (managers) => place(make.create(managers)) : undefined,
    );
    if (kept !== undefined && !context.hasWarned) this.#settled.add(definition, kept, id);
    return this.#answer(created ? 201 : 200, view, object);
  }

  async #delete(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const options = this.#deleteOptions(context);
    const request = this.#request(context, definition, options.dryRun ?? []);
    if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true && context.info.subresource === "") {
      const { store } = this.#writer.deps;
      const status = await deleteUnreadable(store, this.#authorizer, context, definition, request.dryRun);
      return respondTyped(200, status, "meta/v1.Status", { ...view.accepted, as: "" });
    }
    this.#writer.deps.store.mustBeReadable(definition, context.info.namespace, context.info.name);
    warnOfOrphans(context, request.definition, options);
    const deleted = await deleteObject(this.#writer, request, options);
    // as upstream: 202 for everybody who waits would break clients
    const isAwaited = !deleted.gone && options.orphanDependents === false;
    return this.#deletedAnswer(view, deleted, isAwaited ? 202 : 200);
  }

  #deletedAnswer(view: View, { object, gone }: Deleted, code: number): ApiResponse {
    if (!gone) return this.#answer(code, view, object);
    if (view.definition.strategy.returnsDeleted) return this.#answer(200, view, object);
    if (view.accepted.as === "Table") return this.#answer(200, view, object);
    return respondTyped(200, deletedStatus(view.definition, object), "meta/v1.Status", { ...view.accepted, as: "" });
  }

  async #deleteCollection(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    const options = this.#deleteOptions(context);
    if (options.ignoreStoreReadErrorWithClusterBreakingPotential === true) throw deletesOneAtATime();
    const { store } = this.#writer.deps;
    store.mustBeReadable(definition, info.namespace, "");
    const asked = parseListOptions(info.query, false);
    const selection = selectionOf(store, definition, info);
    warnOfOrphans(context, definition, options);
    const page = await readPage(store, this.#writer.deps.clock, this.#lists, context, view, asked, selection);
    const objects = page.objects.map((cached) => store.view(definition, cached));
    if (definition.namespaced && info.namespace === "" && objects.length > 0)
      throw ApiError.badRequest("Namespace parameter required.");
    const base = this.#request(context, definition, options.dryRun ?? []);
    for (const object of objects) {
      const { namespace = "", name = "" } = object.metadata ?? {};
      try {
        await deleteObject(this.#writer, { ...base, namespace, name }, options, "collection");
      } catch (error) {
        if (!ApiError.is(error, "NotFound")) throw error;
      }
    }
    const body = encodeList(view, metadataOf(page), objects);
    return { status: 200, headers: headersOf(view.accepted), body };
  }

  #deleteOptions(context: RequestContext): ReturnType<typeof deleteOptionsOf> {
    const schema = schemaOfType("meta/v1.DeleteOptions") as ObjectSchema;
    return deleteOptionsOf(
      decodeOptions(context, context.request.body ?? EMPTY, schema, "DeleteOptions"),
      context.info.query,
      this.#writer.deps.gates,
    );
  }

  async #scale(context: RequestContext, definition: ResourceDefinition): Promise<ApiResponse> {
    const { info } = context;
    const schema = schemaOfType("autoscaling/v1.Scale") as ObjectSchema;
    const identity = { group: "autoscaling", version: "v1", kind: "Scale", schema, typed: true };
    const scale: ResourceDefinition = { ...definition, ...identity };
    const { accepted } = this.#view(context, { ...scale, typed: definition.typed }); // a custom one has no protobuf
    const answer = { ...this.#view(context, scale), table: scaleTableOf(definition), accepted };
    const { store } = this.#writer.deps;
    if (info.verb === "get") {
      const cached = store.get(definition, info.namespace, info.name);
      if (cached === undefined) throw ApiError.notFound(definition, info.name);
      await store.readable(definition, [cached]);
      return this.#answer(200, answer, shownScale(definition, store.view(definition, cached)));
    }
    const request = this.#request(context, definition);
    const make = this.#scaleMaker(context, scale, request.fieldManager);
    const asScale = new FieldManager({
      ...{ apiVersion: "autoscaling/v1", kind: "Scale", subresource: "scale", clock: this.#writer.deps.clock },
      versions: { schema: () => schema, convert: (object) => object, resetFields: () => FieldSet.empty },
    });
    const pathOf: ReplicasPathOf = (apiVersion) => this.#replicasPath(definition, apiVersion);
    const view: ObjectView = {
      kind: { group: identity.group, version: identity.version, kind: identity.kind },
      begun: (live) => trackedScaleOf(definition, live, pathOf),
      shown: (shown) => scaleOf(definition, shown),
      taken: (live, wanted) => {
        const errors = definition.typed ? validateCreate(scale, wanted) : []; // custom ones are checked as a whole
        if (errors.length > 0) throw ApiError.invalid(scale, info.name, errors);
        const uid = wanted.metadata?.uid ?? "";
        if (definition.typed) this.#checkUid(request, wanted, live);
        else if (uid !== "" && uid !== live.metadata?.uid) throw uidMismatch(definition, info.name, uid, live);
        return withScale(definition, live, wanted, pathOf);
      },
    };
    const { object } = await this.#writer.update({ ...request, view }, (begun) => make(begun, asScale));
    return this.#answer(200, answer, scaleOf(definition, object));
  }

  /** What a write to a scale makes of it. */
  #scaleMaker(context: RequestContext, scale: ResourceDefinition, manager: string): Patcher {
    const { info, request } = context;
    const bytes = request.body ?? EMPTY;
    if (info.verb === "patch") {
      const type = patchTypeOf(context, { ...scale, typed: scale.custom === undefined });
      checkWriteOptions("PatchOptions", info.query, type);
      context.noteBody?.();
      return type === "apply"
        ? applier(context, scale, bytes, manager, isTrue(info.query.get("force"))).update
        : patcher(context, scale, type, bytes, manager);
    }
    const decoded = decodeObject(context, scale, bytes);
    checkNamed(decoded, info.name);
    const body = placed(decoded, scale, info.namespace, info.name);
    return (live, managers) => managers.update(live, body, manager);
  }

  #replicasPath(definition: ResourceDefinition, apiVersion: string): readonly string[] | undefined {
    const { group, version } = parseApiVersion(apiVersion);
    const spoken = this.#writer.deps.registry.get(group, version, definition.resource);
    const hasScale = spoken?.typed === true || spoken?.custom?.scale !== undefined;
    return spoken !== undefined && hasScale ? replicasPathOf(spoken) : undefined;
  }

  #request(context: RequestContext, definition: ResourceDefinition, deleteDryRun?: readonly string[]): WriteRequest {
    const { info, request } = context;
    if (info.verb === "create") checkWriteOptions("CreateOptions", info.query);
    if (info.verb === "update") checkWriteOptions("UpdateOptions", info.query);
    const dryRun = deleteDryRun ?? info.query.getAll("dryRun");
    return {
      context,
      definition,
      namespace: info.namespace,
      name: info.name,
      subresource: info.subresource,
      dryRun: dryRun.length > 0,
      fieldManager: fieldManagerOf(info.query.get("fieldManager") ?? "", request.headers["user-agent"] ?? ""),
    };
  }
}

const NEWLINE = Buffer.from("\n");

/** @throws {ApiError} 400 for an object that does not say its name. */
function checkNamed(object: Unstructured, name: string): void {
  if ((object.metadata?.name ?? "") !== "") return;
  throw ApiError.badRequest(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
}

/** What is created is not being deleted. */
function withoutMarks(object: Unstructured): Unstructured {
  if (object.metadata?.deletionTimestamp === undefined && object.metadata?.deletionGracePeriodSeconds === undefined)
    return object;
  const { deletionTimestamp: _since, deletionGracePeriodSeconds: _grace, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** An apply need not repeat the name of what is there. */
function named(object: Unstructured, name: string): Unstructured {
  const { metadata } = object;
  return (metadata?.name ?? "") === "" ? { ...object, metadata: { ...metadata, name } } : object;
}

function uidMismatch(definition: ResourceDefinition, name: string, wanted: string, live: Unstructured): ApiError {
  const why = `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${live.metadata?.uid}`;
  return ApiError.conflict({ ...definition, resource: `${definition.resource}/scale` }, name, why);
}
