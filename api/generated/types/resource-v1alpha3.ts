// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface DeviceTaint {
  readonly key: string;
  readonly value?: string;
  readonly effect: string;
  readonly timeAdded?: string;
}
export interface DeviceTaintRule extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: DeviceTaintRuleSpec;
  readonly status?: DeviceTaintRuleStatus;
}
export interface DeviceTaintRuleList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly DeviceTaintRule[];
}
export interface DeviceTaintRuleSpec {
  readonly deviceSelector?: DeviceTaintSelector;
  readonly taint: DeviceTaint;
}
export interface DeviceTaintRuleStatus {
  readonly conditions?: readonly meta_v1.Condition[];
}
export interface DeviceTaintSelector {
  readonly driver?: string;
  readonly pool?: string;
  readonly device?: string;
}
export interface PartitionTypeStatus {
  readonly attribute: string;
  readonly type: string;
  readonly total: number;
  readonly allocatable: number;
}
export interface PoolStatus {
  readonly driver: string;
  readonly poolName: string;
  readonly generation: number;
  readonly resourceSliceCount?: number;
  readonly totalDevices?: number;
  readonly allocatedDevices?: number;
  readonly availableDevices?: number;
  readonly unavailableDevices?: number;
  readonly nodeName?: string;
  readonly validationError?: string;
  readonly partitionSummary?: readonly PartitionTypeStatus[];
  readonly shareableSummary?: ShareableSummaryStatus;
}
export interface ResourcePoolStatusRequest extends meta_v1.TypeMeta {
  readonly metadata: meta_v1.ObjectMeta;
  readonly spec: ResourcePoolStatusRequestSpec;
  readonly status?: ResourcePoolStatusRequestStatus;
}
export interface ResourcePoolStatusRequestList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly ResourcePoolStatusRequest[];
}
export interface ResourcePoolStatusRequestSpec {
  readonly driver: string;
  readonly poolName?: string;
  readonly limit?: number;
  readonly defaultPartitionTypeAttribute?: string;
}
export interface ResourcePoolStatusRequestStatus {
  readonly poolCount: number;
  readonly pools?: readonly PoolStatus[];
  readonly conditions?: readonly meta_v1.Condition[];
}
export interface ShareableCapacityStatus {
  readonly name: string;
  readonly total: string;
  readonly consumed: string;
  readonly available: string;
}
export interface ShareableSummaryStatus {
  readonly fullyAvailableDevices: number;
  readonly partiallyAvailableDevices: number;
  readonly capacity?: readonly ShareableCapacityStatus[];
}
