// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface AllCompositeDisruptionMode {
}
export interface AllDisruptionMode {
}
export interface BasicSchedulingPolicy {
}
export interface CompositeBasicSchedulingPolicy {
}
export interface CompositeDisruptionMode {
  readonly single?: SingleCompositeDisruptionMode;
  readonly all?: AllCompositeDisruptionMode;
}
export interface CompositeGangSchedulingPolicy {
  readonly minGroupCount: number;
}
export interface CompositePodGroup extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: CompositePodGroupSpec;
  readonly status?: CompositePodGroupStatus;
}
export interface CompositePodGroupList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly CompositePodGroup[];
}
export interface CompositePodGroupSchedulingConstraints {
  readonly topology?: readonly TopologyConstraint[];
}
export interface CompositePodGroupSchedulingPolicy {
  readonly basic?: CompositeBasicSchedulingPolicy;
  readonly gang?: CompositeGangSchedulingPolicy;
}
export interface CompositePodGroupSpec {
  readonly parentCompositePodGroupName?: string;
  readonly workloadRef: WorkloadReference;
  readonly schedulingPolicy: CompositePodGroupSchedulingPolicy;
  readonly schedulingConstraints?: CompositePodGroupSchedulingConstraints;
  readonly disruptionMode?: CompositeDisruptionMode;
  readonly priorityClassName?: string;
  readonly priority?: number;
  readonly preemptionPolicy?: string;
}
export interface CompositePodGroupStatus {
  readonly conditions?: readonly meta_v1.Condition[];
}
export interface CompositePodGroupTemplate {
  readonly name: string;
  readonly schedulingPolicy: CompositePodGroupSchedulingPolicy;
  readonly schedulingConstraints?: CompositePodGroupSchedulingConstraints;
  readonly disruptionMode?: CompositeDisruptionMode;
  readonly priorityClassName?: string;
  readonly priority?: number;
  readonly preemptionPolicy?: string;
  readonly podGroupTemplates?: readonly PodGroupTemplate[];
  readonly compositePodGroupTemplates?: readonly CompositePodGroupTemplate[];
}
export interface DisruptionMode {
  readonly single?: SingleDisruptionMode;
  readonly all?: AllDisruptionMode;
}
export interface GangSchedulingPolicy {
  readonly minCount: number;
}
export interface PodGroup extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: PodGroupSpec;
  readonly status?: PodGroupStatus;
}
export interface PodGroupList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly PodGroup[];
}
export interface PodGroupResourceClaim {
  readonly name: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}
export interface PodGroupResourceClaimStatus {
  readonly name: string;
  readonly resourceClaimName?: string;
}
export interface PodGroupSchedulingConstraints {
  readonly topology?: readonly TopologyConstraint[];
}
export interface PodGroupSchedulingPolicy {
  readonly basic?: BasicSchedulingPolicy;
  readonly gang?: GangSchedulingPolicy;
}
export interface PodGroupSpec {
  readonly parentCompositePodGroupName?: string;
  readonly workloadRef?: WorkloadReference;
  readonly schedulingPolicy: PodGroupSchedulingPolicy;
  readonly schedulingConstraints?: PodGroupSchedulingConstraints;
  readonly resourceClaims?: readonly PodGroupResourceClaim[];
  readonly disruptionMode?: DisruptionMode;
  readonly priorityClassName?: string;
  readonly priority?: number;
  readonly preemptionPolicy?: string;
}
export interface PodGroupStatus {
  readonly conditions?: readonly meta_v1.Condition[];
  readonly resourceClaimStatuses?: readonly PodGroupResourceClaimStatus[];
}
export interface PodGroupTemplate {
  readonly name: string;
  readonly schedulingPolicy: PodGroupSchedulingPolicy;
  readonly schedulingConstraints?: PodGroupSchedulingConstraints;
  readonly resourceClaims?: readonly PodGroupResourceClaim[];
  readonly disruptionMode?: DisruptionMode;
  readonly priorityClassName?: string;
  readonly priority?: number;
  readonly preemptionPolicy?: string;
}
export interface SingleCompositeDisruptionMode {
}
export interface SingleDisruptionMode {
}
export interface TopologyConstraint {
  readonly key: string;
}
export interface TypedLocalObjectReference {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
}
export interface Workload extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: WorkloadSpec;
}
export interface WorkloadList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly Workload[];
}
export interface WorkloadPodGroupAllDisruptionMode {
}
export interface WorkloadPodGroupBasicSchedulingPolicy {
}
export interface WorkloadPodGroupDisruptionMode {
  readonly single?: WorkloadPodGroupSingleDisruptionMode;
  readonly all?: WorkloadPodGroupAllDisruptionMode;
}
export interface WorkloadPodGroupGangSchedulingPolicy {
  readonly minCount?: number;
}
export interface WorkloadPodGroupResourceClaim {
  readonly name: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}
export interface WorkloadPodGroupSchedulingConstraints {
  readonly topology?: readonly TopologyConstraint[];
}
export interface WorkloadPodGroupSchedulingPolicy {
  readonly basic?: WorkloadPodGroupBasicSchedulingPolicy;
  readonly gang?: WorkloadPodGroupGangSchedulingPolicy;
}
export interface WorkloadPodGroupSingleDisruptionMode {
}
export interface WorkloadReference {
  readonly workloadName: string;
  readonly templateName: string;
}
export interface WorkloadSpec {
  readonly controllerRef?: TypedLocalObjectReference;
  readonly podGroupTemplates?: readonly PodGroupTemplate[];
  readonly compositePodGroupTemplates?: readonly CompositePodGroupTemplate[];
}
