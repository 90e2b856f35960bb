import {
  ApiError,
  apiVersionOf,
  applyDefaults,
  DecodeError,
  decodeEnvelope,
  decodeJson,
  decodeProtobuf,
  decodeUnstructured,
  decodeYaml,
  decodeYamlUnstructured,
  fieldError,
  type GroupVersionKind,
  isProtobuf,
  type Json,
  kindOf,
  type ObjectSchema,
  parseApiVersion,
  schemaOf,
  strictDecodingMessage,
  type Unstructured,
  warningsOfProblem,
} from "@tsukube/api";
import { ALL_ENCODINGS, bodyEncoding, type Encoding } from "../chain/negotiation.ts";
import type { RequestContext } from "../contracts.ts";
import type { ResourceDefinition } from "../registry/definition.ts";

/** What a body is to be. */
type BodyForm = Pick<ResourceDefinition, "group" | "version" | "kind" | "typed" | "schema" | "custom"> & {
  /** Other versions that have the same form. */
  readonly aliases?: readonly string[];
};

export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** What the client wants to hear of fields that are not there; checked by checkWriteOptions. */
export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const value = query.get("fieldValidation");
  return value === "Ignore" || value === "Strict" ? value : "Warn";
}

/** Unknown and duplicate fields as the client asked: silent, warnings, or 400. */
export function report(context: RequestContext, problems: readonly string[], validation: FieldValidation): void {
  if (problems.length === 0 || validation === "Ignore") return;
  if (validation === "Strict") throw ApiError.badRequest(strictDecodingMessage(problems));
  for (const problem of problems) for (const warning of warningsOfProblem(problem)) context.warn(warning);
}

/** As {@link report}, for a body that is the object itself. */
function reportOf(
  context: RequestContext,
  definition: BodyForm,
  problems: readonly string[],
  validation: FieldValidation,
): void {
  if (problems.length > 0 && validation === "Strict")
    throw ApiError.badRequest(`${cannotBe(definition)}: ${strictDecodingMessage(problems)}`);
  report(context, problems, validation);
}

function cannotBe({ kind, version }: BodyForm): string {
  return `${kind} in version "${version}" cannot be handled as a ${kind}`;
}

/** What upstream says of a type that it does not know. */
export function notRegistered(kind: string, version: string): string {
  return `no kind "${kind}" is registered for version "${version}" in scheme "pkg/runtime/scheme.go:111"`;
}

/** Of protobuf, before its envelope. */
const MAGIC_BYTES = 4;

/** Longest part of a body that is shown in an error. */
const SHOWN_BYTES = 30;

/** A body that is no JSON at all is answered with its beginning. */
function unrecognized(kind: string, why: string, bytes: Uint8Array): ApiError {
  return ApiError.badRequest(
    `the object provided is unrecognized (must be of type ${kind}): ${why} (${summaryOf(bytes)})`,
  );
}

function summaryOf(bytes: Uint8Array): string {
  if (bytes.length === 0) return "<empty>";
  const shown = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString(bytes[0] === 0x7b ? "utf8" : "hex");
  return bytes.length > SHOWN_BYTES ? `${shown} ...` : shown;
}

const NOT_A_STRUCT =
  'Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** What is wrong with a body that upstream cannot even look into for its kind; undefined: with one of its fields. */
function outerProblem({ code, message }: DecodeError): string | undefined {
  const isOuter = /^json: cannot unmarshal \w+ into Go (value|struct field \w+\.TypeMeta\.\w+ )/.test(message);
  if (message.startsWith(OF_YAML)) return message.slice(OF_YAML.length);
  if (code !== "syntax" && code !== "limit" && !isOuter) return undefined;
  const said = message.replace(/Go value of type \S+$/, NOT_A_STRUCT).replace(/field \w+\.TypeMeta\./, "field .");
  return `couldn't get version/kind; json parse error: ${said}`;
}

const OF_YAML = "error converting YAML to JSON: ";

/** What is wrong with bytes that are to be protobuf and have no envelope; undefined: with what is in it. */
function unreadable({ message }: DecodeError, bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return "empty data";
  try {
    decodeEnvelope(bytes);
    return undefined;
  } catch {
    return message;
  }
}

/**
 * Decodes the object of a create or update in the definition's form.
 * @param emptied Filled as by {@link DecodeOptions.emptied}. @throws {ApiError} 400, 415.
 */
export function decodeObject(
  context: RequestContext,
  definition: BodyForm,
  bytes: Uint8Array,
  emptied: (readonly string[])[] = [],
): Unstructured {
  const object = decoded(context, definition, bytes, emptied);
  const whole = (): Json => (definition.typed ? applyDefaults(definition, object) : object) as unknown as Json;
  context.noteBody?.(whole, object.metadata);
  return object;
}

function decoded(
  context: RequestContext,
  definition: BodyForm,
  bytes: Uint8Array,
  emptied: (readonly string[])[],
): Unstructured {
  const encoding = bodyEncoding(
    context.request.headers,
    definition.typed ? undefined : ["json", "yaml"],
    ALL_ENCODINGS,
  );
  const validation = fieldValidationOf(context.info.query);
  if (!definition.typed) return decodeCustom(context, definition, bytes, encoding, validation);
  const { object, problems } = decodeTyped(bytes, encoding, definition, emptied);
  checkKind(object, definition, encoding === "json" ? bytes : undefined);
  reportOf(context, definition, problems, validation);
  return { ...object, kind: definition.kind, apiVersion: apiVersionOf(definition) };
}

function decodeTyped(
  bytes: Uint8Array,
  encoding: Encoding,
  definition: BodyForm,
  emptied: (readonly string[])[],
): { readonly object: Unstructured; readonly problems: readonly string[] } {
  const { schema } = definition;
  try {
    if (encoding === "protobuf") {
      const envelope = decodeEnvelope(bytes);
      if (bytes.length === MAGIC_BYTES) throw unrecognized(definition.kind, "empty body", bytes);
      checkKind(envelope, definition);
      return { object: decodeProtobuf<Unstructured>(envelope, schema), problems: [] };
    }
    const decode = encoding === "yaml" ? decodeYaml : decodeJson;
    return decode<Unstructured>(bytes, schema, { emptied });
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const outer = encoding === "protobuf" ? unreadable(error, bytes) : outerProblem(error);
    if (outer !== undefined) throw unrecognized(definition.kind, outer, bytes);
    if (encoding === "json") checkKind(valuesOf(bytes), definition, bytes);
    throw ApiError.badRequest(`${cannotBe(definition)}: ${error.message}`);
  }
}

/** What a body holds of whatever type; nothing where that is no JSON, or has numbers past every float. */
function valuesOf(bytes: Uint8Array): Unstructured {
  try {
    return decodeUnstructured<Unstructured>(bytes).object;
  } catch (error) {
    if (error instanceof DecodeError) return {};
    throw error;
  }
}

/**
 * Bodies may leave out kind and apiVersion; wrong ones are refused with upstream's words.
 * @param bytes Which must be what they say they are first; undefined: that is known.
 */
function checkKind(
  object: { readonly kind?: string; readonly apiVersion?: string },
  definition: BodyForm,
  bytes?: Uint8Array,
): void {
  const kind = object.kind ?? "";
  const apiVersion = (object.apiVersion ?? "").replace(/^\/(?=[^/]*$)/, ""); // the core group is the empty one
  const wanted = apiVersionOf(definition);
  if (kind === definition.kind && definition.aliases?.includes(apiVersion) === true) return;
  if ((kind === "" || kind === definition.kind) && (apiVersion === "" || apiVersion === wanted)) return;
  const { group, version } = parseApiVersion(apiVersion);
  const asked = kind === "" ? definition.kind : kind;
  const isKnown = kindOf({ ...(apiVersion === "" ? definition : { group, version }), kind: asked }) !== undefined;
  const go = (v: string): string => v.slice(0, 1).toLowerCase() + v.slice(1);
  if (isKnown && asked !== definition.kind) {
    if (bytes !== undefined)
      mustBe({ ...(apiVersion === "" ? definition : { group, version }), kind: asked }, bytes, definition.kind);
    throw ApiError.badRequest(
      `${asked} in version "${version === "" ? definition.version : version}" cannot be handled as a ${definition.kind}: converting (${version || definition.version}.${asked}) to (${goPackage(definition)}.${definition.kind}): unknown conversion`,
    );
  }
  throw ApiError.badRequest(
    `${asked} in version "${version}" cannot be handled as a ${definition.kind}: ${notRegistered(asked, go(apiVersion))}`,
  );
}

/** @throws {ApiError} 400 for what is no object of its own kind. */
function mustBe(gvk: GroupVersionKind, bytes: Uint8Array, wanted: string): void {
  const schema = schemaOf(gvk);
  try {
    if (schema !== undefined) decodeJson(bytes, schema);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw ApiError.badRequest(
      `${gvk.kind} in version "${gvk.version}" cannot be handled as a ${wanted}: ${error.message}`,
    );
  }
}

/** What Go says of a body that has no kind because it is no object. */
function notTyped(value: unknown): string {
  const type = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  const wanted = String.raw`struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`;
  return `couldn't get version/kind; json parse error: json: cannot unmarshal ${type} into Go value of type ${wanted}`;
}

function goPackage(definition: BodyForm): string {
  return definition.group === "" ? "core" : (definition.group.split(".")[0] ?? "");
}

function decodeCustom(
  context: RequestContext,
  definition: BodyForm,
  bytes: Uint8Array,
  encoding: Encoding,
  validation: FieldValidation,
): Unstructured {
  try {
    const { object, problems } =
      encoding === "yaml" ? decodeYamlUnstructured<Unstructured>(bytes) : decodeUnstructured<Unstructured>(bytes);
    if (typeof object !== "object" || object === null || Array.isArray(object))
      throw unrecognized(definition.kind, notTyped(object), bytes);
    if ((object.kind ?? "") === "") {
      const missing = `Object 'Kind' is missing in '${Buffer.from(bytes).toString("utf8")}'`;
      throw unrecognized(definition.kind, missing, bytes);
    }
    const apiVersion = apiVersionOf(definition);
    if (object.apiVersion !== apiVersion) {
      throw ApiError.badRequest(
        `the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersion})`,
      );
    }
    if (object.kind !== definition.kind) {
      const { group } = definition;
      throw ApiError.invalid({ group, kind: object.kind ?? "" }, object.metadata?.name ?? "", [
        fieldError.invalid("kind", object.kind, `must be ${definition.kind}`),
      ]);
    }
    const prepared = definition.custom?.prepare(object) ?? { object, problems: [] };
    reportOf(context, definition, [...problems, ...prepared.problems], validation);
    return prepared.object;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const outer = encoding === "json" ? outerProblem(error) : undefined;
    throw outer === undefined
      ? ApiError.badRequest(`${cannotBe(definition)}: ${error.message.replace("ObjectMeta.metadata.", "ObjectMeta.")}`)
      : unrecognized(definition.kind, outer, bytes);
  }
}

/** Decodes options such as DeleteOptions; an empty body is undefined. @throws {ApiError} 400. */
export function decodeOptions(
  context: RequestContext,
  bytes: Uint8Array,
  schema: ObjectSchema,
  kind: string,
): Unstructured | undefined {
  if (bytes.length === 0) return undefined;
  const options = decodedOptions(context, bytes, schema, kind);
  context.noteBody?.(() => ({ ...options, kind, apiVersion: SHOWN_OPTIONS }) as unknown as Json);
  return options;
}

/** As which upstream writes down options, in whatever version they came. */
const SHOWN_OPTIONS = "meta.k8s.io/__internal";

function decodedOptions(context: RequestContext, bytes: Uint8Array, schema: ObjectSchema, kind: string): Unstructured {
  const encoding = isProtobuf(bytes) ? "protobuf" : bodyEncoding(context.request.headers);
  try {
    if (encoding === "protobuf") return decodeProtobuf<Unstructured>(decodeEnvelope(bytes), schema);
    const { object, problems } =
      encoding === "yaml" ? decodeYaml<Unstructured>(bytes, schema) : decodeJson<Unstructured>(bytes, schema);
    if (object.kind !== undefined && object.kind !== "" && object.kind !== kind) {
      const version = object.apiVersion ?? "";
      throw ApiError.badRequest(notRegistered(object.kind, version));
    }
    report(context, problems, "Ignore");
    return object;
  } catch (error) {
    if (error instanceof DecodeError)
      throw ApiError.badRequest((encoding === "protobuf" ? undefined : outerProblem(error)) ?? error.message);
    throw error;
  }
}
