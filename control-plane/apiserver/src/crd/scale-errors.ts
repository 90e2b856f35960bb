import { type FieldError, fieldError, goType, goValue, type Json, type Unstructured } from "@tsukube/api";
import type { CustomResourceSubresourceScale } from "@tsukube/api/types/apiextensions-v1";

const MOST = 2 ** 31 - 1;

/**
 * What the scale of a custom resource cannot show: replicas that are no count, a selector that is no text.
 * @param part That is changed: of "status", what is wanted is not looked at.
 */
export function scaleErrors(
  object: Unstructured,
  scale: CustomResourceSubresourceScale,
  part: "" | "status",
): readonly FieldError[] {
  const { specReplicasPath = "", statusReplicasPath = "", labelSelectorPath = "" } = scale;
  const paths = part === "status" ? [statusReplicasPath] : [specReplicasPath, statusReplicasPath];
  const counts = paths.flatMap((path) => countErrors(object, path));
  if (labelSelectorPath === "") return counts;
  const { value, wrong } = valueAt(object, labelSelectorPath);
  const why =
    wrong ?? (value === undefined || typeof value === "string" ? undefined : is(labelSelectorPath, value, "string"));
  return why === undefined ? counts : [...counts, fieldError.invalid(labelSelectorPath, "", why)];
}

function countErrors(object: Unstructured, path: string): readonly FieldError[] {
  const { value, wrong } = valueAt(object, path);
  if (wrong !== undefined) return [fieldError.invalid(path, 0, wrong)];
  if (value === undefined) return [];
  if (!Number.isInteger(value)) return [fieldError.invalid(path, 0, is(path, value, "int64"))];
  if (Number(value) < 0) return [fieldError.invalid(path, value, "should be a non-negative integer")];
  return Number(value) > MOST ? [fieldError.invalid(path, value, `should be less than or equal to ${MOST}`)] : [];
}

function valueAt(object: unknown, path: string): { readonly value?: unknown; readonly wrong?: string } {
  let value = object;
  let at = "";
  for (const name of path.replace(/^\./, "").split(".")) {
    at += `.${name}`;
    if (value === undefined) return {};
    if (typeof value !== "object" || value === null || Array.isArray(value))
      return { wrong: is(at, value, "map[string]interface{}") };
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return { value };
}

function is(path: string, value: unknown, wanted: string): string {
  return `${path} accessor error: ${goValue(value as Json)} is of the type ${goType(value as Json)}, expected ${wanted}`;
}
