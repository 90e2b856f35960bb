import { newEvent } from "../../validation/core/event.ts";
import { eventCells } from "../core/event-cells.ts";
import type { Resource } from "../resource.ts";

/** Event: events.k8s.io/v1. */
export const events: Resource = {
  group: "events.k8s.io",
  resource: "events",
  createOnUpdate: true,
  dependents: "none",
  fieldLabels: {
    "regarding.kind": "regarding.kind",
    "regarding.namespace": "regarding.namespace",
    "regarding.name": "regarding.name",
    "regarding.uid": "regarding.uid",
    "regarding.apiVersion": "regarding.apiVersion",
    "regarding.resourceVersion": "regarding.resourceVersion",
    "regarding.fieldPath": "regarding.fieldPath",
    reason: "reason",
    reportingController: "reportingController",
    type: "type",
  },
  rules: newEvent,
  cells: (object, now) => eventCells(object, now),
};
