import {
  apiVersionOf,
  encodeJson,
  encodeProtobuf,
  encodeUnstructured,
  encodeYaml,
  type Json,
  type ObjectSchema,
  schemaOfType,
  type Unstructured,
} from "@tsukube/api";
import type { ApiResponse } from "@tsukube/client";
import { type Accepted, CONTENT_TYPES } from "../chain/negotiation.ts";
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
      return Buffer.concat([bytes, NEWLINE]);
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
  readonly now: number;
}

/** One object in the asked form: itself, its metadata, or a table of one row. */
export function represent(
  view: View,
  object: Unstructured,
): { readonly value: unknown; readonly schema: ObjectSchema | undefined } {
  const { definition, accepted } = view;
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

export function partial(object: Unstructured, accepted: Pick<Accepted, "asVersion">): unknown {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${accepted.asVersion}`, metadata: object.metadata };
}

/** A meta.k8s.io Table. @param columns false for all but the first event of a watch. */
export function tableOf(view: View, objects: readonly Unstructured[], metadata: object, columns = true): unknown {
  const { accepted, table, include, now } = view;
  const rows = objects.map((object) => {
    const shown =
      include === "Object"
        ? { object: typed(view, object) }
        : include === "None"
          ? { object: null }
          : { object: partial(object, accepted) };
    return { cells: table.cells(object, now), ...shown };
  });
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${accepted.asVersion}`,
    metadata,
    columnDefinitions: columns ? table.columns : [],
    rows,
  };
}

function typed(view: View, object: Unstructured): Unstructured {
  return { ...object, kind: view.definition.kind, apiVersion: apiVersionOf(view.definition) };
}

export { CONTENT_TYPES };
