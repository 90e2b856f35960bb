import type { Unstructured } from "@tsukube/api";
import type { ResourceDefinition } from "../registry/definition.ts";

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
}

/** Makes the cells of a resource's rows. */
export interface TableConvertor {
  readonly columns: readonly Column[];
  /** @param now ms since the epoch, for ages. */
  cells(object: Unstructured, now: number): readonly unknown[];
  /** Of the rows; absent: as they are listed. */
  readonly order?: (a: Unstructured, b: Unstructured) => number;
}

export type TableConvertorOf = (definition: ResourceDefinition) => TableConvertor;
