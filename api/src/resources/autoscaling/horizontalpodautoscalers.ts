import type { Unstructured } from "../../object.ts";
import { AUTOSCALING } from "../../validation/groups/autoscaling.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { count, created, listAt, name, or, shortList, UNSET } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";

interface Metric {
  readonly type?: string;
  readonly [source: string]: unknown;
}

/** HorizontalPodAutoscaler: autoscaling/v1, autoscaling/v2. */
export const horizontalpodautoscalers: Resource = {
  group: "autoscaling",
  resource: "horizontalpodautoscalers",
  generation: true,
  rules: AUTOSCALING["autoscaling/HorizontalPodAutoscaler"],
  statusRules: STATUSES["autoscaling/HorizontalPodAutoscaler"],
  cells: (object, now) => [
    name(object),
    `${textAt(object, "spec.scaleTargetRef.kind")}/${textAt(object, "spec.scaleTargetRef.name")}`,
    targetsText(object),
    or(textAt(object, "spec.minReplicas"), UNSET),
    count(object, "spec.maxReplicas"),
    count(object, "status.currentReplicas"),
    created(object, now),
  ],
  versions: { v1: { rules: AUTOSCALING["autoscaling/v1.HorizontalPodAutoscaler"] } },
};

/** "cpu: 12%/50%": each metric's current value and its target; two metrics at most. Reads autoscaling/v1 and v2. */
function targetsText(object: Unstructured): string {
  const utilization = textAt(object, "spec.targetCPUUtilizationPercentage"); // autoscaling/v1
  if (utilization !== "") {
    const now = textAt(object, "status.currentCPUUtilizationPercentage");
    return `cpu: ${now === "" ? "<unknown>" : `${now}%`}/${utilization}%`;
  }
  const current = listAt<Metric>(object, "status.currentMetrics");
  const shown = listAt<Metric>(object, "spec.metrics").map((metric, index) => metricText(metric, current[index]));
  return or(shortList(shown, 2, ", "));
}

function metricText(metric: Metric, current: Metric | undefined): string {
  const type = metric.type ?? "";
  const source = `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`;
  const target = (field: string): string => textAt(metric, `${source}.target.${field}`);
  const now = (field: string, unit = ""): string => {
    const value = textAt(current, `${source}.current.${field}`);
    return value === "" || value === "0" ? "<unknown>" : `${value}${unit}`;
  };
  const of = textAt(metric, `${source}.name`);
  const prefix = of === "" ? "" : `${of}: `; // Resource and ContainerResource
  if (target("averageUtilization") !== "")
    return `${prefix}${now("averageUtilization", "%")}/${target("averageUtilization")}%`;
  const isAverageOfAll = type === "External" || type === "Object";
  if (target("averageValue") !== "")
    return `${prefix}${now("averageValue")}/${target("averageValue")}${isAverageOfAll ? " (avg)" : ""}`;
  return `${prefix}${now("value")}/${target("value")}`;
}
