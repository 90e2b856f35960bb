import { age, textAt } from "@tsukube/api";
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
    scale.metadata?.name ?? "",
    Number(textAt(scale, "spec.replicas")),
    Number(textAt(scale, "status.replicas")),
    age(scale.metadata?.creationTimestamp, now),
  ],
};
