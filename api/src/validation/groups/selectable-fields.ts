import type { JSONSchemaProps } from "../../../generated/types/apiextensions-v1.ts";
import { fieldError } from "../../status/field-error.ts";
import { type Check, child, element, listOf, member, valueAt } from "../check.ts";

const MOST = 8;
const SCALARS: ReadonlySet<unknown> = new Set(["boolean", "integer", "string"]);

/** What field selectors of a custom resource may name: scalars that its schema has, outside lists. */
export const selectableFields: Check = (version, at, errors) => {
  const fields = listOf(member(version, "selectableFields"));
  const schema = valueAt(version, "schema.openAPIV3Schema") as JSONSchemaProps | undefined;
  const seen = new Set<string>();
  const before = errors.length;
  for (const [index, field] of fields.entries()) {
    const path = String(member(field, "jsonPath") ?? "");
    const here = child(element(at, index), "jsonPath");
    const found = path === "" ? undefined : schemaAt(path, schema ?? {});
    if (found === undefined) errors.push(fieldError.required(here));
    else if (typeof found === "string") errors.push(fieldError.invalid(here, path, `is an invalid path: ${found}`));
    else {
      if (!SCALARS.has(found.type)) errors.push(fieldError.invalid(here, path, NOT_A_SCALAR));
      if (seen.has(path)) errors.push(fieldError.duplicate(here, path));
      seen.add(path);
    }
  }
  if (fields.length > MOST && errors.length === before) errors.push(fieldError.tooMany(at, fields.length, MOST));
};

const NOT_A_SCALAR =
  "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";

/** Where a path such as ".spec.color" leads; a text: why it leads nowhere. */
function schemaAt(path: string, root: JSONSchemaProps): JSONSchemaProps | string {
  let [schema, rest] = [root, path];
  while (rest !== "") {
    if (rest.startsWith("[")) return "array notation is not allowed";
    const name = /^\.((?:\\.|[^.[\]\\])+)/.exec(rest);
    if (name === null) return `expected [ or . but got: ${/^[^.[]*/.exec(rest)?.[0]}`;
    const key = name[1]!.replaceAll(/\\(.)/g, "$1");
    const additional: unknown = schema.additionalProperties;
    const below =
      schema.properties?.[key] ?? (typeof additional === "object" ? (additional as JSONSchemaProps) : undefined);
    if (below === undefined) return "does not refer to a valid field";
    [schema, rest] = [below, rest.slice(name[0].length)];
  }
  return schema;
}
