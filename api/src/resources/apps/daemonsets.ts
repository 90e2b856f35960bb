import type { Unstructured } from "../../object.ts";
import { jsonEqual } from "../../patch/json-equal.ts";
import { APPS } from "../../validation/groups/apps.ts";
import { STATUSES } from "../../validation/statuses/index.ts";
import { workloadWarner } from "../../warnings/workloads.ts";
import { count, created, labelsText, name } from "../cells.ts";
import type { Resource } from "../resource.ts";
import { containers, images, selector, templateOf } from "../workload-cells.ts";

const TEMPLATE_GENERATION = "deprecated.daemonset.template.generation";

/** DaemonSet: apps/v1. */
export const daemonsets: Resource = {
  group: "apps",
  resource: "daemonsets",
  generation: true,
  prepareForCreate: (set) => withTemplateGeneration(set, undefined),
  prepareForUpdate: withTemplateGeneration,
  rules: APPS["apps/DaemonSet"],
  statusRules: STATUSES["apps/DaemonSet"],
  warnings: workloadWarner("apps/DaemonSet"),
  cells: (object, now) => [
    name(object),
    count(object, "status.desiredNumberScheduled"),
    count(object, "status.currentNumberScheduled"),
    count(object, "status.numberReady"),
    count(object, "status.updatedNumberScheduled"),
    count(object, "status.numberAvailable"),
    labelsText((templateOf(object).spec as { nodeSelector?: Record<string, string> } | undefined)?.nodeSelector),
    created(object, now),
    containers(object),
    images(object),
    selector(object),
  ],
};

/** An annotation of the times before ControllerRevisions, which upstream still keeps. */
function withTemplateGeneration(set: Unstructured, old: Unstructured | undefined): Unstructured {
  const template = (of: Unstructured): unknown => (of["spec"] as { template?: unknown } | undefined)?.template;
  const before = Number(old?.metadata?.annotations?.[TEMPLATE_GENERATION] ?? 0);
  const isNew = old === undefined || !jsonEqual(template(set), template(old));
  const annotations = { ...set.metadata?.annotations, [TEMPLATE_GENERATION]: String(before + (isNew ? 1 : 0)) };
  return { ...set, metadata: { ...set.metadata, annotations } };
}
