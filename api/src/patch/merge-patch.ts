import { JsonText } from "../codec/json-encode.ts";
import type { Json } from "../object.ts";

/**
 * Applies an RFC 7386 merge patch: objects merge, null removes, everything else replaces. As upstream, what takes the place of no
 * object has no null as a member of an object, not in lists either. Unchanged parts of `document` are shared with the result.
 */
export function mergePatch(document: Json | undefined, patch: Json): Json {
  if (!isRecord(document)) return withoutNulls(patch);
  if (!isRecord(patch)) return patch;
  const result: Record<string, Json> = { ...document };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else define(result, key, mergePatch(Object.hasOwn(result, key) ? result[key] : undefined, value));
  }
  return result;
}

function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(kept.map(([name, member]) => [name, withoutNulls(member)]));
}

type JsonRecord = { readonly [key: string]: Json };

/** True for a JSON object. */
export function isRecord(value: Json | undefined): value is JsonRecord {
  return isContainer(value) && !Array.isArray(value);
}

/** True for a JSON object or list; not for a number that is kept as it was written. */
export function isContainer(value: Json | undefined): value is JsonRecord | readonly Json[] {
  return typeof value === "object" && value !== null && !((value as unknown) instanceof JsonText);
}

/** Sets a member even if it is called "__proto__". */
export function define(target: Record<string, Json>, key: string, value: Json): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}
