// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface Eviction extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: EvictionSpec;
  readonly status?: EvictionStatus;
}
export interface EvictionList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly Eviction[];
}
export interface EvictionPodReference {
  readonly name: string;
  readonly uid: string;
}
export interface EvictionRequest extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: EvictionRequestSpec;
  readonly status?: EvictionRequestStatus;
}
export interface EvictionRequestList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly EvictionRequest[];
}
export interface EvictionRequestPodReference {
  readonly name: string;
  readonly uid: string;
}
export interface EvictionRequestSpec {
  readonly target: EvictionRequestTarget;
  readonly requester: string;
  readonly intent: string;
}
export interface EvictionRequestStatus {
  readonly conditions?: readonly meta_v1.Condition[];
  readonly observedGeneration?: number;
}
export interface EvictionRequestTarget {
  readonly pod?: EvictionRequestPodReference;
}
export interface EvictionSpec {
  readonly target: EvictionTarget;
}
export interface EvictionStatus {
  readonly conditions?: readonly meta_v1.Condition[];
  readonly observedGeneration?: number;
  readonly requesters?: readonly Requester[];
  readonly targetResponders?: readonly TargetResponder[];
  readonly responders?: readonly ResponderStatus[];
}
export interface EvictionTarget {
  readonly pod?: EvictionPodReference;
}
export interface Requester {
  readonly name: string;
  readonly intent: string;
}
export interface ResponderStatus {
  readonly name: string;
  readonly startTime?: string;
  readonly heartbeatTime?: string;
  readonly expectedCompletionTime?: string;
  readonly completionTime?: string;
  readonly message?: string;
}
export interface TargetResponder {
  readonly name: string;
  readonly priority: number;
  readonly state: string;
}
