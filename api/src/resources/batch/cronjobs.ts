import type { Unstructured } from "../../object.ts";
import { BATCH } from "../../validation/groups/batch.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { age } from "../ages.ts";
import { created, NONE, name, or } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { containers, images, selector } from "../workload-cells.ts";

/** CronJob: batch/v1. */
export const cronjobs: Resource = {
  group: "batch",
  resource: "cronjobs",
  generation: true,
  rules: BATCH["batch/CronJob"],
  warnings: workloadWarner("batch/CronJob"),
  cells: (object, now) => {
    const job = (object["spec"] as { jobTemplate?: { spec?: object } } | undefined)
      ?.jobTemplate as unknown as Unstructured;
    const last = textAt(object, "status.lastScheduleTime");
    return [
      name(object),
      textAt(object, "spec.schedule"),
      or(textAt(object, "spec.timeZone")),
      textAt(object, "spec.suspend") === "true" ? "True" : "False",
      ((object["status"] as { active?: unknown[] } | undefined)?.active ?? []).length,
      last === "" ? NONE : age(last, now),
      created(object, now),
      containers(job ?? {}),
      images(job ?? {}),
      selector(job ?? {}),
    ];
  },
};
