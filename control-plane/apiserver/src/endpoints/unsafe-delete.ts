import { ApiError } from "@tsukube/api";
import type { Authorizer, RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { ObjectStore } from "../storage/object-store.ts";

const VERB = "unsafe-delete-ignore-read-errors";

/**
 * Deletes an object that cannot be read (KEP-3926): without preconditions, finalizers and admission, for nobody knows what it says.
 * @throws {ApiError} 403 without leave for that, 404, 409 when it can be read after all.
 */
export async function deleteUnreadable(
  store: ObjectStore,
  authorizer: Authorizer,
  context: RequestContext,
  definition: ResourceDefinition,
  dryRun: boolean,
): Promise<object> {
  const { user, info } = context;
  const { group, version, resource, namespace, name, path } = info;
  context.annotate?.("apiserver.k8s.io/unsafe-delete-ignore-read-error", "");
  const attributes = { user, verb: VERB, isResource: true, group, version, resource, subresource: "", namespace, name };
  const { decision, reason } = await authorizer.authorize({ ...attributes, path });
  if (decision !== "allow")
    throw ApiError.forbidden(definition, name, `not permitted to do "${VERB}", reason: ${reason}`);
  const key = store.keyOf(definition, namespace, name);
  const found = await store.removeUnreadable(definition, key, dryRun);
  if (found === "nothing") throw ApiError.notFound(definition, name);
  if (found === "readable") throw readableAfterAll(definition, key, name);
  return {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name, kind: definition.kind },
  };
}

function readableAfterAll(definition: ResourceDefinition, key: string, name: string): ApiError {
  const why = "unsafe deletion is not allowed because the object is decodable from storage";
  const problem = `StorageError: invalid object, Code: 4, Key: ${key}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`;
  return ApiError.conflict(definition, name, problem);
}
