// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as batch_v1 from "./batch-v1.ts";
import type * as core_v1 from "./core-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface CronJob extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: CronJobSpec;
  readonly status?: CronJobStatus;
}
export interface CronJobList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly CronJob[];
}
export interface CronJobSpec {
  readonly schedule: string;
  readonly timeZone?: string;
  readonly startingDeadlineSeconds?: number;
  readonly concurrencyPolicy?: string;
  readonly suspend?: boolean;
  readonly jobTemplate: JobTemplateSpec;
  readonly successfulJobsHistoryLimit?: number;
  readonly failedJobsHistoryLimit?: number;
}
export interface CronJobStatus {
  readonly active?: readonly core_v1.ObjectReference[];
  readonly lastScheduleTime?: string;
  readonly lastSuccessfulTime?: string;
}
export interface JobTemplateSpec {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec?: batch_v1.JobSpec;
}
