// Generated from facts/kinds.json by tools/src/generate-types.ts. Do not edit.
import type * as core_v1 from "./core-v1.ts";
import type * as meta_v1 from "./meta-v1.ts";
export interface CSIDriver extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: CSIDriverSpec;
}
export interface CSIDriverList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly CSIDriver[];
}
export interface CSIDriverSpec {
  readonly attachRequired?: boolean;
  readonly podInfoOnMount?: boolean;
  readonly volumeLifecycleModes?: readonly string[];
  readonly storageCapacity?: boolean;
  readonly fsGroupPolicy?: string;
  readonly tokenRequests?: readonly TokenRequest[];
  readonly requiresRepublish?: boolean;
  readonly seLinuxMount?: boolean;
  readonly nodeAllocatableUpdatePeriodSeconds?: number;
  readonly serviceAccountTokenInSecrets?: boolean;
  readonly preventPodSchedulingIfMissing?: boolean;
}
export interface CSINode extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: CSINodeSpec;
  readonly status?: CSINodeStatus;
}
export interface CSINodeDriver {
  readonly name: string;
  readonly nodeID: string;
  readonly topologyKeys?: readonly string[];
  readonly allocatable?: VolumeNodeResources;
}
export interface CSINodeList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly CSINode[];
}
export interface CSINodeSpec {
  readonly drivers: readonly CSINodeDriver[];
}
export interface CSINodeStatus {
  readonly storageHealth?: readonly StorageHealth[];
}
export interface CSIStorageCapacity extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly nodeTopology?: meta_v1.LabelSelector;
  readonly storageClassName: string;
  readonly capacity?: string;
  readonly maximumVolumeSize?: string;
}
export interface CSIStorageCapacityList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly CSIStorageCapacity[];
}
export interface StorageClass extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly provisioner: string;
  readonly parameters?: { readonly [key: string]: string };
  readonly reclaimPolicy?: string;
  readonly mountOptions?: readonly string[];
  readonly allowVolumeExpansion?: boolean;
  readonly volumeBindingMode?: string;
  readonly allowedTopologies?: readonly core_v1.TopologySelectorTerm[];
}
export interface StorageClassList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly StorageClass[];
}
export interface StorageHealth {
  readonly name: string;
  readonly healthConditions?: readonly StorageHealthCondition[];
}
export interface StorageHealthCondition {
  readonly status: string;
  readonly reason: string;
  readonly message?: string;
  readonly accessMode?: string;
  readonly volumeMode?: string;
  readonly lastTransitionTime?: string;
}
export interface TokenRequest {
  readonly audience: string;
  readonly expirationSeconds?: number;
}
export interface VolumeAttachment extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly spec: VolumeAttachmentSpec;
  readonly status?: VolumeAttachmentStatus;
}
export interface VolumeAttachmentList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly VolumeAttachment[];
}
export interface VolumeAttachmentSource {
  readonly persistentVolumeName?: string;
  readonly inlineVolumeSpec?: core_v1.PersistentVolumeSpec;
}
export interface VolumeAttachmentSpec {
  readonly attacher: string;
  readonly source: VolumeAttachmentSource;
  readonly nodeName: string;
}
export interface VolumeAttachmentStatus {
  readonly attached: boolean;
  readonly attachmentMetadata?: { readonly [key: string]: string };
  readonly attachError?: VolumeError;
  readonly detachError?: VolumeError;
}
export interface VolumeAttributesClass extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ObjectMeta;
  readonly driverName: string;
  readonly parameters?: { readonly [key: string]: string };
}
export interface VolumeAttributesClassList extends meta_v1.TypeMeta {
  readonly metadata?: meta_v1.ListMeta;
  readonly items: readonly VolumeAttributesClass[];
}
export interface VolumeError {
  readonly time?: string;
  readonly message?: string;
  readonly errorCode?: number;
}
export interface VolumeNodeResources {
  readonly count?: number;
}
