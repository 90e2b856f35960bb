import {
  ApiError,
  apiVersionOf,
  applyDefaults,
  decodeJson,
  FieldManager,
  FieldSet,
  type GroupVersionKind,
  type Json,
  type ObjectSchema,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import type { Clock } from "@tsukube/foundation";
import type { RequestContext } from "../contracts.ts";
import { decodeObject } from "./body.ts";
import { checkWriteOptions, fieldManagerOf } from "./write-options.ts";

const NO_BYTES = new Uint8Array(0);
const NOTHING = Buffer.from("{}");

/**
 * The body of a create that stores nothing: with defaults, the request's namespace and the fields' manager, as objects have that
 * are stored. @throws {ApiError} 400, 415, 422.
 */
export function decodeTransient(
  context: RequestContext,
  gvk: GroupVersionKind,
  clock: Clock,
  aliases: readonly string[] = [],
): Unstructured {
  const { info, request } = context;
  checkWriteOptions("CreateOptions", info.query);
  const schema = schemaOf(gvk) as ObjectSchema;
  const decoded = decodeObject(context, { ...gvk, schema, typed: true, aliases }, request.body ?? NO_BYTES);
  const { namespace = "", ...rest } = decoded.metadata ?? {};
  if (namespace !== "" && info.namespace !== "" && namespace !== info.namespace)
    throw ApiError.badRequest("the namespace of the provided object does not match the namespace sent on the request");
  const metadata = { ...rest, ...(info.namespace !== "" && { namespace: info.namespace }) };
  const manager = new FieldManager({
    apiVersion: apiVersionOf(gvk),
    kind: gvk.kind,
    subresource: info.subresource,
    clock,
    versions: { schema: () => schema, convert: (object) => object as Json, resetFields: () => FieldSet.of() },
  });
  const named = fieldManagerOf(info.query.get("fieldManager") ?? "", request.headers["user-agent"] ?? "");
  // as Go's zero value: nobody owns the nulls that stand where nothing was given
  const empty = decodeJson<Unstructured>(NOTHING, schema).object;
  return manager.update(empty, applyDefaults(gvk, { ...decoded, metadata }), named);
}
