import { decodeUnstructured } from "../codec/json-decode.ts";
import { encodeUnstructuredText } from "../codec/json-encode.ts";
import type { Json, Unstructured } from "../object.ts";
import { compareObjects } from "./compare.ts";
import { extractFields } from "./extract-fields.ts";
import { FieldSet } from "./field-set.ts";
import type { Versions } from "./updater.ts";

/** Where kubectl's client-side apply keeps what it applied. */
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** An annotation value may not make an object larger than this, else it is left out. */
const MAX_ANNOTATION_BYTES = 262_144;

/** The fields that client-side apply set before, which the live object's annotation tells, and that nobody has changed since. */
export function allowedByLastApplied(live: Unstructured | undefined, apiVersion: string, versions: Versions): FieldSet {
  const text = live?.metadata?.annotations?.[LAST_APPLIED];
  const applied = text === undefined ? undefined : parseObject(text);
  if (applied?.apiVersion !== apiVersion) return FieldSet.empty;
  const schema = versions.schema(apiVersion);
  const { added, modified, removed } = compareObjects(schema, applied as Json, live as Json);
  return [added, modified, removed].reduce(
    (fields, changed) => fields.difference(changed),
    extractFields(schema, applied as Json),
  );
}

/** Keeps an existing annotation in step, so that `kubectl apply` without --server-side goes on working. */
export function refreshLastApplied(object: Unstructured, patch: Unstructured): Unstructured {
  const annotations = object.metadata?.annotations;
  if (annotations?.[LAST_APPLIED] === undefined) return object;
  const text = lastAppliedText(patch);
  const { [LAST_APPLIED]: _old, ...others } = annotations;
  const kept = text.length > MAX_ANNOTATION_BYTES ? others : { ...others, [LAST_APPLIED]: text };
  return { ...object, metadata: { ...object.metadata, annotations: kept } };
}

function lastAppliedText(patch: Unstructured): string {
  const { managedFields: _fields, ...metadata } = patch.metadata ?? {};
  const { [LAST_APPLIED]: _old, ...annotations } = metadata.annotations ?? {};
  const { annotations: _all, ...rest } = metadata;
  const kept = Object.keys(annotations).length === 0 ? rest : { ...rest, annotations };
  return `${encodeUnstructuredText({ ...patch, metadata: kept })}\n`;
}

function parseObject(text: string): Unstructured | undefined {
  try {
    const { object: value } = decodeUnstructured(new TextEncoder().encode(text));
    return typeof value === "object" && value !== null ? (value as Unstructured) : undefined;
  } catch {
    return undefined; // written by hand: then nothing is allowed
  }
}
