import type { Unstructured } from "@tsukube/api";
import { textAt } from "../registry/strategies.ts";
import { age } from "./ages.ts";

/** Makes the cells of an object's row. @param now ms since the epoch, for ages. */
export type Cells = (object: Unstructured, now: number) => readonly unknown[];

/** What upstream prints where there is nothing. */
export const NONE = "<none>";

export const or = (text: string, other = NONE): string => (text === "" ? other : text);
export const name = (object: Unstructured): string => object.metadata?.name ?? "";
export const created = (object: Unstructured, now: number): string => age(object.metadata?.creationTimestamp, now);
export const count = (object: unknown, path: string): number => Number(textAt(object, path) || 0);
export const sizeAt = (object: Unstructured, field: string): number =>
  Object.keys((object[field] ?? {}) as object).length;

/** The array at `path`; empty when there is none. */
export function listAt<T = Unstructured>(object: unknown, path: string): readonly T[] {
  let value = object;
  for (const part of path.split(".")) value = (value as Readonly<Record<string, unknown>> | undefined | null)?.[part];
  return Array.isArray(value) ? value : [];
}

export function labelsText(labels: Readonly<Record<string, string>> | undefined | null): string {
  const sorted = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return or(sorted.map(([key, value]) => `${key}=${value}`).join(","));
}

/** At most `most`, then how many more. */
export function shortList(values: readonly string[], most = 3, separator = ","): string {
  if (values.length <= most) return values.join(separator);
  return `${values.slice(0, most).join(separator)} + ${values.length - most} more...`;
}
