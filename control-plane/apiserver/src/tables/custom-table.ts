import { age, encodeUnstructuredText, goNumber, type Unstructured } from "@tsukube/api";
import type { CustomDetails, ResourceDefinition } from "../registry/definition.ts";
import { builtinTable } from "./builtin-table.ts";
import { ColumnPathError } from "./column-comparison.ts";
import { columnPath } from "./column-path.ts";
import { SCALE_TABLE } from "./scale-table.ts";
import type { Column, TableConvertor } from "./table.ts";

type Declared = CustomDetails["columns"][number];

/** The table of any resource. */
export function tableOfDefinition(definition: ResourceDefinition): TableConvertor {
  return definition.custom === undefined ? builtinTable(definition) : customTable(definition.custom.columns);
}

/** The table of a resource's Scale. */
export function scaleTableOf({ custom }: ResourceDefinition): TableConvertor {
  if (custom === undefined) return SCALE_TABLE;
  const { specReplicasPath = "", statusReplicasPath = "" } = custom.scale ?? {};
  return customTable([
    ...(specReplicasPath === "" ? [] : [DESIRED]),
    ...(statusReplicasPath === "" ? [] : [AVAILABLE]),
    AGE,
  ]);
}

const NAME: Column = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name must be unique within a namespace.",
  priority: 0,
};
const AGE: Declared = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
const DESIRED: Declared = {
  name: "Desired",
  type: "integer",
  description: "Number of desired replicas",
  jsonPath: ".spec.replicas",
};
const AVAILABLE: Declared = {
  name: "Available",
  type: "integer",
  description: "Number of actual replicas",
  jsonPath: ".status.replicas",
};

/** @param declared The columns after the name; the age where there are none. Those after one with a wrong path are not shown. */
function customTable(declared: readonly Declared[]): TableConvertor {
  const rest: { readonly column: Column; readonly find: (object: unknown) => unknown }[] = [];
  for (const column of declared.length > 0 ? declared : [AGE]) {
    const find = pathOf(column.jsonPath);
    if (find === undefined) break;
    rest.push({ column: columnOf(column), find });
  }
  return {
    columns: [NAME, ...rest.map(({ column }) => column)],
    cells: (object: Unstructured, now) => [
      object.metadata?.name ?? "",
      ...rest.map(({ column, find }) => cell(find(object), column.type, now)),
    ],
  };
}

function pathOf(text: string): ((object: unknown) => unknown) | undefined {
  try {
    return columnPath(text);
  } catch (error) {
    if (error instanceof ColumnPathError) return undefined;
    throw error;
  }
}

function columnOf({ name, type, format = "", description = "", priority = 0, jsonPath }: Declared): Column {
  const shown =
    description === "" ? `Custom resource definition column (in JSONPath format): ${jsonPath}` : description;
  return { name, type, format, description: shown, priority };
}

function cell(value: unknown, type: string, now: number): unknown {
  if (value === undefined) return null;
  if (type === "string") return textOf(value);
  if (type === "date") return typeof value === "string" ? ageOf(value, now) : null;
  if (type === "boolean") return typeof value === "boolean" ? value : null;
  if (typeof value !== "number" && typeof value !== "bigint") return null;
  return type === "integer" && typeof value === "number" ? Math.trunc(value) : value;
}

/** A value as Go prints it. */
function textOf(value: unknown): string {
  if (value === null) return "<no value>";
  if (typeof value === "object") return encodeUnstructuredText(value);
  return typeof value === "number" ? goNumber(value) : String(value);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

function ageOf(text: string, now: number): string {
  if (text === "" || text === "null") return "<unknown>";
  return TIME.test(text) && !Number.isNaN(Date.parse(text)) ? age(text, now) : "<invalid>";
}
