import { labelMatcherOf } from "../../selectors/index.ts";
import { type Cells, created, listAt, name, or, UNSET } from "../cells.ts";
import { textAt } from "../text-at.ts";

/** Cells of configurations of webhooks. */
export const webhookCells: Cells = (object, now) => [
  name(object),
  listAt(object, "webhooks").length,
  created(object, now),
];

/** Cells of bindings of admission policies. */
export const policyBindingCells: Cells = (object, now) => {
  const { paramRef } = (object["spec"] ?? {}) as {
    readonly paramRef?: { readonly name?: string; readonly namespace?: string; readonly selector?: object };
  };
  const named = paramRef?.name === undefined ? "" : `${or(paramRef.namespace ?? "", "*")}/${paramRef.name}`;
  const selected = paramRef?.selector === undefined ? UNSET : labelMatcherOf(paramRef.selector).toString();
  return [name(object), textAt(object, "spec.policyName"), or(named, selected), created(object, now)];
};

/** Cells of admission policies. @param rules What it has: "validations" or "mutations". */
export const policyCells =
  (rules: string): Cells =>
  (object, now) => {
    const kind = textAt(object, "spec.paramKind.kind");
    const shown = kind === "" ? UNSET : `${textAt(object, "spec.paramKind.apiVersion")}/${kind}`;
    return [name(object), listAt(object, `spec.${rules}`).length, shown, created(object, now)];
  };
