import type { Unstructured } from "../object.ts";
import { age } from "./ages.ts";
import { textAt } from "./text-at.ts";

/** Makes the cells of an object's row. @param now ms since the epoch, for ages. */
export type Cells = (object: Unstructured, now: number) => readonly unknown[];

/** What upstream prints where there is nothing. */
export const NONE = "<none>";

/** What upstream prints where nothing was said. */
export const UNSET = "<unset>";

export const or = (text: string, other = NONE): string => (text === "" ? other : text);
export const name = ({ metadata }: { readonly metadata?: { readonly name?: string } }): string => metadata?.name ?? "";
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

/** What a condition says: "True", "False", "Unknown", or "" where there is none. */
export function conditionOf(object: Unstructured, type: string): { readonly status: string; readonly reason: string } {
  const found = conditionAt(object, type);
  return { status: found?.status ?? "", reason: found?.reason ?? "" };
}

interface Condition {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly lastTransitionTime?: string;
}

/** A condition of an object's status; undefined where there is none. */
export function conditionAt(object: unknown, type: string): Condition | undefined {
  return listAt<Condition>(object, "status.conditions").find((condition) => condition.type === type);
}

export const booleanAt = (object: Unstructured, path: string, byDefault: boolean): boolean =>
  textAt(object, path) === "" ? byDefault : textAt(object, path) === "true";
