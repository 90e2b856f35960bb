import type { Unstructured } from "../object.ts";

type Tree = Readonly<Record<string, unknown>>;

/** The value at a dotted path, as text; "" when there is none. */
export function textAt(object: unknown, path: string): string {
  let value = object;
  for (const part of path.split(".")) value = (value as Tree | undefined | null)?.[part];
  return value === undefined || value === null ? "" : String(value);
}

/** The value at a dotted path as "true" or "false". */
export const boolAt =
  (path: string) =>
  (object: Unstructured): string =>
    textAt(object, path) === "true" ? "true" : "false";
