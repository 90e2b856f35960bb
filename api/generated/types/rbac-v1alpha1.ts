// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as meta_v1 from "./meta-v1.ts";
export interface AggregationRule {
  readonly clusterRoleSelectors?: readonly meta_v1.LabelSelector[];
}
export interface ClusterRole extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly rules?: readonly PolicyRule[];
  readonly aggregationRule?: AggregationRule;
}
export interface ClusterRoleBinding extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}
export interface ClusterRoleBindingList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly ClusterRoleBinding[];
}
export interface ClusterRoleList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly ClusterRole[];
}
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}
export interface Role extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly rules?: readonly PolicyRule[];
}
export interface RoleBinding extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}
export interface RoleBindingList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly RoleBinding[];
}
export interface RoleList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly Role[];
}
export interface RoleRef {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
}
export interface Subject {
  readonly kind: string;
  readonly apiVersion?: string;
  readonly name: string;
  readonly namespace?: string;
}
