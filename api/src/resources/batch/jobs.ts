import type { Unstructured } from "../../object.ts";
import { BATCH } from "../../validation/groups/batch.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { duration } from "../ages.ts";
import { count, created, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { containers, images, selector } from "../workload-cells.ts";
import { withJobSelector } from "./job-selector.ts";

/** Job: batch/v1. */
export const jobs: Resource = {
  group: "batch",
  resource: "jobs",
  generation: true,
  dependents: "orphan",
  prepareForCreate: withJobSelector,
  fieldLabels: { "status.successful": (object) => textAt(object, "status.succeeded") || "0" },
  rules: BATCH["batch/Job"],
  statusRules: STATUSES["batch/Job"],
  warnings: workloadWarner("batch/Job"),
  cells: (object, now) => [
    name(object),
    jobStatus(object),
    `${count(object, "status.succeeded")}/${jobWanted(object)}`,
    jobDuration(object, now),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
};

function jobWanted(object: Unstructured): string {
  const completions = textAt(object, "spec.completions");
  if (completions !== "") return completions;
  const parallelism = Number(textAt(object, "spec.parallelism") || 1);
  return parallelism > 1 ? `1 of ${parallelism}` : "1";
}

function jobStatus(object: Unstructured): string {
  const conditions = (
    (object["status"] as { conditions?: readonly { type?: string; status?: string }[] } | undefined)?.conditions ?? []
  ).filter(({ status }) => status === "True");
  const has = (type: string): boolean => conditions.some((condition) => condition.type === type);
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (object.metadata?.deletionTimestamp !== undefined) return "Terminating";
  if (has("Suspended")) return "Suspended";
  if (has("FailureTarget")) return "FailureTarget";
  return has("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function jobDuration(object: Unstructured, now: number): string {
  const start = textAt(object, "status.startTime");
  if (start === "") return "";
  const end = textAt(object, "status.completionTime");
  return duration(Math.floor(((end === "" ? now : Date.parse(end)) - Date.parse(start)) / 1000));
}
