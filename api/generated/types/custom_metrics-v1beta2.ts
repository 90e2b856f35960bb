// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as core_v1 from "./core-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface MetricIdentifier {
  readonly name: string;
  readonly selector?: meta_v1.LabelSelector;
}
export interface MetricListOptions extends meta_v1.TypeMeta {
  readonly labelSelector?: string;
  readonly metricLabelSelector?: string;
}
export interface MetricValue extends meta_v1.TypeMeta {
  readonly describedObject: core_v1.ObjectReference;
  readonly metric: MetricIdentifier;
  readonly timestamp: string;
  readonly windowSeconds?: number;
  readonly value: string;
}
export interface MetricValueList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly MetricValue[];
}
