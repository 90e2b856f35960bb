// Generated from the gRPC descriptor by tools/src/generate-grpc-types.ts. Do not edit.
export interface Identity {
  GetPluginInfo: { request: GetPluginInfoRequest; response: GetPluginInfoResponse; requestStream: false; responseStream: false };
  GetPluginCapabilities: { request: GetPluginCapabilitiesRequest; response: GetPluginCapabilitiesResponse; requestStream: false; responseStream: false };
  Probe: { request: ProbeRequest; response: ProbeResponse; requestStream: false; responseStream: false };
}
export interface Controller {
  CreateVolume: { request: CreateVolumeRequest; response: CreateVolumeResponse; requestStream: false; responseStream: false };
  DeleteVolume: { request: DeleteVolumeRequest; response: DeleteVolumeResponse; requestStream: false; responseStream: false };
  ControllerPublishVolume: { request: ControllerPublishVolumeRequest; response: ControllerPublishVolumeResponse; requestStream: false; responseStream: false };
  ControllerUnpublishVolume: { request: ControllerUnpublishVolumeRequest; response: ControllerUnpublishVolumeResponse; requestStream: false; responseStream: false };
  ValidateVolumeCapabilities: { request: ValidateVolumeCapabilitiesRequest; response: ValidateVolumeCapabilitiesResponse; requestStream: false; responseStream: false };
  ListVolumes: { request: ListVolumesRequest; response: ListVolumesResponse; requestStream: false; responseStream: false };
  ControllerListVolumeHealth: { request: ControllerListVolumeHealthRequest; response: ControllerListVolumeHealthResponse; requestStream: false; responseStream: false };
  ControllerGetVolumeHealth: { request: ControllerGetVolumeHealthRequest; response: ControllerGetVolumeHealthResponse; requestStream: false; responseStream: false };
  GetCapacity: { request: GetCapacityRequest; response: GetCapacityResponse; requestStream: false; responseStream: false };
  ControllerGetCapabilities: { request: ControllerGetCapabilitiesRequest; response: ControllerGetCapabilitiesResponse; requestStream: false; responseStream: false };
  CreateSnapshot: { request: CreateSnapshotRequest; response: CreateSnapshotResponse; requestStream: false; responseStream: false };
  DeleteSnapshot: { request: DeleteSnapshotRequest; response: DeleteSnapshotResponse; requestStream: false; responseStream: false };
  ListSnapshots: { request: ListSnapshotsRequest; response: ListSnapshotsResponse; requestStream: false; responseStream: false };
  GetSnapshot: { request: GetSnapshotRequest; response: GetSnapshotResponse; requestStream: false; responseStream: false };
  ControllerExpandVolume: { request: ControllerExpandVolumeRequest; response: ControllerExpandVolumeResponse; requestStream: false; responseStream: false };
  ControllerGetVolume: { request: ControllerGetVolumeRequest; response: ControllerGetVolumeResponse; requestStream: false; responseStream: false };
  ControllerModifyVolume: { request: ControllerModifyVolumeRequest; response: ControllerModifyVolumeResponse; requestStream: false; responseStream: false };
}
export interface GroupController {
  GroupControllerGetCapabilities: { request: GroupControllerGetCapabilitiesRequest; response: GroupControllerGetCapabilitiesResponse; requestStream: false; responseStream: false };
  CreateVolumeGroupSnapshot: { request: CreateVolumeGroupSnapshotRequest; response: CreateVolumeGroupSnapshotResponse; requestStream: false; responseStream: false };
  DeleteVolumeGroupSnapshot: { request: DeleteVolumeGroupSnapshotRequest; response: DeleteVolumeGroupSnapshotResponse; requestStream: false; responseStream: false };
  GetVolumeGroupSnapshot: { request: GetVolumeGroupSnapshotRequest; response: GetVolumeGroupSnapshotResponse; requestStream: false; responseStream: false };
}
export interface SnapshotMetadata {
  GetMetadataAllocated: { request: GetMetadataAllocatedRequest; response: GetMetadataAllocatedResponse; requestStream: false; responseStream: true };
  GetMetadataDelta: { request: GetMetadataDeltaRequest; response: GetMetadataDeltaResponse; requestStream: false; responseStream: true };
}
export interface Node {
  NodeStageVolume: { request: NodeStageVolumeRequest; response: NodeStageVolumeResponse; requestStream: false; responseStream: false };
  NodeUnstageVolume: { request: NodeUnstageVolumeRequest; response: NodeUnstageVolumeResponse; requestStream: false; responseStream: false };
  NodePublishVolume: { request: NodePublishVolumeRequest; response: NodePublishVolumeResponse; requestStream: false; responseStream: false };
  NodeUnpublishVolume: { request: NodeUnpublishVolumeRequest; response: NodeUnpublishVolumeResponse; requestStream: false; responseStream: false };
  NodeGetVolumeStats: { request: NodeGetVolumeStatsRequest; response: NodeGetVolumeStatsResponse; requestStream: false; responseStream: false };
  NodeGetVolumeHealth: { request: NodeGetVolumeHealthRequest; response: NodeGetVolumeHealthResponse; requestStream: false; responseStream: false };
  NodeGetStorageHealth: { request: NodeGetStorageHealthRequest; response: NodeGetStorageHealthResponse; requestStream: false; responseStream: false };
  NodeExpandVolume: { request: NodeExpandVolumeRequest; response: NodeExpandVolumeResponse; requestStream: false; responseStream: false };
  NodeGetCapabilities: { request: NodeGetCapabilitiesRequest; response: NodeGetCapabilitiesResponse; requestStream: false; responseStream: false };
  NodeGetInfo: { request: NodeGetInfoRequest; response: NodeGetInfoResponse; requestStream: false; responseStream: false };
}
export interface GetPluginInfoRequest {
}
export interface GetPluginInfoResponse {
  readonly name?: string;
  readonly vendorVersion?: string;
  readonly manifest?: { readonly [key: string]: string };
}
export interface GetPluginCapabilitiesRequest {
}
export interface GetPluginCapabilitiesResponse {
  readonly capabilities?: readonly PluginCapability[];
}
export interface PluginCapability {
  readonly service?: PluginCapabilityService;
  readonly volumeExpansion?: PluginCapabilityVolumeExpansion;
}
export interface PluginCapabilityService {
  readonly type?: PluginCapabilityServiceType;
}
export type PluginCapabilityServiceType = "UNKNOWN" | "CONTROLLER_SERVICE" | "VOLUME_ACCESSIBILITY_CONSTRAINTS" | "GROUP_CONTROLLER_SERVICE" | "SNAPSHOT_METADATA_SERVICE" | "SNAPSHOT_ACCESSIBILITY_CONSTRAINTS";
export interface PluginCapabilityVolumeExpansion {
  readonly type?: PluginCapabilityVolumeExpansionType;
}
export type PluginCapabilityVolumeExpansionType = "UNKNOWN" | "ONLINE" | "OFFLINE";
export interface ProbeRequest {
}
export interface ProbeResponse {
  readonly ready?: unknown;
}
export interface CreateVolumeRequest {
  readonly name?: string;
  readonly capacityRange?: CapacityRange;
  readonly volumeCapabilities?: readonly VolumeCapability[];
  readonly parameters?: { readonly [key: string]: string };
  readonly secrets?: { readonly [key: string]: string };
  readonly volumeContentSource?: VolumeContentSource;
  readonly accessibilityRequirements?: TopologyRequirement;
  readonly mutableParameters?: { readonly [key: string]: string };
}
export interface CapacityRange {
  readonly requiredBytes?: number | string;
  readonly limitBytes?: number | string;
}
export interface VolumeCapability {
  readonly block?: VolumeCapabilityBlockVolume;
  readonly mount?: VolumeCapabilityMountVolume;
  readonly accessMode?: VolumeCapabilityAccessMode;
}
export interface VolumeCapabilityBlockVolume {
}
export interface VolumeCapabilityMountVolume {
  readonly fsType?: string;
  readonly mountFlags?: readonly string[];
  readonly volumeMountGroup?: string;
}
export interface VolumeCapabilityAccessMode {
  readonly mode?: VolumeCapabilityAccessModeMode;
}
export type VolumeCapabilityAccessModeMode = "UNKNOWN" | "SINGLE_NODE_WRITER" | "SINGLE_NODE_READER_ONLY" | "MULTI_NODE_READER_ONLY" | "MULTI_NODE_SINGLE_WRITER" | "MULTI_NODE_MULTI_WRITER" | "SINGLE_NODE_SINGLE_WRITER" | "SINGLE_NODE_MULTI_WRITER";
export interface VolumeContentSource {
  readonly snapshot?: VolumeContentSourceSnapshotSource;
  readonly volume?: VolumeContentSourceVolumeSource;
}
export interface VolumeContentSourceSnapshotSource {
  readonly snapshotId?: string;
}
export interface VolumeContentSourceVolumeSource {
  readonly volumeId?: string;
}
export interface TopologyRequirement {
  readonly requisite?: readonly Topology[];
  readonly preferred?: readonly Topology[];
}
export interface Topology {
  readonly segments?: { readonly [key: string]: string };
}
export interface CreateVolumeResponse {
  readonly volume?: Volume;
}
export interface Volume {
  readonly capacityBytes?: number | string;
  readonly volumeId?: string;
  readonly volumeContext?: { readonly [key: string]: string };
  readonly contentSource?: VolumeContentSource;
  readonly accessibleTopology?: readonly Topology[];
}
export interface DeleteVolumeRequest {
  readonly volumeId?: string;
  readonly secrets?: { readonly [key: string]: string };
}
export interface DeleteVolumeResponse {
}
export interface ControllerPublishVolumeRequest {
  readonly volumeId?: string;
  readonly nodeId?: string;
  readonly volumeCapability?: VolumeCapability;
  readonly readonly?: boolean;
  readonly secrets?: { readonly [key: string]: string };
  readonly volumeContext?: { readonly [key: string]: string };
}
export interface ControllerPublishVolumeResponse {
  readonly publishContext?: { readonly [key: string]: string };
}
export interface ControllerUnpublishVolumeRequest {
  readonly volumeId?: string;
  readonly nodeId?: string;
  readonly secrets?: { readonly [key: string]: string };
}
export interface ControllerUnpublishVolumeResponse {
}
export interface ValidateVolumeCapabilitiesRequest {
  readonly volumeId?: string;
  readonly volumeContext?: { readonly [key: string]: string };
  readonly volumeCapabilities?: readonly VolumeCapability[];
  readonly parameters?: { readonly [key: string]: string };
  readonly secrets?: { readonly [key: string]: string };
  readonly mutableParameters?: { readonly [key: string]: string };
}
export interface ValidateVolumeCapabilitiesResponse {
  readonly confirmed?: ValidateVolumeCapabilitiesResponseConfirmed;
  readonly message?: string;
}
export interface ValidateVolumeCapabilitiesResponseConfirmed {
  readonly volumeContext?: { readonly [key: string]: string };
  readonly volumeCapabilities?: readonly VolumeCapability[];
  readonly parameters?: { readonly [key: string]: string };
  readonly mutableParameters?: { readonly [key: string]: string };
}
export interface ListVolumesRequest {
  readonly maxEntries?: number;
  readonly startingToken?: string;
}
export interface ListVolumesResponse {
  readonly entries?: readonly ListVolumesResponseEntry[];
  readonly nextToken?: string;
}
export interface ListVolumesResponseVolumeStatus {
  readonly publishedNodeIds?: readonly string[];
}
export interface ListVolumesResponseEntry {
  readonly volume?: Volume;
  readonly status?: ListVolumesResponseVolumeStatus;
}
export interface ControllerListVolumeHealthRequest {
  readonly maxEntries?: number;
  readonly startingToken?: string;
  readonly secrets?: { readonly [key: string]: string };
}
export interface ControllerListVolumeHealthResponse {
  readonly entries?: readonly VolumeHealth[];
  readonly nextToken?: string;
}
export interface VolumeHealth {
  readonly volumeId?: string;
  readonly healthStatuses?: readonly VolumeHealthVolumeHealthEntry[];
}
export interface VolumeHealthVolumeHealthEntry {
  readonly status?: VolumeHealthErrorType;
  readonly reason?: string;
  readonly message?: string;
}
export type VolumeHealthErrorType = "UNKNOWN_VOLUME_HEALTH_TYPE" | "DEGRADED" | "INACCESSIBLE" | "DATA_LOSS";
export interface ControllerGetVolumeHealthRequest {
  readonly volumeId?: string;
  readonly secrets?: { readonly [key: string]: string };
}
export interface ControllerGetVolumeHealthResponse {
  readonly volumeHealth?: VolumeHealth;
}
export interface GetCapacityRequest {
  readonly volumeCapabilities?: readonly VolumeCapability[];
  readonly parameters?: { readonly [key: string]: string };
  readonly accessibleTopology?: Topology;
}
export interface GetCapacityResponse {
  readonly availableCapacity?: number | string;
  readonly maximumVolumeSize?: unknown;
  readonly minimumVolumeSize?: unknown;
}
export interface ControllerGetCapabilitiesRequest {
}
export interface ControllerGetCapabilitiesResponse {
  readonly capabilities?: readonly ControllerServiceCapability[];
}
export interface ControllerServiceCapability {
  readonly rpc?: ControllerServiceCapabilityRPC;
}
export interface ControllerServiceCapabilityRPC {
  readonly type?: ControllerServiceCapabilityRPCType;
}
export type ControllerServiceCapabilityRPCType = "UNKNOWN" | "CREATE_DELETE_VOLUME" | "PUBLISH_UNPUBLISH_VOLUME" | "LIST_VOLUMES" | "GET_CAPACITY" | "CREATE_DELETE_SNAPSHOT" | "LIST_SNAPSHOTS" | "CLONE_VOLUME" | "PUBLISH_READONLY" | "EXPAND_VOLUME" | "LIST_VOLUMES_PUBLISHED_NODES" | "GET_VOLUME" | "SINGLE_NODE_MULTI_WRITER" | "MODIFY_VOLUME" | "GET_SNAPSHOT" | "GET_VOLUME_HEALTH" | "LIST_VOLUME_HEALTH";
export interface CreateSnapshotRequest {
  readonly sourceVolumeId?: string;
  readonly name?: string;
  readonly secrets?: { readonly [key: string]: string };
  readonly parameters?: { readonly [key: string]: string };
  readonly accessibilityRequirements?: TopologyRequirement;
}
export interface CreateSnapshotResponse {
  readonly snapshot?: Snapshot;
}
export interface Snapshot {
  readonly sizeBytes?: number | string;
  readonly snapshotId?: string;
  readonly sourceVolumeId?: string;
  readonly creationTime?: unknown;
  readonly readyToUse?: boolean;
  readonly groupSnapshotId?: string;
  readonly accessibleTopology?: readonly Topology[];
}
export interface DeleteSnapshotRequest {
  readonly snapshotId?: string;
  readonly secrets?: { readonly [key: string]: string };
}
export interface DeleteSnapshotResponse {
}
export interface ListSnapshotsRequest {
  readonly maxEntries?: number;
  readonly startingToken?: string;
  readonly sourceVolumeId?: string;
  readonly snapshotId?: string;
  readonly secrets?: { readonly [key: string]: string };
}
export interface ListSnapshotsResponse {
  readonly entries?: readonly ListSnapshotsResponseEntry[];
  readonly nextToken?: string;
}
export interface ListSnapshotsResponseEntry {
  readonly snapshot?: Snapshot;
}
export interface GetSnapshotRequest {
  readonly snapshotId?: string;
  readonly secrets?: { readonly [key: string]: string };
}
export interface GetSnapshotResponse {
  readonly snapshot?: Snapshot;
}
export interface ControllerExpandVolumeRequest {
  readonly volumeId?: string;
  readonly capacityRange?: CapacityRange;
  readonly secrets?: { readonly [key: string]: string };
  readonly volumeCapability?: VolumeCapability;
}
export interface ControllerExpandVolumeResponse {
  readonly capacityBytes?: number | string;
  readonly nodeExpansionRequired?: boolean;
}
export interface ControllerGetVolumeRequest {
  readonly volumeId?: string;
}
export interface ControllerGetVolumeResponse {
  readonly volume?: Volume;
  readonly status?: ControllerGetVolumeResponseVolumeStatus;
}
export interface ControllerGetVolumeResponseVolumeStatus {
  readonly publishedNodeIds?: readonly string[];
}
export interface ControllerModifyVolumeRequest {
  readonly volumeId?: string;
  readonly secrets?: { readonly [key: string]: string };
  readonly mutableParameters?: { readonly [key: string]: string };
}
export interface ControllerModifyVolumeResponse {
}
export interface GroupControllerGetCapabilitiesRequest {
}
export interface GroupControllerGetCapabilitiesResponse {
  readonly capabilities?: readonly GroupControllerServiceCapability[];
}
export interface GroupControllerServiceCapability {
  readonly rpc?: GroupControllerServiceCapabilityRPC;
}
export interface GroupControllerServiceCapabilityRPC {
  readonly type?: GroupControllerServiceCapabilityRPCType;
}
export type GroupControllerServiceCapabilityRPCType = "UNKNOWN" | "CREATE_DELETE_GET_VOLUME_GROUP_SNAPSHOT";
export interface CreateVolumeGroupSnapshotRequest {
  readonly name?: string;
  readonly sourceVolumeIds?: readonly string[];
  readonly secrets?: { readonly [key: string]: string };
  readonly parameters?: { readonly [key: string]: string };
}
export interface CreateVolumeGroupSnapshotResponse {
  readonly groupSnapshot?: VolumeGroupSnapshot;
}
export interface VolumeGroupSnapshot {
  readonly groupSnapshotId?: string;
  readonly snapshots?: readonly Snapshot[];
  readonly creationTime?: unknown;
  readonly readyToUse?: boolean;
}
export interface DeleteVolumeGroupSnapshotRequest {
  readonly groupSnapshotId?: string;
  readonly snapshotIds?: readonly string[];
  readonly secrets?: { readonly [key: string]: string };
}
export interface DeleteVolumeGroupSnapshotResponse {
}
export interface GetVolumeGroupSnapshotRequest {
  readonly groupSnapshotId?: string;
  readonly snapshotIds?: readonly string[];
  readonly secrets?: { readonly [key: string]: string };
}
export interface GetVolumeGroupSnapshotResponse {
  readonly groupSnapshot?: VolumeGroupSnapshot;
}
export interface GetMetadataAllocatedRequest {
  readonly snapshotId?: string;
  readonly startingOffset?: number | string;
  readonly maxResults?: number;
  readonly secrets?: { readonly [key: string]: string };
}
export interface GetMetadataAllocatedResponse {
  readonly blockMetadataType?: BlockMetadataType;
  readonly volumeCapacityBytes?: number | string;
  readonly blockMetadata?: readonly BlockMetadata[];
}
export type BlockMetadataType = "UNKNOWN" | "FIXED_LENGTH" | "VARIABLE_LENGTH";
export interface BlockMetadata {
  readonly byteOffset?: number | string;
  readonly sizeBytes?: number | string;
}
export interface GetMetadataDeltaRequest {
  readonly baseSnapshotId?: string;
  readonly targetSnapshotId?: string;
  readonly startingOffset?: number | string;
  readonly maxResults?: number;
  readonly secrets?: { readonly [key: string]: string };
}
export interface GetMetadataDeltaResponse {
  readonly blockMetadataType?: BlockMetadataType;
  readonly volumeCapacityBytes?: number | string;
  readonly blockMetadata?: readonly BlockMetadata[];
}
export interface NodeStageVolumeRequest {
  readonly volumeId?: string;
  readonly publishContext?: { readonly [key: string]: string };
  readonly stagingTargetPath?: string;
  readonly volumeCapability?: VolumeCapability;
  readonly secrets?: { readonly [key: string]: string };
  readonly volumeContext?: { readonly [key: string]: string };
}
export interface NodeStageVolumeResponse {
}
export interface NodeUnstageVolumeRequest {
  readonly volumeId?: string;
  readonly stagingTargetPath?: string;
}
export interface NodeUnstageVolumeResponse {
}
export interface NodePublishVolumeRequest {
  readonly volumeId?: string;
  readonly publishContext?: { readonly [key: string]: string };
  readonly stagingTargetPath?: string;
  readonly targetPath?: string;
  readonly volumeCapability?: VolumeCapability;
  readonly readonly?: boolean;
  readonly secrets?: { readonly [key: string]: string };
  readonly volumeContext?: { readonly [key: string]: string };
}
export interface NodePublishVolumeResponse {
}
export interface NodeUnpublishVolumeRequest {
  readonly volumeId?: string;
  readonly targetPath?: string;
}
export interface NodeUnpublishVolumeResponse {
}
export interface NodeGetVolumeStatsRequest {
  readonly volumeId?: string;
  readonly volumePath?: string;
  readonly stagingTargetPath?: string;
}
export interface NodeGetVolumeStatsResponse {
  readonly usage?: readonly VolumeUsage[];
}
export interface VolumeUsage {
  readonly available?: number | string;
  readonly total?: number | string;
  readonly used?: number | string;
  readonly unit?: VolumeUsageUnit;
}
export type VolumeUsageUnit = "UNKNOWN" | "BYTES" | "INODES";
export interface NodeGetVolumeHealthRequest {
  readonly volumeId?: string;
  readonly volumePublishPath?: string;
  readonly stagingTargetPath?: string;
}
export interface NodeGetVolumeHealthResponse {
  readonly volumeHealth?: VolumeHealth;
}
export interface NodeGetStorageHealthRequest {
  readonly secrets?: { readonly [key: string]: string };
}
export interface NodeGetStorageHealthResponse {
  readonly backendHealth?: readonly NodeGetStorageHealthResponseStorageBackendHealth[];
}
export interface NodeGetStorageHealthResponseStorageBackendHealth {
  readonly status?: StorageHealthErrorType;
  readonly reason?: string;
  readonly message?: string;
  readonly volumeCapability?: VolumeCapability;
}
export type StorageHealthErrorType = "UNKNOWN_STORAGE_HEALTH_ERROR_TYPE" | "STORAGE_DEGRADED" | "STORAGE_UNREACHABLE";
export interface NodeExpandVolumeRequest {
  readonly volumeId?: string;
  readonly volumePath?: string;
  readonly capacityRange?: CapacityRange;
  readonly stagingTargetPath?: string;
  readonly volumeCapability?: VolumeCapability;
  readonly secrets?: { readonly [key: string]: string };
}
export interface NodeExpandVolumeResponse {
  readonly capacityBytes?: number | string;
}
export interface NodeGetCapabilitiesRequest {
}
export interface NodeGetCapabilitiesResponse {
  readonly capabilities?: readonly NodeServiceCapability[];
}
export interface NodeServiceCapability {
  readonly rpc?: NodeServiceCapabilityRPC;
}
export interface NodeServiceCapabilityRPC {
  readonly type?: NodeServiceCapabilityRPCType;
}
export type NodeServiceCapabilityRPCType = "UNKNOWN" | "STAGE_UNSTAGE_VOLUME" | "GET_VOLUME_STATS" | "EXPAND_VOLUME" | "SINGLE_NODE_MULTI_WRITER" | "VOLUME_MOUNT_GROUP" | "GET_VOLUME_HEALTH" | "GET_STORAGE_HEALTH";
export interface NodeGetInfoRequest {
}
export interface NodeGetInfoResponse {
  readonly nodeId?: string;
  readonly maxVolumesPerNode?: number | string;
  readonly accessibleTopology?: Topology;
}
