import { age, type Unstructured } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";
import { builtinTable } from "./builtin-table.ts";
import type { Column, TableConvertor } from "./table.ts";

/** The table of any resource. */
export function tableOfDefinition(definition: ResourceDefinition): TableConvertor {
  return definition.custom === undefined ? builtinTable(definition) : customTable(definition);
}

/** additionalPrinterColumns; the age where a CustomResourceDefinition names none. */
function customTable(definition: ResourceDefinition): TableConvertor {
  const declared = definition.custom?.columns ?? [];
  const wanted =
    declared.length > 0 ? declared : [{ name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" }];
  const rest = wanted.map((column): Column & { readonly jsonPath: string } => ({
    name: column.name,
    type: column.type,
    format: ("format" in column ? column.format : undefined) ?? "",
    description:
      ("description" in column ? column.description : undefined) ??
      `Custom resource definition column (in JSONPath format): ${column.jsonPath}`,
    priority: ("priority" in column ? column.priority : undefined) ?? 0,
    jsonPath: column.jsonPath,
  }));
  const nameColumn: Column = {
    name: "Name",
    type: "string",
    format: "name",
    description: "Name must be unique within a namespace.",
    priority: 0,
  };
  return {
    columns: [nameColumn, ...rest.map(({ jsonPath: _path, ...column }) => column)],
    cells: (object, now) => [object.metadata?.name ?? "", ...rest.map((column) => cell(object, column, now))],
  };
}

function cell(object: Unstructured, column: Column & { readonly jsonPath: string }, now: number): unknown {
  const value = readJsonPath(object, column.jsonPath);
  if (value === undefined || value === null) return null;
  if (column.type === "date") return Number.isNaN(Date.parse(String(value))) ? "<invalid>" : age(String(value), now);
  if (column.type === "integer" || column.type === "number") return isNumber(value, column.type) ? value : null;
  if (column.type === "boolean") return typeof value === "boolean" ? value : null;
  return typeof value === "string"
    ? value
    : JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? Number(inner) : inner));
}

function isNumber(value: unknown, type: "integer" | "number"): boolean {
  return typeof value === "bigint" || (type === "number" ? typeof value === "number" : Number.isInteger(value));
}

/**
 * Reads the JSON paths that printer columns use: `.a.b`, `.a["b.c"]`, `.a[0]`, `.a[*].b`, `.a[?(@.type=="Ready")].status`,
 * `.a\.b`. The first match of several counts.
 */
function readJsonPath(object: unknown, path: string): unknown {
  let values: unknown[] = [object];
  for (const step of path.matchAll(
    /\.((?:\\.|[^.[\]\\])+)|\[\s*(?:'([^']*)'|"([^"]*)"|(\*|-?\d+)|\?\(\s*@\.([\w.]+)\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)"|(\w+))\s*\))\s*\]/g,
  )) {
    const [, dotted, single, double, index, field, operator, text1, text2, word] = step;
    const key = dotted?.replaceAll(/\\(.)/g, "$1") ?? single ?? double;
    values = values.flatMap((value): unknown[] => {
      if (value === undefined || value === null) return [];
      if (key !== undefined) return [(value as Record<string, unknown>)[key]];
      const items = Array.isArray(value) ? (value as unknown[]) : Object.values(value as object);
      if (index === "*") return items;
      if (index !== undefined) return [items.at(Number(index))];
      const wanted = text1 ?? text2 ?? word ?? "";
      return items.filter((item) => (String(readJsonPath(item, `.${field}`)) === wanted) === (operator === "=="));
    });
  }
  return values.find((value) => value !== undefined && value !== null);
}
