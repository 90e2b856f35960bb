import {
  ApiError,
  type FieldError,
  fieldError,
  type ObjectSchema,
  schemaOfType,
  type Unstructured,
  validateCreate,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import { ALL_ENCODINGS, negotiate } from "../chain/negotiation.ts";
import { isTrue } from "../chain/request-info.ts";
import type { RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import { servesStoredBytes } from "../storage/object-store.ts";
import type { TableConvertorOf } from "../tables/table.ts";
import { decodeObject, decodeOptions, fieldValidationOf } from "./body.ts";
import { type Deleted, deletedStatus, deleteObject, deleteOptionsOf } from "./delete.ts";
import { list } from "./list.ts";
import { placed } from "./object-meta.ts";
import { applier, patcher, patchTypeOf } from "./patch.ts";
import { encode, headersOf, represent, respondTyped, type View } from "./represent.ts";
import { scaleOf, withScale } from "./scale.ts";
import { selectionOf } from "./selection.ts";
import { watch } from "./watch.ts";
import type { WriteRequest, Writer } from "./writer.ts";

const EMPTY = new Uint8Array(0);
/** Subresources that are another view of the same object. */
const PARTS = new Set(["", "status", "ephemeralcontainers", "resize", "approval", "finalize"]);

/** The verbs of stored resources, the same for all kinds. */
export class ResourceHandler {
  readonly #writer: Writer;
  readonly #tableOf: TableConvertorOf;

  constructor(writer: Writer, tableOf: TableConvertorOf) {
    this.#writer = writer;
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
        return list(this.#writer.deps.store, this.#writer.deps.clock, context, view);
      case "watch":
        return watch(this.#writer.deps.store, this.#writer.deps.clock, this.#writer.deps.random, context, view);
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
    let accepted = negotiate(request.headers, info.query);
    if (!definition.typed && accepted.encoding === "protobuf" && accepted.as === "") {
      // custom resources have no protobuf form: the next acceptable encoding, or 406
      accepted = negotiate(request.headers, info.query, { encodings: ["json", "yaml"], named: ALL_ENCODINGS });
    }
    return {
      definition,
      accepted,
      table: this.#tableOf(definition),
      include: includeOf(info.query),
      now: this.#writer.deps.clock.now(),
    };
  }

  async #get(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition, accepted } = view;
    const { info } = context;
    const { store } = this.#writer.deps;
    const cached = store.get(definition, info.namespace, info.name);
    if (cached === undefined) throw ApiError.notFound(definition, info.name);
    if (accepted.as === "" && accepted.encoding === "json" && !accepted.pretty && servesStoredBytes(definition)) {
      return { status: 200, headers: headersOf(accepted), body: Buffer.concat([...cached.pieces(), NEWLINE]) };
    }
    await store.readable(definition, [cached]);
    return this.#answer(200, view, store.view(definition, cached));
  }

  #answer(code: number, view: View, object: Unstructured): ApiResponse {
    const { value, schema } = represent(view, object);
    return { status: code, headers: headersOf(view.accepted), body: encode(value, schema, view.accepted) };
  }

  async #create(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    if (info.name !== "" && info.subresource === "") throw ApiError.methodNotAllowed();
    if (definition.namespaced && info.namespace === "")
      throw ApiError.badRequest("an empty namespace may not be set during creation");
    const request = this.#request(context, definition);
    const body = placed(
      decodeObject(context, definition, context.request.body ?? EMPTY),
      definition,
      info.namespace,
      "",
    );
    return this.#answer(201, view, await this.#writer.create(request, body));
  }

  async #update(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    const request = this.#request(context, definition);
    const decoded = decodeObject(context, definition, context.request.body ?? EMPTY);
    if ((decoded.metadata?.name ?? "") === "") {
      throw ApiError.badRequest(
        `the name of the object (${info.name} based on URL) was undeterminable: name must be provided`,
      );
    }
    const body = placed(decoded, definition, info.namespace, info.name);
    const mayCreate = definition.strategy.createOnUpdate && info.subresource === "";
    const { object, created } = await this.#writer.update(
      request,
      (live, manager) => {
        checkUid(definition, body, live, this.#writer.deps.store.keyOf(definition, info.namespace, info.name));
        return manager.update(live, this.#merged(info.subresource, body, live), request.fieldManager);
      },
      mayCreate ? (manager) => manager.update(undefined, body, request.fieldManager) : undefined,
    );
    return this.#answer(created ? 201 : 200, view, object);
  }

  /** Some subresources write only their own part of the object. */
  #merged(subresource: string, body: Unstructured, live: Unstructured): Unstructured {
    const spec = (object: Unstructured): Record<string, unknown> => (object["spec"] ?? {}) as Record<string, unknown>;
    const identity = { ...live.metadata, resourceVersion: body.metadata?.resourceVersion ?? "" };
    switch (subresource) {
      case "ephemeralcontainers":
        return {
          ...live,
          metadata: identity,
          spec: { ...spec(live), ephemeralContainers: spec(body)["ephemeralContainers"] },
        };
      case "finalize":
        return { ...live, metadata: identity, spec: body["spec"] };
      case "approval":
        return {
          ...live,
          metadata: { ...identity, ...(body.metadata?.labels && { labels: body.metadata.labels }) },
          status: {
            ...(live["status"] as object),
            conditions: (body["status"] as { conditions?: unknown })?.conditions,
          },
        };
      default:
        return body;
    }
  }

  async #patch(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    const type = patchTypeOf(context, definition);
    const request = this.#request(context, definition);
    const force = isTrue(info.query.get("force"));
    const named = info.query.get("fieldManager") ?? "";
    if (type === "apply" && named === "") {
      throw ApiError.invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [
        { type: "FieldValueRequired", field: "fieldManager", badValue: "", detail: "is required for apply patch" },
      ]);
    }
    if (type !== "apply" && info.query.get("force") !== null) {
      throw ApiError.invalid({ group: "meta.k8s.io", kind: "PatchOptions" }, "", [
        {
          type: "FieldValueForbidden",
          field: "force",
          badValue: "",
          detail: "may not be specified for non-apply patch",
        },
      ]);
    }
    const bytes = context.request.body ?? EMPTY;
    const make = patcher(context, definition, type, bytes, request.fieldManager, force);
    const place = (object: Unstructured): Unstructured => placed(object, definition, info.namespace, info.name);
    const create =
      type === "apply" && info.subresource === "" ? applier(definition, bytes, request.fieldManager, force) : undefined;
    const { object, created } = await this.#writer.update(
      request,
      (live, manager) => place(make(live, manager)),
      create === undefined ? undefined : (manager) => place(create(manager)),
    );
    return this.#answer(created ? 201 : 200, view, object);
  }

  async #delete(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const options = this.#deleteOptions(context);
    const request = this.#request(context, definition, options.dryRun ?? []);
    const deleted = await deleteObject(this.#writer, request, options);
    return this.#deletedAnswer(view, deleted);
  }

  #deletedAnswer(view: View, { object, gone }: Deleted): ApiResponse {
    if (!gone || view.definition.strategy.returnsDeleted) return this.#answer(200, view, object);
    if (view.accepted.as === "Table") return this.#answer(200, view, object);
    return respondTyped(200, deletedStatus(view.definition, object), "meta/v1.Status", { ...view.accepted, as: "" });
  }

  async #deleteCollection(context: RequestContext, view: View): Promise<ApiResponse> {
    const { definition } = view;
    const { info } = context;
    const options = this.#deleteOptions(context);
    const selection = selectionOf(definition, info);
    const { store } = this.#writer.deps;
    const prefix =
      definition.storage.prefix + (definition.namespaced && info.namespace !== "" ? `${info.namespace}/` : "");
    const objects: Unstructured[] = [];
    const range = [...store.cache.head.range(prefix)];
    await store.readable(
      definition,
      range.map(([, cached]) => cached),
    );
    for (const [, cached] of range) {
      const object = store.view(definition, cached);
      if (selection.matches(object)) objects.push(object);
    }
    const base = this.#request(context, definition, options.dryRun ?? []);
    for (const object of objects) {
      const { namespace = "", name = "" } = object.metadata ?? {};
      try {
        await deleteObject(this.#writer, { ...base, namespace, name }, options);
      } catch (error) {
        if (!ApiError.is(error, "NotFound")) throw error;
      }
    }
    return this.#listAnswer(view, objects);
  }

  #listAnswer(view: View, objects: readonly Unstructured[]): ApiResponse {
    const { definition, accepted } = view;
    const apiVersion = definition.group === "" ? definition.version : `${definition.group}/${definition.version}`;
    const metadata = { resourceVersion: String(this.#writer.deps.store.cache.revision) };
    const value = { kind: definition.listKind, apiVersion, metadata, items: objects };
    const schema = definition.typed ? (schemaOfType(`${definition.schema.typeName}List`) as ObjectSchema) : undefined;
    return { status: 200, headers: headersOf(accepted), body: encode(value, schema, accepted) };
  }

  #deleteOptions(context: RequestContext): ReturnType<typeof deleteOptionsOf> {
    const schema = schemaOfType("meta/v1.DeleteOptions") as ObjectSchema;
    return deleteOptionsOf(
      decodeOptions(context, context.request.body ?? EMPTY, schema, "DeleteOptions"),
      context.info.query,
    );
  }

  async #scale(context: RequestContext, definition: ResourceDefinition): Promise<ApiResponse> {
    const { info, request } = context;
    const accepted = negotiate(request.headers, info.query, { forms: false });
    const schema = schemaOfType("autoscaling/v1.Scale") as ObjectSchema;
    const { store } = this.#writer.deps;
    if (info.verb === "get") {
      const cached = store.get(definition, info.namespace, info.name);
      if (cached === undefined) throw ApiError.notFound(definition, info.name);
      await store.readable(definition, [cached]);
      return {
        status: 200,
        headers: headersOf(accepted),
        body: encode(scaleOf(definition, store.view(definition, cached)), schema, accepted),
      };
    }
    const write = this.#request(context, definition);
    const bytes = request.body ?? EMPTY;
    const scale: ResourceDefinition = {
      ...definition,
      group: "autoscaling",
      version: "v1",
      kind: "Scale",
      schema,
      typed: true,
    };
    const make =
      info.verb === "patch"
        ? patcher(
            context,
            scale,
            patchTypeOf(context, scale),
            bytes,
            write.fieldManager,
            isTrue(info.query.get("force")),
          )
        : undefined;
    const body = make === undefined ? decodeObject(context, scale, bytes) : undefined;
    const { object } = await this.#writer.update(write, (live, manager) => {
      const wanted = body ?? make!(scaleOf(definition, live), manager);
      const errors = validateCreate(scale, wanted);
      if (errors.length > 0) throw ApiError.invalid(scale, info.name, errors);
      return manager.update(live, withScale(definition, live, wanted), write.fieldManager);
    });
    return { status: 200, headers: headersOf(accepted), body: encode(scaleOf(definition, object), schema, accepted) };
  }

  #request(context: RequestContext, definition: ResourceDefinition, bodyDryRun: readonly string[] = []): WriteRequest {
    const { info, request } = context;
    const kind = OPTIONS[info.verb] ?? "DeleteOptions";
    const dryRun = [...info.query.getAll("dryRun"), ...bodyDryRun];
    const bad = dryRun.find((value) => value !== "All");
    if (bad !== undefined) {
      throw ApiError.invalid({ group: "meta.k8s.io", kind }, "", [
        { type: "FieldValueNotSupported", field: "dryRun", badValue: [bad], detail: 'supported values: "All"' },
      ]);
    }
    fieldValidationOf(info.query);
    return {
      context,
      definition,
      namespace: info.namespace,
      name: info.name,
      subresource: info.subresource,
      dryRun: dryRun.length > 0,
      fieldManager: fieldManagerOf(info.query.get("fieldManager") ?? "", request.headers["user-agent"] ?? "", kind),
    };
  }
}

const NEWLINE = Buffer.from("\n");

const OPTIONS: Readonly<Record<string, string>> = {
  create: "CreateOptions",
  update: "UpdateOptions",
  patch: "PatchOptions",
};

/** A PUT that names a uid is for that object and no later one of its name. @throws {ApiError} 409. */
function checkUid(definition: ResourceDefinition, body: Unstructured, live: Unstructured, key: string): void {
  const wanted = body.metadata?.uid ?? "";
  if (wanted === "" || wanted === live.metadata?.uid) return;
  throw ApiError.conflict(
    definition,
    live.metadata?.name ?? "",
    `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: ` +
      `UID in precondition: ${wanted}, UID in object meta: ${live.metadata?.uid}`,
  );
}

const MAX_MANAGER_BYTES = 128;
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** Named by the client, or the User-Agent up to its first slash. @throws {ApiError} 422. */
function fieldManagerOf(named: string, userAgent: string, kind: string): string {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(named) > MAX_MANAGER_BYTES) errors.push(fieldError.tooLong("fieldManager", MAX_MANAGER_BYTES));
  const bad = UNPRINTABLE.exec(named);
  if (bad !== null) {
    const point = (bad[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    const at = Buffer.byteLength(named.slice(0, bad.index));
    errors.push(fieldError.invalid("fieldManager", named, `invalid character U+${point} (at position ${at})`));
  }
  if (errors.length > 0) throw ApiError.invalid({ group: "meta.k8s.io", kind }, "", errors);
  return named !== "" ? named : (userAgent.split("/")[0] ?? "").slice(0, MAX_MANAGER_BYTES);
}

/** includeObject of a table. @throws {ApiError} 400. */
function includeOf(query: URLSearchParams): string {
  const include = query.get("includeObject") ?? "";
  if (include === "" || include === "Metadata") return "Metadata";
  if (include === "None" || include === "Object") return include;
  throw ApiError.badRequest(`unrecognized includeObject value: ${JSON.stringify(include)}`);
}
