import type { Unstructured } from "../../object.ts";
import { or } from "../cells.ts";
import { textAt } from "../text-at.ts";

/** How pods of a group are scheduled: one by one, or all at once. */
export const policyOf = (group: Unstructured): string =>
  textAt(group, "spec.schedulingPolicy.gang") === "" ? "Basic" : "Gang";

/** The Workload that a group is of. */
export const workloadOf = (group: Unstructured): string => or(textAt(group, "spec.workloadRef.workloadName"));
