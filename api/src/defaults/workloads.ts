import { hasOtherMetrics } from "../autoscaler-versions.ts";
import { type Defaulters, type Draft, isEmpty, nested, setAbsent } from "./defaulter.ts";

const RETAIN = { whenDeleted: "Retain", whenScaled: "Retain" };
const MOST_RETRIES = 2 ** 31 - 1;

/** Defaulting of the groups apps, batch and autoscaling. */
export const workloadDefaults: Defaulters = {
  "apps/v1.DeploymentSpec": {
    values: { replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 },
    apply: (spec) => defaultRolling(nested(spec, "strategy"), { maxUnavailable: "25%", maxSurge: "25%" }),
  },
  "apps/v1.DaemonSet": { apply: defaultTemplateGeneration },
  "apps/v1.DaemonSetSpec": {
    values: { revisionHistoryLimit: 10 },
    apply: (spec) => defaultRolling(nested(spec, "updateStrategy"), { maxUnavailable: 1, maxSurge: 0 }),
  },
  "apps/v1.StatefulSetSpec": {
    values: { replicas: 1, revisionHistoryLimit: 10, podManagementPolicy: "OrderedReady" },
    apply: defaultStatefulSet,
  },
  "apps/v1.ReplicaSetSpec": { values: { replicas: 1 } },
  "batch/v1.Job": { apply: defaultJob },
  "batch/v1.PodFailurePolicyOnPodConditionsPattern": { values: { status: "True" } },
  "batch/v1.CronJobSpec": {
    values: { concurrencyPolicy: "Allow", suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 },
  },
  "autoscaling/v1.HorizontalPodAutoscaler": { apply: defaultUtilization },
  "autoscaling/v1.HorizontalPodAutoscalerSpec": { values: { minReplicas: 1 } },
  "autoscaling/v2.HorizontalPodAutoscalerSpec": { values: { minReplicas: 1 }, apply: defaultAutoscaler },
};

function defaultUtilization(autoscaler: Draft): void {
  if (!hasOtherMetrics(autoscaler)) setAbsent(nested(autoscaler, "spec"), { targetCPUUtilizationPercentage: 80 });
}

/** An annotation of the times before ControllerRevisions, which upstream still keeps; who wrote it owns it. */
function defaultTemplateGeneration(set: Draft): void {
  const metadata = nested(set, "metadata");
  setAbsent(nested(metadata, "annotations"), { "deprecated.daemonset.template.generation": "0" });
}

function defaultRolling(strategy: Draft, values: Readonly<Record<string, unknown>>): void {
  setAbsent(strategy, { type: "RollingUpdate" });
  if (strategy["type"] === "RollingUpdate") setAbsent(nested(strategy, "rollingUpdate"), values);
}

function defaultStatefulSet(spec: Draft): void {
  const strategy = nested(spec, "updateStrategy");
  if (isAbsent(strategy["type"])) setAbsent(strategy, { type: "RollingUpdate", rollingUpdate: {} });
  if (strategy["type"] === "RollingUpdate" && !isAbsent(strategy["rollingUpdate"]))
    setAbsent(nested(strategy, "rollingUpdate"), { partition: 0, maxUnavailable: 1 });
  setAbsent(nested(spec, "persistentVolumeClaimRetentionPolicy"), RETAIN);
  // Claims lose their kind in protobuf; the server shows it in JSON.
  if (!Array.isArray(spec["volumeClaimTemplates"])) return;
  spec["volumeClaimTemplates"] = spec["volumeClaimTemplates"].map((claim: Draft) => ({
    ...claim,
    kind: "PersistentVolumeClaim",
    apiVersion: "v1",
  }));
}

function defaultJob(job: Draft): void {
  const spec = nested(job, "spec");
  if (isAbsent(spec["completions"]) && isAbsent(spec["parallelism"])) setAbsent(spec, { completions: 1 });
  setAbsent(spec, {
    parallelism: 1,
    backoffLimit: isAbsent(spec["backoffLimitPerIndex"]) ? 6 : MOST_RETRIES,
    completionMode: "NonIndexed",
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: isAbsent(spec["podFailurePolicy"]) ? "TerminatingOrFailed" : "Failed",
  });
  const labels = ((spec["template"] as Draft | undefined)?.["metadata"] as Draft | undefined)?.["labels"];
  const metadata = nested(job, "metadata");
  if (isEmpty(metadata["labels"]) && !isEmpty(labels)) metadata["labels"] = { ...(labels as Draft) };
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

const CPU_AT_80 = {
  type: "Resource",
  resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } },
};
const SCALE_UP = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const SCALE_DOWN = { selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] };

function defaultAutoscaler(spec: Draft): void {
  if (isEmpty(spec["metrics"])) spec["metrics"] = [structuredClone(CPU_AT_80)];
  if (isAbsent(spec["behavior"])) return;
  const behavior = nested(spec, "behavior");
  for (const [direction, values] of [["scaleUp", SCALE_UP] as const, ["scaleDown", SCALE_DOWN] as const]) {
    const rules = nested(behavior, direction);
    setAbsent(rules, values);
  }
}
