import {
  ApiError,
  DecodeError,
  decodeUnstructured,
  decodeYamlUnstructured,
  emptiedIn,
  encodeJson,
  encodeUnstructured,
  encodeUnstructuredText,
  type FieldManager,
  fieldError,
  fromUnstructured,
  goValue,
  type Json,
  JsonText,
  jsonPatch,
  MAX_JSON_PATCH_OPERATIONS,
  mergePatch,
  normalize,
  normalizeChanged,
  type ObjectSchema,
  partlySortedText,
  schemaOfType,
  strategicMergePatch,
  strictDecodingMessage,
  type Unstructured,
} from "@tsukube/api";
import type { RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";
import { fieldValidationOf, notRegistered, report } from "./body.ts";

export type PatchType = "json" | "merge" | "strategic" | "apply";

const TYPES: Readonly<Record<string, PatchType>> = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
  "application/apply-patch+yaml": "apply",
};

const NO_PATCH_TYPE = new ApiError({
  status: "Failure",
  message: "415: Unsupported Media Type",
  reason: "UnsupportedMediaType",
  details: {},
  code: 415,
});

/** Whether the body is announced as a patch of some type. */
export function isPatchType(headers: Readonly<Record<string, string>>): boolean {
  return TYPES[mediaTypeOf(headers)] !== undefined;
}

function mediaTypeOf(headers: Readonly<Record<string, string>>): string {
  return (headers["content-type"] ?? "").split(";")[0]?.trim() ?? "";
}

/** @throws {ApiError} 415 naming what the resource takes; custom resources take no strategic merge patch. */
export function patchTypeOf(context: RequestContext, definition: ResourceDefinition): PatchType {
  const type = TYPES[mediaTypeOf(context.request.headers)];
  if (type !== undefined && (type !== "strategic" || definition.typed)) return type;
  if (type === undefined && definition.typed) throw NO_PATCH_TYPE;
  throw ApiError.unsupportedMediaType(
    Object.keys(TYPES).filter((name) => definition.typed || TYPES[name] !== "strategic"),
  );
}

/** @throws {ApiError} 400 for a body that is no JSON or YAML. */
function decodePatch(type: PatchType, bytes: Uint8Array): { readonly patch: Json; readonly problems: string[] } {
  try {
    const decoded =
      type === "apply" ? decodeYamlUnstructured<Json>(bytes) : decodeUnstructured<Json>(bytes, { keepsNumbers: true });
    if (type === "json" && Array.isArray(decoded.object) && decoded.object.length > MAX_JSON_PATCH_OPERATIONS) {
      throw ApiError.requestEntityTooLarge(
        `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${decoded.object.length}`,
      );
    }
    const problems =
      type === "json" ? decoded.problems.map((problem) => `json patch ${problem}`) : [...decoded.problems];
    return { patch: decoded.object, problems };
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (type === "apply") throw ApiError.badRequest(`error encoding patch: ${error.message}`);
    if (error.code !== "type") throw ApiError.badRequest("invalid JSON patch");
    const why =
      type === "json" ? error.message.replace("Go value", "Go struct field jsonPatchOp.value") : error.message;
    throw ApiError.badRequest(type === "strategic" ? why : `error decoding patch: ${why}`);
  }
}

/** Makes the next object from the live one. */
export type Patcher = (live: Unstructured, managers: FieldManager) => Unstructured;

/** Makes a new object. */
export type Creator = (managers: FieldManager) => Unstructured;

/**
 * How the patch makes the next object from the live one.
 * @param emptied Filled anew with what {@link emptiedIn} tells of each. @throws {ApiError} 400.
 */
export function patcher(
  context: RequestContext,
  definition: ResourceDefinition,
  type: Exclude<PatchType, "apply">,
  bytes: Uint8Array,
  manager: string,
  emptied: (readonly string[])[] = [],
): Patcher {
  const { patch, problems } = decodePatch(type, bytes);
  const validation = fieldValidationOf(context.info.query);
  checkPatch(type, patch, problems, validation);
  const hasText = !definition.typed && keepsNumbers(patch);
  return (live, managers) => {
    const made = patched(type, live as unknown as Json, patch, definition);
    // what has no type takes numbers for what they are, however they are written
    const plain = hasText ? decodeUnstructured<Json>(encodeUnstructured(made)).object : made;
    const value = settled(plain, type, live, definition);
    const shown = (): string => shownPatch(definition, type, patch, made, live);
    if (definition.typed) checkType(value as unknown as Unstructured, live, shown);
    const refused = (why: string): ApiError => badPatch(shown(), why);
    const formed = formOf(definition, value, refused, live, type === "strategic");
    const all = [...problems, ...formed.problems];
    if (all.length > 0 && validation === "Strict") throw badPatch(shown(), strictDecodingMessage(all));
    report(context, all, validation);
    emptied.splice(0, Infinity, ...(definition.typed ? emptiedIn(value, definition.schema, live) : []));
    return managers.update(live, formed.object, manager, emptied);
  };
}

function patched(type: Exclude<PatchType, "apply">, live: Json, patch: Json, { schema }: ResourceDefinition): Json {
  switch (type) {
    case "json":
      return jsonPatch(live, patch);
    case "merge":
      return mergePatch(live, patch);
    case "strategic":
      return strategicMergePatch(live, patch ?? {}, schema);
  }
}

/** Whether there are numbers in it that are kept as they were written. */
function keepsNumbers(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return value instanceof JsonText || Object.values(value).some(keepsNumbers);
}

const OPERATION = new Set(["op", "path", "from", "value"]);

/** Whether the patch is of the form of its type. @throws {ApiError} 400. */
function checkPatch(type: PatchType, patch: Json, problems: string[], validation: string): void {
  if (type === "merge" && patch === null) throw ApiError.badRequest("Invalid JSON Patch");
  if (type === "merge" && !isRecord(patch)) throw ApiError.badRequest(`error decoding patch: ${notAMap(patch)}`);
  if (type === "apply" && !isRecord(patch))
    throw ApiError.badRequest(`error decoding patch: error unmarshaling JSON: while decoding JSON: ${notAMap(patch)}`);
  if (type === "strategic" && patch !== null && !isRecord(patch)) throw ApiError.badRequest(notAMap(patch));
  if (type !== "json" || !Array.isArray(patch) || validation === "Ignore") return;
  for (const [index, operation] of (patch as readonly Json[]).entries()) {
    if (!isRecord(operation)) continue;
    for (const [name, value] of Object.entries(operation as object)) {
      if (!OPERATION.has(name)) problems.push(`json patch unknown field "[${index}].${name}"`);
      else if (name !== "value" && value !== null && typeof value !== "string") throw notText(name, value as Json);
    }
  }
  problems.sort((left, right) => operationOf(left) - operationOf(right));
}

/** The index of the operation that a problem is in. */
function operationOf(problem: string): number {
  return Number(/"\[(\d+)\]/.exec(problem)?.[1]);
}

function notText(name: string, value: Json): ApiError {
  const type = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  const why = `cannot unmarshal ${type} into Go struct field jsonPatchOp.${name} of type string`;
  return ApiError.badRequest(`error decoding patch: json: ${why}`);
}

/** A patched object of a built-in kind: it keeps its type, and who empties managedFields resets them. */
function settled(value: Json, type: PatchType, live: Unstructured, { typed }: ResourceDefinition): Json {
  if (!isRecord(value) || !typed) return value;
  const object = value as unknown as Unstructured;
  const identity = type === "strategic" ? { apiVersion: live.apiVersion } : {};
  const kind = type === "strategic" ? live.kind : object.kind || live.kind;
  const { metadata } = object;
  const isReset = metadata?.managedFields?.length === 0;
  return {
    ...object,
    ...identity,
    kind,
    ...(isReset && { metadata: { ...metadata, managedFields: [{}] } }),
  } as unknown as Json;
}

/** A patch makes no object of another type. @throws {ApiError} 422, 400. */
function checkType({ apiVersion = "", kind }: Unstructured, live: Unstructured, shown: () => string): void {
  if (apiVersion === "" || apiVersion === null) {
    // of an object of no version upstream finds no metadata
    throw ApiError.badRequest(nameless(live.metadata?.name ?? ""));
  }
  if (apiVersion !== live.apiVersion || kind !== live.kind)
    throw badPatch(shown(), notRegistered(kind ?? "", apiVersion));
}

function nameless(name: string): string {
  return `the name of the object (${name} based on URL) was undeterminable: name must be provided`;
}

/** How a server-side apply makes the next object from the live one, and, at the first time, a new one. They throw {@link ApiError} 400. */
export function applier(
  context: RequestContext,
  definition: ResourceDefinition,
  bytes: Uint8Array,
  manager: string,
  force: boolean,
): { readonly update: Patcher; readonly create: Creator } {
  let decoded: ReturnType<typeof decodePatch> | undefined;
  const make = (live: Unstructured | undefined, managers: FieldManager): Unstructured => {
    // an apply that is known to change nothing is not even decoded
    decoded ??= decodePatch("apply", bytes);
    const configuration = (decoded.patch ?? {}) as Unstructured;
    checkPatch("apply", configuration as unknown as Json, [], "Ignore");
    if (live !== undefined && configuration.metadata?.name === "")
      throw ApiError.badRequest(nameless(live.metadata?.name ?? ""));
    const applied = managers.apply(live, configuration, manager, force) as unknown as Json;
    const refused = (why: string): ApiError =>
      definition.typed ? unconvertible(definition, configuration, why) : badPatch(encodeUnstructuredText(applied), why);
    const { object } = formOf(definition, applied, refused, live, true);
    reportOfApply(context, decoded.problems);
    return object;
  };
  return { update: make, create: (managers) => asNew(context, definition, make(undefined, managers)) };
}

/** A first apply creates: not where it names an object that was there. @throws {ApiError} 409. */
function asNew({ info }: RequestContext, definition: ResourceDefinition, object: Unstructured): Unstructured {
  const { uid = "", name = "", resourceVersion: _seen, ...metadata } = object.metadata ?? {};
  if (uid === "") return { ...object, metadata: { ...metadata, name } };
  const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
  throw ApiError.conflict(definition, name || info.name, why);
}

function isRecord(value: Json): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function notAMap(value: Json): string {
  const type = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
}

/** Fields that are not there are an error in any case; what is left is what the configuration says twice. */
function reportOfApply(context: RequestContext, problems: readonly string[]): void {
  const validation = fieldValidationOf(context.info.query);
  if (problems.length > 0 && validation === "Strict") {
    const why = `error converting YAML to JSON: ${problems.join(", ")}`;
    throw ApiError.badRequest(`error strict decoding patch: ${why}`);
  }
  report(context, problems, validation);
}

/** What is shown of a patch that makes no object of its kind: the patch itself, or what became of the live object. */
function shownPatch(
  definition: ResourceDefinition,
  type: PatchType,
  patch: Json,
  made: Json,
  live: Unstructured,
): string {
  if (type === "strategic") return goValue(patch);
  if (!definition.typed) return encodeUnstructuredText(made);
  const { object } = decodeUnstructured<Json>(encodeJson(live, definition.schema));
  // as with upstream's patches of text: only what was looked into is written anew, its members sorted
  const untouched = new Set(objectsIn(object));
  const patched = type === "json" ? jsonPatch(object, patch) : mergePatch(object, patch);
  return partlySortedText(patched, (part) => !untouched.has(part));
}

function objectsIn(value: Json): readonly object[] {
  return typeof value === "object" && value !== null ? [value, ...Object.values(value).flatMap(objectsIn)] : [];
}

/** The patched object is not one of its kind. */
function badPatch(shown: string, why: string): ApiError {
  return ApiError.invalid({ group: "", kind: "" }, "", [fieldError.invalid("patch", shown, why)]);
}

function formOf(
  definition: ResourceDefinition,
  value: Json,
  refused: (why: string) => ApiError,
  live: Unstructured | undefined,
  isMap = false,
): { readonly object: Unstructured; readonly problems: readonly string[] } {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw ApiError.badRequest("the patched object is not an object, expected one");
  try {
    if (!definition.typed) return customFormOf(definition, value as unknown as Unstructured, isMap);
    const fitting = isMap ? fromUnstructured(value, definition.schema as ObjectSchema, live) : value;
    return normalizeChanged<Unstructured>(fitting, definition.schema, live);
  } catch (error) {
    if (error instanceof DecodeError) throw refused(error.message);
    throw error;
  }
}

/** Server-side apply takes what its schema takes, such as any text for a time: what it is not is found too late, as upstream. */
function unconvertible(definition: ResourceDefinition, { metadata }: Unstructured, why: string): ApiError {
  const type = `${definition.group}/${definition.version}, Kind=${definition.kind}`;
  const what = `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}; ${type}`;
  const problem = `unable to convert unstructured object to ${type}: ${why}`;
  return ApiError.unknown(`failed to convert new object (${what}) to proper version: ${problem}`);
}

/** @throws {DecodeError} for metadata that is none. */
function customFormOf(
  definition: ResourceDefinition,
  object: Unstructured,
  isApplied: boolean,
): { readonly object: Unstructured; readonly problems: readonly string[] } {
  normalize(object.metadata ?? {}, schemaOfType("meta/v1.ObjectMeta") as ObjectSchema);
  const form = isApplied ? definition.custom?.complete : definition.custom?.prepare;
  return form?.(object) ?? { object, problems: [] };
}
