import type { Unstructured } from "../object.ts";
import { labelMatcherOf } from "../selectors/index.ts";
import { NONE, or } from "./cells.ts";

/** A pod template, as far as tables show it. */
type Template = {
  readonly spec?: { readonly containers?: readonly { readonly name?: string; readonly image?: string }[] };
};

/** The pod template of a workload. */
export const templateOf = (object: Unstructured): Template =>
  ((object["spec"] as { template?: Template } | undefined)?.template ?? {}) as Template;

/** The names of the containers of its template. */
export const containers = (object: Unstructured): string =>
  (templateOf(object).spec?.containers ?? []).map((c) => c.name).join(",");

/** The images of the containers of its template. */
export const images = (object: Unstructured): string =>
  (templateOf(object).spec?.containers ?? []).map((c) => c.image).join(",");

/** Its selector as text. */
export const selector = (object: Unstructured): string => {
  const value = (object["spec"] as { selector?: object } | undefined)?.selector;
  return value === undefined || value === null ? NONE : or(labelMatcherOf(value).toString());
};
