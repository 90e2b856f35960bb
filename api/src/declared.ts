import declared from "../generated/declared.json" with { type: "json" };
import type { FactType } from "./facts.ts";

type Row = Readonly<Record<string, string>>;
/** A column: its name, OpenAPI type, format and priority (0: shown; 1: in wide output alone). */
export type ColumnRow = readonly [name: string, type: string, format: string, priority: number];

/** What files of resources declare that facts do not know, in the form of facts. */
export const DECLARED = declared as unknown as {
  readonly types: Readonly<Record<string, FactType>>;
  readonly kinds: readonly Row[];
  readonly resources: readonly Row[];
  /** By "group/version resource". */
  readonly columns: Readonly<Record<string, readonly ColumnRow[]>>;
};
