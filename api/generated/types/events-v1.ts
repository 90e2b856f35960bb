// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as core_v1 from "./core-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface Event extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly eventTime: string;
  readonly series?: EventSeries;
  readonly reportingController?: string;
  readonly reportingInstance?: string;
  readonly action?: string;
  readonly reason?: string;
  readonly regarding?: core_v1.ObjectReference;
  readonly related?: core_v1.ObjectReference;
  readonly note?: string;
  readonly type?: string;
  readonly deprecatedSource?: core_v1.EventSource;
  readonly deprecatedFirstTimestamp?: string;
  readonly deprecatedLastTimestamp?: string;
  readonly deprecatedCount?: number;
}
export interface EventList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly Event[];
}
export interface EventSeries {
  readonly count: number;
  readonly lastObservedTime: string;
}
