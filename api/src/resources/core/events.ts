import { CORE } from "../../validation/core/rules.ts";
import type { Resource } from "../resource.ts";
import { textAt } from "../text-at.ts";
import { eventCells } from "./event-cells.ts";

/** Event: v1. */
export const events: Resource = {
  group: "",
  resource: "events",
  createOnUpdate: true,
  dependents: "none",
  fieldLabels: {
    "involvedObject.kind": "involvedObject.kind",
    "involvedObject.namespace": "involvedObject.namespace",
    "involvedObject.name": "involvedObject.name",
    "involvedObject.uid": "involvedObject.uid",
    "involvedObject.apiVersion": "involvedObject.apiVersion",
    "involvedObject.resourceVersion": "involvedObject.resourceVersion",
    "involvedObject.fieldPath": "involvedObject.fieldPath",
    reason: "reason",
    reportingComponent: "reportingComponent",
    source: (object) => textAt(object, "source.component") || textAt(object, "reportingComponent"),
    type: "type",
  },
  rules: CORE["/Event"],
  cells: (object, now) => eventCells(object, now),
};
