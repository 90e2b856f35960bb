// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface ContainerMetrics {
  readonly name: string;
  readonly usage: { readonly [key: string]: string };
}
export interface NodeMetrics extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly timestamp: string;
  readonly window: string;
  readonly usage: { readonly [key: string]: string };
}
export interface NodeMetricsList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly NodeMetrics[];
}
export interface PodMetrics extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly timestamp: string;
  readonly window: string;
  readonly containers: readonly ContainerMetrics[];
}
export interface PodMetricsList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly PodMetrics[];
}
