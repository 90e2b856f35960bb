import type { Unstructured } from "../../object.ts";
import { age } from "../ages.ts";
import { name } from "../cells.ts";
import { textAt } from "../text-at.ts";

/** Cells of events, of both groups. */
export function eventCells(object: Unstructured, now: number): readonly unknown[] {
  const said = object as {
    involvedObject?: { kind?: string; name?: string; fieldPath?: string };
    /** events.k8s.io/v1 */
    regarding?: { kind?: string; name?: string; fieldPath?: string };
    firstTimestamp?: string | null;
    lastTimestamp?: string | null;
    eventTime?: string | null;
    series?: { lastObservedTime?: string; count?: number };
    count?: number;
    source?: { component?: string; host?: string };
    reportingComponent?: string;
    reportingController?: string;
    note?: string;
    deprecatedFirstTimestamp?: string | null;
    deprecatedLastTimestamp?: string | null;
    deprecatedSource?: { component?: string; host?: string };
    deprecatedCount?: number;
    reportingInstance?: string;
  } & Unstructured;
  const event = {
    ...said,
    firstTimestamp: said.firstTimestamp ?? said.deprecatedFirstTimestamp,
    lastTimestamp: said.lastTimestamp ?? said.deprecatedLastTimestamp,
    source: said.source ?? said.deprecatedSource,
    count: said.count ?? said.deprecatedCount,
  };
  const about = event.involvedObject ?? event.regarding;
  const first = event.firstTimestamp ?? event.eventTime;
  const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? first;
  const source = [
    event.source?.component || event.reportingComponent || event.reportingController,
    event.source?.host || event.reportingInstance,
  ]
    .filter((part) => part)
    .join(", ");
  return [
    age(last, now),
    textAt(object, "type"),
    textAt(object, "reason"),
    [about?.kind?.toLowerCase() ?? "", about?.name ?? ""].filter((part) => part !== "").join("/"),
    about?.fieldPath ?? "",
    source,
    (event.note ?? textAt(object, "message")).trim(),
    age(first, now),
    event.series?.count ?? (event.count || 1),
    name(object),
  ];
}
