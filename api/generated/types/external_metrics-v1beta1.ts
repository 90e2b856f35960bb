// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface ExternalMetricValue extends meta_v1.TypeMeta {
  readonly metricName: string;
  readonly metricLabels: { readonly [key: string]: string };
  readonly timestamp: string;
  readonly window?: number;
  readonly value: string;
}
export interface ExternalMetricValueList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly ExternalMetricValue[];
}
