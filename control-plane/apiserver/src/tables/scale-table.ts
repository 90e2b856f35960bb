import { count, created, name } from "./cells.ts";
import type { TableConvertor } from "./table.ts";

/** The table of autoscaling/v1 Scale. */
export const SCALE_TABLE: TableConvertor = {
  columns: [
    { name: "Name", type: "string", format: "", description: "", priority: 0 },
    { name: "Desired", type: "integer", format: "", description: "", priority: 0 },
    { name: "Available", type: "integer", format: "", description: "", priority: 0 },
    { name: "Age", type: "string", format: "", description: "", priority: 0 },
  ],
  cells: (scale, now) => [
    name(scale),
    count(scale, "spec.replicas"),
    count(scale, "status.replicas"),
    created(scale, now),
  ],
};
