import type { PodTemplateSpec } from "../../generated/types/core-v1.ts";
import type { Unstructured } from "../object.ts";
import { listOf, member, valueAt } from "../validation/check.ts";
import { dnsLabel } from "../validation/names.ts";
import { podWarnings } from "./pod.ts";
import { claimSpecWarnings } from "./storage.ts";
import type { Warner } from "./warner.ts";

/** Where kinds have pod templates. */
const TEMPLATES: Readonly<Record<string, string>> = {
  "/PodTemplate": "template",
  "/ReplicationController": "spec.template",
  "apps/DaemonSet": "spec.template",
  "apps/Deployment": "spec.template",
  "apps/ReplicaSet": "spec.template",
  "apps/StatefulSet": "spec.template",
  "batch/CronJob": "spec.jobTemplate.spec.template",
  "batch/Job": "spec.template",
};

/** Kinds whose names become part of the names of pods. */
const NAMING = new Set(["/ReplicationController", "apps/Deployment", "apps/ReplicaSet", "batch/CronJob", "batch/Job"]);

/** Of a kind that makes pods. @param kind "<group>/<Kind>" */
export function workloadWarner(kind: string): Warner {
  return (object: Unstructured, old) => workloadWarnings(kind, object, old);
}

function workloadWarnings(kind: string, object: Unstructured, old: Unstructured | undefined): string[] {
  const at = TEMPLATES[kind] ?? "";
  const name = old === undefined && NAMING.has(kind) ? nameWarnings(object, "Pod names and hostnames") : [];
  // of a ReplicationController upstream takes the old template for the new one
  const shown = kind === "/ReplicationController" && old !== undefined ? old : object;
  const isChanged = old === undefined || versionOf(kind, object) !== versionOf(kind, old);
  const template = isChanged ? podWarnings((valueAt(shown, at) ?? {}) as PodTemplateSpec, at) : [];
  return [
    ...name,
    ...(isChanged ? manyIndexes(kind, object) : []),
    ...template,
    ...own(kind, object, old === undefined),
  ];
}

function versionOf(kind: string, { metadata }: Unstructured): unknown {
  if (kind !== "apps/DaemonSet") return metadata?.generation;
  return metadata?.annotations?.["deprecated.daemonset.template.generation"];
}

/** Of names that do not fit a hostname. @param use Where the name is used. */
export function nameWarnings(object: Unstructured, use: string): string[] {
  const problems = dnsLabel(object.metadata?.name ?? "");
  if (problems.length === 0) return [];
  return [
    `metadata.name: this is used in ${use}, which can result in surprising behavior; a DNS label is recommended: [${problems.join(" ")}]`,
  ];
}

function manyIndexes(kind: string, object: Unstructured): string[] {
  const at = kind === "batch/Job" ? "spec" : kind === "batch/CronJob" ? "spec.jobTemplate.spec" : undefined;
  const spec = at === undefined ? undefined : valueAt(object, at);
  const isMany =
    Number(member(spec, "completions") ?? 0) > 100_000 && Number(member(spec, "parallelism") ?? 0) > 10_000;
  if (member(spec, "completionMode") !== "Indexed" || !isMany) return [];
  return [
    `${at}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
  ];
}

function own(kind: string, object: Unstructured, isNew: boolean): string[] {
  const spec = member(object, "spec");
  if (kind === "apps/StatefulSet") {
    const claims = listOf(member(spec, "volumeClaimTemplates")).flatMap((claim, index) =>
      claimSpecWarnings(member(claim, "spec") as never, `spec.volumeClaimTemplates[${index}]${isNew ? "" : ".Spec"}`),
    );
    const keepsAll = Number(member(spec, "revisionHistoryLimit") ?? 0) < 0;
    const why = "a negative value retains all historical revisions; a value >= 0 is recommended";
    return keepsAll ? [...claims, `spec.revisionHistoryLimit: ${why}`] : claims;
  }
  if (kind !== "batch/CronJob" || isNew || !String(member(spec, "schedule") ?? "").includes("TZ")) return [];
  return [
    "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
  ];
}
