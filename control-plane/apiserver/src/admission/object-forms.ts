import {
  ApiError,
  applyDefaults,
  decodeJson,
  decodeUnstructured,
  encodeJsonText,
  encodeUnstructuredText,
  fieldError,
  type GroupVersionKind,
  type Json,
  type ObjectSchema,
  schemaOf,
  type Unstructured,
} from "@tsukube/api";
import type { AdmissionAttributes } from "../contracts.ts";
import { convert } from "../registry/conversion.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Registry } from "../registry/registry.ts";
import type { RequestForm } from "./request-rules.ts";

/** The JSON text of an object in the form that somebody asks for it in, with kind and apiVersion. */
export function jsonTextOf(registry: Registry, { kind, resource }: RequestForm, object: Unstructured): string {
  const schema = schemaOf(kind);
  const full = { ...inVersion(registry, object, { kind, resource }), ...apiKind(kind) };
  const isCustom = schema === undefined || registry.custom.some((definition) => definition.group === kind.group);
  return isCustom ? encodeUnstructuredText(full) : encodeJsonText(full, schema);
}

/** As {@link jsonTextOf}, as a value. */
export function jsonOf(registry: Registry, form: RequestForm, object: Unstructured): Json {
  return decodeUnstructured<Json>(Buffer.from(jsonTextOf(registry, form, object))).object;
}

/**
 * The request with its objects in the form's version, where that takes a conversion webhook; what else it takes, the functions here do
 * by themselves. @throws {ApiError} when the webhook fails.
 */
export async function inForm(
  registry: Registry,
  form: RequestForm,
  attributes: AdmissionAttributes,
): Promise<AdmissionAttributes> {
  const object = await throughWebhook(registry, form, attributes.object);
  const oldObject = await throughWebhook(registry, form, attributes.oldObject);
  return object === attributes.object && oldObject === attributes.oldObject
    ? attributes
    : { ...attributes, object, oldObject };
}

async function throughWebhook<T extends Unstructured | undefined>(
  registry: Registry,
  { kind, resource: { group, version, resource } }: RequestForm,
  object: T,
): Promise<T> {
  const { apiVersion } = apiKind(kind);
  if (object === undefined || object.apiVersion === apiVersion || object.kind !== kind.kind) return object;
  const convertObjects = registry.get(group, version, resource)?.custom?.convert;
  if (convertObjects === undefined) return object;
  const [converted] = await convertObjects([object], apiVersion);
  return converted as T;
}

/** Back from JSON: with the form's defaults, in the version of the request. @throws {DecodeError} {ApiError} 422 and 500 for another kind. */
export async function objectOf(
  registry: Registry,
  form: RequestForm,
  attributes: Pick<AdmissionAttributes, "kind" | "resource">,
  json: Json,
): Promise<Unstructured> {
  const { group, version, resource } = form.resource;
  const bytes = Buffer.from(encodeUnstructuredText(json));
  const definition = registry.get(group, version, resource);
  const isCustom = definition?.typed === false && definition.kind === form.kind.kind; // its Scale is not
  mustBe(form.kind, isCustom, json as Unstructured);
  const object = isCustom ? custom(definition, bytes) : typed(form.kind, bytes);
  return inVersion(registry, await throughWebhook(registry, attributes, object), attributes);
}

/** Nothing becomes another kind. */
function mustBe({ group, kind }: GroupVersionKind, isCustom: boolean, { kind: found, metadata }: Unstructured): void {
  if (found === kind) return;
  const why = `must be ${kind}`;
  if (isCustom)
    throw ApiError.invalid({ group, kind: found ?? "" }, metadata?.name ?? "", [
      fieldError.invalid("kind", found, why),
    ]);
  throw ApiError.internal(new Error(`failed to convert object: kind "${found ?? ""}" ${why}`));
}

function apiKind({ group, version, kind }: GroupVersionKind): { readonly kind: string; readonly apiVersion: string } {
  return { kind, apiVersion: group === "" ? version : `${group}/${version}` };
}

/** The object in the version that somebody asks for it in. */
function inVersion(registry: Registry, object: Unstructured, { kind, resource }: RequestForm): Unstructured {
  const { apiVersion } = apiKind(kind);
  if (object.apiVersion === undefined || object.apiVersion === apiVersion || object.kind !== kind.kind) return object;
  const definition = registry.get(resource.group, resource.version, resource.resource);
  if (definition === undefined || !definition.typed) return { ...object, apiVersion };
  return convert(object, definition, definition.schema);
}

function typed(kind: GroupVersionKind, bytes: Uint8Array): Unstructured {
  const { object } = decodeJson<Unstructured>(bytes, schemaOf(kind) as ObjectSchema);
  return applyDefaults(kind, object);
}

function custom({ custom: details }: ResourceDefinition, bytes: Uint8Array): Unstructured {
  const { object } = decodeUnstructured<Unstructured>(bytes);
  return details?.prepare(object).object ?? object;
}
