import type { Unstructured } from "../object.ts";

/** @param old The object before an update; undefined for a new one. */
export type Warner = (object: never, old: Unstructured | undefined) => readonly string[];

/** Updates are taken without a word. */
export const onlyNew =
  (warn: (object: never) => readonly string[]): Warner =>
  (object, old) =>
    old === undefined ? warn(object) : [];
