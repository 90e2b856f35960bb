import {
  ApiError,
  apiVersionOf,
  encodeJson,
  encodeJsonText,
  encodeProtobuf,
  encodeUnstructured,
  encodeYaml,
  fieldError,
  fieldErrorMessage,
  type Json,
  JsonText,
  type ObjectSchema,
  schemaOfType,
  type Unstructured,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import type { Accepted } from "../chain/negotiation.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { TableConvertor } from "../tables/table.ts";

const NEWLINE = Buffer.from("\n");
const NO_CACHE = "no-cache, private";

/** Response headers of a body in this form. */
export function headersOf(accepted: Accepted): Record<string, string> {
  return { "content-type": accepted.mediaType, "cache-control": NO_CACHE };
}

/** Encodes an object whose kind has this schema; undefined: unstructured. */
export function encode(
  object: unknown,
  schema: ObjectSchema | undefined,
  accepted: Pick<Accepted, "encoding" | "pretty">,
): Uint8Array {
  switch (accepted.encoding) {
    case "json": {
      const options = { pretty: accepted.pretty };
      const bytes =
        schema === undefined ? encodeUnstructured(object as Json, options) : encodeJson(object, schema, options);
      return accepted.pretty ? bytes : Buffer.concat([bytes, NEWLINE]);
    }
    case "yaml":
      return encodeYaml(object, schema);
    case "protobuf": {
      const { apiVersion = "", kind = "" } = object as Unstructured;
      return encodeProtobuf(object, schema as ObjectSchema, { apiVersion, kind });
    }
  }
}

/** A Status or another object of a built-in type ("meta/v1.Status"). */
export function respondTyped(code: number, object: unknown, type: string, accepted: Accepted): ApiResponse {
  return {
    status: code,
    headers: headersOf(accepted),
    body: encode(object, schemaOfType(type) as ObjectSchema, accepted),
  };
}

/** Everything that is needed to show objects of a resource in the form a client asked for. */
export interface View {
  readonly definition: ResourceDefinition;
  readonly accepted: Accepted;
  readonly table: TableConvertor;
  /** includeObject of tables. */
  readonly include: string;
  /** Ages of rows count up to it: a watch outlives its request's time. */
  now(): number;
}

/** includeObject of a table. @throws {ApiError} 400. */
export function includeOf(query: URLSearchParams): string {
  const include = query.get("includeObject") ?? "";
  if (include === "" || include === "Metadata") return "Metadata";
  if (include === "None" || include === "Object") return include;
  const problem = fieldError.invalid("includeObject", include, "must be 'Metadata', 'Object', 'None', or empty");
  throw ApiError.badRequest(`Unable to convert to Table as requested: ${fieldErrorMessage(problem)}`);
}

/** One object in the asked form: itself, its metadata, or a table of one row. */
export function represent(
  view: View,
  object: Unstructured,
): { readonly value: unknown; readonly schema: ObjectSchema | undefined } {
  const { definition, accepted } = view;
  if (accepted.as === "PartialObjectMetadataList" && !definition.typed) throw ApiError.unknown("content is not a list");
  if (accepted.as === "PartialObjectMetadataList")
    throw notInForm(`the requested object is not a list (${typeNameOf(definition, definition.kind)})`, accepted.as);
  switch (accepted.as) {
    case "":
      return { value: object, schema: definition.typed ? definition.schema : undefined };
    case "Table":
      return {
        value: tableOf(view, [object], { resourceVersion: object.metadata?.resourceVersion ?? "" }),
        schema: schemaOfType("meta/v1.Table") as ObjectSchema,
      };
    default:
      return {
        value: partial(object, accepted),
        schema: schemaOfType("meta/v1.PartialObjectMetadata") as ObjectSchema,
      };
  }
}

/** The 406 of a form that fits lists only, or objects only. */
export function notInForm(why: string, form: string): ApiError {
  const message = `you requested ${form}, but ${why}`;
  return new ApiError({ status: "Failure", message, reason: "NotAcceptable", code: 406 });
}

/** Where upstream's name is not the group's. */
const GO_PACKAGES: Readonly<Record<string, string>> = { "": "core", internal: "apiserverinternal" };

/** A kind as upstream's messages name its type: "*core.Pod". */
export function typeNameOf(definition: ResourceDefinition, kind: string): string {
  if (!definition.typed) return kind.endsWith("List") ? "*unstructured.UnstructuredList" : "*unstructured.Unstructured";
  if (definition.custom !== undefined) return `*${definition.version}.${kind}`; // its scale
  if (definition.resource === "events") return `*core.${kind}`;
  const [name = ""] = definition.group.split(".");
  return `*${GO_PACKAGES[name] ?? name}.${kind}`;
}

export function partial(object: Unstructured, accepted: Pick<Accepted, "asVersion">): unknown {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${accepted.asVersion}`, metadata: object.metadata };
}

/** A meta.k8s.io Table. @param columns false for all but the first event of a watch. */
export function tableOf(view: View, objects: readonly Unstructured[], metadata: object, columns = true): unknown {
  const { accepted, table } = view;
  const now = view.now();
  const ordered = table.order === undefined ? objects : objects.toSorted(table.order);
  const rows = ordered.map((object) => ({ cells: table.cells(object, now), object: rowObject(view, object) }));
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${accepted.asVersion}`,
    metadata,
    columnDefinitions: columns ? table.columns : null,
    rows,
  };
}

/** Already text, so that it has the fields and the order of its own type. */
function rowObject(view: View, object: Unstructured): unknown {
  const { definition, include, accepted } = view;
  if (include === "None") return null;
  if (include === "Metadata")
    return new JsonText(
      encodeJsonText(partial(object, accepted), schemaOfType("meta/v1.PartialObjectMetadata") as ObjectSchema),
    );
  const whole = typed(view, object);
  return definition.typed ? new JsonText(encodeJsonText(whole, definition.schema)) : whole;
}

function typed(view: View, object: Unstructured): Unstructured {
  return { ...object, kind: view.definition.kind, apiVersion: apiVersionOf(view.definition) };
}
