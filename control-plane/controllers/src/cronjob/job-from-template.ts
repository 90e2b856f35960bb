import type { CronJob, Job } from "@tsukube/api/types/batch-v1";
import { controllerReference } from "@tsukube/client";
import { formatZonedTime } from "./zoned-time.ts";

const SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/** The name of the run at `time`: it keeps a run from being started twice. */
export function jobNameAt(cronJob: CronJob, time: number): string {
  return `${cronJob.metadata?.name}-${Math.floor(time / 60_000)}`;
}

/** The Job of the run at `time`. */
export function jobFromTemplate(cronJob: CronJob, time: number): Job {
  const { jobTemplate, timeZone = "UTC" } = cronJob.spec;
  const { labels, annotations } = jobTemplate.metadata ?? {};
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: jobNameAt(cronJob, time),
      namespace: cronJob.metadata?.namespace ?? "",
      ...(labels !== undefined && { labels }),
      annotations: { ...annotations, [SCHEDULED]: formatZonedTime(time, timeZone) },
      ownerReferences: [controllerReference(cronJob, "batch/v1", "CronJob")],
    },
    ...(jobTemplate.spec !== undefined && { spec: jobTemplate.spec }),
  };
}
