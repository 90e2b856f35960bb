import { jsonMemberAt, jsonScalarAt, jsonStringsAt, type Unstructured } from "@tsukube/api";
import type { CachedObject } from "./cached-object.ts";

type Labels = Readonly<Record<string, string>>;
const LABELS = ["metadata", "labels"] as const;

/** metadata.labels of an object; found in the stored bytes where nobody decoded them. */
export function labelsOf(cached: CachedObject): Labels | undefined {
  const { decoded } = cached;
  if (decoded !== undefined) return decoded.metadata?.labels;
  const { stored } = cached;
  const at = jsonMemberAt(stored, 0, LABELS);
  if (at === -1) return undefined;
  return (at === undefined ? undefined : jsonStringsAt(stored, at)) ?? cached.object.metadata?.labels;
}

/** The scalar at a path as text, "" where there is none; found in the stored bytes where nobody decoded them. */
export function textOf(cached: CachedObject, path: readonly string[]): string {
  const { decoded } = cached;
  if (decoded !== undefined) return textIn(decoded, path);
  const { stored } = cached;
  const at = jsonMemberAt(stored, 0, path);
  if (at === -1) return "";
  return (at === undefined ? undefined : jsonScalarAt(stored, at)) ?? textIn(cached.object, path);
}

function textIn(object: Unstructured, path: readonly string[]): string {
  let value: unknown = object;
  for (const part of path) value = (value as Readonly<Record<string, unknown>> | undefined | null)?.[part];
  return value === undefined || value === null ? "" : String(value);
}
