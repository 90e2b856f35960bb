import { age, builtinResource, type Cells, type ColumnRow, DECLARED, factsText, textAt } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";
import type { Column, TableConvertor } from "./table.ts";

type ColumnRows = Readonly<Record<string, readonly ColumnRow[]>>;

let columnRows: ColumnRows | undefined;

const builtinTables = new WeakMap<ResourceDefinition, TableConvertor>();

/** The table of a built-in resource. */
export function builtinTable(definition: ResourceDefinition): TableConvertor {
  let table = builtinTables.get(definition);
  if (table === undefined) {
    table = makeBuiltinTable(definition);
    builtinTables.set(definition, table);
  }
  return table;
}

function makeBuiltinTable(definition: ResourceDefinition): TableConvertor {
  columnRows ??= { ...(JSON.parse(factsText("columns.json")) as ColumnRows), ...DECLARED.columns };
  const groupVersion = definition.group === "" ? definition.version : `${definition.group}/${definition.version}`;
  const rows = columnRows?.[`${groupVersion} ${definition.resource}`] ?? [
    ["Name", "string", "name", 0] as const,
    ["Created At", "date", "", 0] as const,
  ];
  const columns = rows.map(
    ([columnName, type, format, priority]): Column => ({ name: columnName, type, format, description: "", priority }),
  );
  const { cells = genericCells(columns), order } = builtinResource(definition.group, definition.resource) ?? {};
  return { columns, cells, ...(order !== undefined && { order }) };
}

function genericCells(columns: readonly Column[]): Cells {
  return (object, now) =>
    columns.map((column) => {
      if (column.format === "name") return object.metadata?.name ?? "";
      if (column.name === "Age") return age(object.metadata?.creationTimestamp, now);
      if (column.name === "Created At") return object.metadata?.creationTimestamp;
      const field = `${column.name.slice(0, 1).toLowerCase()}${column.name.slice(1).replaceAll(/[ -]/g, "")}`;
      return textAt(object, `spec.${field}`) || "<none>";
    });
}
