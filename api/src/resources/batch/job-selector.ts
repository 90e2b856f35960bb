import type { Job } from "../../../generated/types/batch-v1.ts";
import type { Unstructured } from "../../object.ts";

const CONTROLLER_UID = "batch.kubernetes.io/controller-uid";
const JOB_NAME = "batch.kubernetes.io/job-name";

/**
 * A Job with labels in its template that name it, and the selector that finds its pods by them; `manualSelector` leaves both
 * to the user. What the user set stays: where it contradicts, validation refuses it.
 */
export function withJobSelector(object: Unstructured): Unstructured {
  const { metadata, spec } = object as Job;
  if (spec === undefined || spec.manualSelector === true) return object;
  const { name = "", uid = "" } = metadata ?? {};
  const generated = { [CONTROLLER_UID]: uid, "controller-uid": uid, [JOB_NAME]: name, "job-name": name };
  const template = spec.template ?? {};
  const labels = { ...generated, ...template.metadata?.labels };
  const matchLabels = { [CONTROLLER_UID]: uid, ...spec.selector?.matchLabels };
  return {
    ...object,
    spec: {
      ...spec,
      selector: { ...spec.selector, matchLabels },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}
