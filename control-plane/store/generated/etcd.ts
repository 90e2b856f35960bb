// Generated from the gRPC descriptor by tools/src/generate-grpc-types.ts. Do not edit.
export interface KV {
  Range: { request: RangeRequest; response: RangeResponse; requestStream: false; responseStream: false };
  RangeStream: { request: RangeRequest; response: RangeStreamResponse; requestStream: false; responseStream: true };
  Put: { request: PutRequest; response: PutResponse; requestStream: false; responseStream: false };
  DeleteRange: { request: DeleteRangeRequest; response: DeleteRangeResponse; requestStream: false; responseStream: false };
  Txn: { request: TxnRequest; response: TxnResponse; requestStream: false; responseStream: false };
  Compact: { request: CompactionRequest; response: CompactionResponse; requestStream: false; responseStream: false };
}
export interface Watch {
  Watch: { request: WatchRequest; response: WatchResponse; requestStream: true; responseStream: true };
}
export interface Lease {
  LeaseGrant: { request: LeaseGrantRequest; response: LeaseGrantResponse; requestStream: false; responseStream: false };
  LeaseRevoke: { request: LeaseRevokeRequest; response: LeaseRevokeResponse; requestStream: false; responseStream: false };
  LeaseKeepAlive: { request: LeaseKeepAliveRequest; response: LeaseKeepAliveResponse; requestStream: true; responseStream: true };
  LeaseTimeToLive: { request: LeaseTimeToLiveRequest; response: LeaseTimeToLiveResponse; requestStream: false; responseStream: false };
  LeaseLeases: { request: LeaseLeasesRequest; response: LeaseLeasesResponse; requestStream: false; responseStream: false };
}
export interface Cluster {
  MemberAdd: { request: MemberAddRequest; response: MemberAddResponse; requestStream: false; responseStream: false };
  MemberRemove: { request: MemberRemoveRequest; response: MemberRemoveResponse; requestStream: false; responseStream: false };
  MemberUpdate: { request: MemberUpdateRequest; response: MemberUpdateResponse; requestStream: false; responseStream: false };
  MemberList: { request: MemberListRequest; response: MemberListResponse; requestStream: false; responseStream: false };
  MemberPromote: { request: MemberPromoteRequest; response: MemberPromoteResponse; requestStream: false; responseStream: false };
}
export interface Maintenance {
  Alarm: { request: AlarmRequest; response: AlarmResponse; requestStream: false; responseStream: false };
  Status: { request: StatusRequest; response: StatusResponse; requestStream: false; responseStream: false };
  Defragment: { request: DefragmentRequest; response: DefragmentResponse; requestStream: false; responseStream: false };
  Hash: { request: HashRequest; response: HashResponse; requestStream: false; responseStream: false };
  HashKV: { request: HashKVRequest; response: HashKVResponse; requestStream: false; responseStream: false };
  Snapshot: { request: SnapshotRequest; response: SnapshotResponse; requestStream: false; responseStream: true };
  MoveLeader: { request: MoveLeaderRequest; response: MoveLeaderResponse; requestStream: false; responseStream: false };
  Downgrade: { request: DowngradeRequest; response: DowngradeResponse; requestStream: false; responseStream: false };
}
export interface Auth {
  AuthEnable: { request: AuthEnableRequest; response: AuthEnableResponse; requestStream: false; responseStream: false };
  AuthDisable: { request: AuthDisableRequest; response: AuthDisableResponse; requestStream: false; responseStream: false };
  AuthStatus: { request: AuthStatusRequest; response: AuthStatusResponse; requestStream: false; responseStream: false };
  Authenticate: { request: AuthenticateRequest; response: AuthenticateResponse; requestStream: false; responseStream: false };
  UserAdd: { request: AuthUserAddRequest; response: AuthUserAddResponse; requestStream: false; responseStream: false };
  UserGet: { request: AuthUserGetRequest; response: AuthUserGetResponse; requestStream: false; responseStream: false };
  UserList: { request: AuthUserListRequest; response: AuthUserListResponse; requestStream: false; responseStream: false };
  UserDelete: { request: AuthUserDeleteRequest; response: AuthUserDeleteResponse; requestStream: false; responseStream: false };
  UserChangePassword: { request: AuthUserChangePasswordRequest; response: AuthUserChangePasswordResponse; requestStream: false; responseStream: false };
  UserGrantRole: { request: AuthUserGrantRoleRequest; response: AuthUserGrantRoleResponse; requestStream: false; responseStream: false };
  UserRevokeRole: { request: AuthUserRevokeRoleRequest; response: AuthUserRevokeRoleResponse; requestStream: false; responseStream: false };
  RoleAdd: { request: AuthRoleAddRequest; response: AuthRoleAddResponse; requestStream: false; responseStream: false };
  RoleGet: { request: AuthRoleGetRequest; response: AuthRoleGetResponse; requestStream: false; responseStream: false };
  RoleList: { request: AuthRoleListRequest; response: AuthRoleListResponse; requestStream: false; responseStream: false };
  RoleDelete: { request: AuthRoleDeleteRequest; response: AuthRoleDeleteResponse; requestStream: false; responseStream: false };
  RoleGrantPermission: { request: AuthRoleGrantPermissionRequest; response: AuthRoleGrantPermissionResponse; requestStream: false; responseStream: false };
  RoleRevokePermission: { request: AuthRoleRevokePermissionRequest; response: AuthRoleRevokePermissionResponse; requestStream: false; responseStream: false };
}
export interface RangeRequest {
  readonly key?: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly limit?: number | string;
  readonly revision?: number | string;
  readonly sortOrder?: RangeRequestSortOrder;
  readonly sortTarget?: RangeRequestSortTarget;
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: number | string;
  readonly maxModRevision?: number | string;
  readonly minCreateRevision?: number | string;
  readonly maxCreateRevision?: number | string;
}
export type RangeRequestSortOrder = "NONE" | "ASCEND" | "DESCEND";
export type RangeRequestSortTarget = "KEY" | "VERSION" | "CREATE" | "MOD" | "VALUE";
export interface RangeResponse {
  readonly header?: ResponseHeader;
  readonly kvs?: readonly KeyValue[];
  readonly more?: boolean;
  readonly count?: number | string;
}
export interface ResponseHeader {
  readonly clusterId?: number | string;
  readonly memberId?: number | string;
  readonly revision?: number | string;
  readonly raftTerm?: number | string;
}
export interface RangeStreamResponse {
  readonly rangeResponse?: RangeResponse;
}
export interface PutRequest {
  readonly key?: Uint8Array;
  readonly value?: Uint8Array;
  readonly lease?: number | string;
  readonly prevKv?: boolean;
  readonly ignoreValue?: boolean;
  readonly ignoreLease?: boolean;
}
export interface PutResponse {
  readonly header?: ResponseHeader;
  readonly prevKv?: KeyValue;
}
export interface DeleteRangeRequest {
  readonly key?: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly prevKv?: boolean;
}
export interface DeleteRangeResponse {
  readonly header?: ResponseHeader;
  readonly deleted?: number | string;
  readonly prevKvs?: readonly KeyValue[];
}
export interface TxnRequest {
  readonly compare?: readonly Compare[];
  readonly success?: readonly RequestOp[];
  readonly failure?: readonly RequestOp[];
}
export interface Compare {
  readonly result?: CompareCompareResult;
  readonly target?: CompareCompareTarget;
  readonly key?: Uint8Array;
  readonly version?: number | string;
  readonly createRevision?: number | string;
  readonly modRevision?: number | string;
  readonly value?: Uint8Array;
  readonly lease?: number | string;
  readonly rangeEnd?: Uint8Array;
}
export type CompareCompareResult = "EQUAL" | "GREATER" | "LESS" | "NOT_EQUAL";
export type CompareCompareTarget = "VERSION" | "CREATE" | "MOD" | "VALUE" | "LEASE";
export interface RequestOp {
  readonly requestRange?: RangeRequest;
  readonly requestPut?: PutRequest;
  readonly requestDeleteRange?: DeleteRangeRequest;
  readonly requestTxn?: TxnRequest;
}
export interface TxnResponse {
  readonly header?: ResponseHeader;
  readonly succeeded?: boolean;
  readonly responses?: readonly ResponseOp[];
}
export interface ResponseOp {
  readonly responseRange?: RangeResponse;
  readonly responsePut?: PutResponse;
  readonly responseDeleteRange?: DeleteRangeResponse;
  readonly responseTxn?: TxnResponse;
}
export interface CompactionRequest {
  readonly revision?: number | string;
  readonly physical?: boolean;
}
export interface CompactionResponse {
  readonly header?: ResponseHeader;
}
export interface WatchRequest {
  readonly createRequest?: WatchCreateRequest;
  readonly cancelRequest?: WatchCancelRequest;
  readonly progressRequest?: WatchProgressRequest;
}
export interface WatchCreateRequest {
  readonly key?: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly startRevision?: number | string;
  readonly progressNotify?: boolean;
  readonly filters?: readonly WatchCreateRequestFilterType[];
  readonly prevKv?: boolean;
  readonly watchId?: number | string;
  readonly fragment?: boolean;
}
export type WatchCreateRequestFilterType = "NOPUT" | "NODELETE";
export interface WatchCancelRequest {
  readonly watchId?: number | string;
}
export interface WatchProgressRequest {
}
export interface WatchResponse {
  readonly header?: ResponseHeader;
  readonly watchId?: number | string;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number | string;
  readonly cancelReason?: string;
  readonly fragment?: boolean;
  readonly events?: readonly Event[];
}
export interface LeaseGrantRequest {
  readonly TTL?: number | string;
  readonly ID?: number | string;
}
export interface LeaseGrantResponse {
  readonly header?: ResponseHeader;
  readonly ID?: number | string;
  readonly TTL?: number | string;
  readonly error?: string;
}
export interface LeaseRevokeRequest {
  readonly ID?: number | string;
}
export interface LeaseRevokeResponse {
  readonly header?: ResponseHeader;
}
export interface LeaseKeepAliveRequest {
  readonly ID?: number | string;
}
export interface LeaseKeepAliveResponse {
  readonly header?: ResponseHeader;
  readonly ID?: number | string;
  readonly TTL?: number | string;
}
export interface LeaseTimeToLiveRequest {
  readonly ID?: number | string;
  readonly keys?: boolean;
}
export interface LeaseTimeToLiveResponse {
  readonly header?: ResponseHeader;
  readonly ID?: number | string;
  readonly TTL?: number | string;
  readonly grantedTTL?: number | string;
  readonly keys?: readonly Uint8Array[];
}
export interface LeaseLeasesRequest {
}
export interface LeaseLeasesResponse {
  readonly header?: ResponseHeader;
  readonly leases?: readonly LeaseStatus[];
}
export interface LeaseStatus {
  readonly ID?: number | string;
}
export interface MemberAddRequest {
  readonly peerURLs?: readonly string[];
  readonly isLearner?: boolean;
}
export interface MemberAddResponse {
  readonly header?: ResponseHeader;
  readonly member?: Member;
  readonly members?: readonly Member[];
}
export interface Member {
  readonly ID?: number | string;
  readonly name?: string;
  readonly peerURLs?: readonly string[];
  readonly clientURLs?: readonly string[];
  readonly isLearner?: boolean;
}
export interface MemberRemoveRequest {
  readonly ID?: number | string;
}
export interface MemberRemoveResponse {
  readonly header?: ResponseHeader;
  readonly members?: readonly Member[];
}
export interface MemberUpdateRequest {
  readonly ID?: number | string;
  readonly peerURLs?: readonly string[];
}
export interface MemberUpdateResponse {
  readonly header?: ResponseHeader;
  readonly members?: readonly Member[];
}
export interface MemberListRequest {
  readonly linearizable?: boolean;
}
export interface MemberListResponse {
  readonly header?: ResponseHeader;
  readonly members?: readonly Member[];
}
export interface MemberPromoteRequest {
  readonly ID?: number | string;
}
export interface MemberPromoteResponse {
  readonly header?: ResponseHeader;
  readonly members?: readonly Member[];
}
export interface AlarmRequest {
  readonly action?: AlarmRequestAlarmAction;
  readonly memberID?: number | string;
  readonly alarm?: AlarmType;
}
export type AlarmRequestAlarmAction = "GET" | "ACTIVATE" | "DEACTIVATE";
export type AlarmType = "NONE" | "NOSPACE" | "CORRUPT";
export interface AlarmResponse {
  readonly header?: ResponseHeader;
  readonly alarms?: readonly AlarmMember[];
}
export interface AlarmMember {
  readonly memberID?: number | string;
  readonly alarm?: AlarmType;
}
export interface StatusRequest {
}
export interface StatusResponse {
  readonly header?: ResponseHeader;
  readonly version?: string;
  readonly dbSize?: number | string;
  readonly leader?: number | string;
  readonly raftIndex?: number | string;
  readonly raftTerm?: number | string;
  readonly raftAppliedIndex?: number | string;
  readonly errors?: readonly string[];
  readonly dbSizeInUse?: number | string;
  readonly isLearner?: boolean;
  readonly storageVersion?: string;
  readonly dbSizeQuota?: number | string;
  readonly downgradeInfo?: DowngradeInfo;
}
export interface DowngradeInfo {
  readonly enabled?: boolean;
  readonly targetVersion?: string;
}
export interface DefragmentRequest {
}
export interface DefragmentResponse {
  readonly header?: ResponseHeader;
}
export interface HashRequest {
}
export interface HashResponse {
  readonly header?: ResponseHeader;
  readonly hash?: number;
}
export interface HashKVRequest {
  readonly revision?: number | string;
}
export interface HashKVResponse {
  readonly header?: ResponseHeader;
  readonly hash?: number;
  readonly compactRevision?: number | string;
  readonly hashRevision?: number | string;
}
export interface SnapshotRequest {
}
export interface SnapshotResponse {
  readonly header?: ResponseHeader;
  readonly remainingBytes?: number | string;
  readonly blob?: Uint8Array;
  readonly version?: string;
}
export interface MoveLeaderRequest {
  readonly targetID?: number | string;
}
export interface MoveLeaderResponse {
  readonly header?: ResponseHeader;
}
export interface DowngradeRequest {
  readonly action?: DowngradeRequestDowngradeAction;
  readonly version?: string;
}
export type DowngradeRequestDowngradeAction = "VALIDATE" | "ENABLE" | "CANCEL";
export interface DowngradeResponse {
  readonly header?: ResponseHeader;
  readonly version?: string;
}
export interface AuthEnableRequest {
}
export interface AuthEnableResponse {
  readonly header?: ResponseHeader;
}
export interface AuthDisableRequest {
}
export interface AuthDisableResponse {
  readonly header?: ResponseHeader;
}
export interface AuthStatusRequest {
}
export interface AuthStatusResponse {
  readonly header?: ResponseHeader;
  readonly enabled?: boolean;
  readonly authRevision?: number | string;
}
export interface AuthenticateRequest {
  readonly name?: string;
  readonly password?: string;
}
export interface AuthenticateResponse {
  readonly header?: ResponseHeader;
  readonly token?: string;
}
export interface AuthUserAddRequest {
  readonly name?: string;
  readonly password?: string;
  readonly options?: UserAddOptions;
  readonly hashedPassword?: string;
}
export interface AuthUserAddResponse {
  readonly header?: ResponseHeader;
}
export interface AuthUserGetRequest {
  readonly name?: string;
}
export interface AuthUserGetResponse {
  readonly header?: ResponseHeader;
  readonly roles?: readonly string[];
}
export interface AuthUserListRequest {
}
export interface AuthUserListResponse {
  readonly header?: ResponseHeader;
  readonly users?: readonly string[];
}
export interface AuthUserDeleteRequest {
  readonly name?: string;
}
export interface AuthUserDeleteResponse {
  readonly header?: ResponseHeader;
}
export interface AuthUserChangePasswordRequest {
  readonly name?: string;
  readonly password?: string;
  readonly hashedPassword?: string;
}
export interface AuthUserChangePasswordResponse {
  readonly header?: ResponseHeader;
}
export interface AuthUserGrantRoleRequest {
  readonly user?: string;
  readonly role?: string;
}
export interface AuthUserGrantRoleResponse {
  readonly header?: ResponseHeader;
}
export interface AuthUserRevokeRoleRequest {
  readonly name?: string;
  readonly role?: string;
}
export interface AuthUserRevokeRoleResponse {
  readonly header?: ResponseHeader;
}
export interface AuthRoleAddRequest {
  readonly name?: string;
}
export interface AuthRoleAddResponse {
  readonly header?: ResponseHeader;
}
export interface AuthRoleGetRequest {
  readonly role?: string;
}
export interface AuthRoleGetResponse {
  readonly header?: ResponseHeader;
  readonly perm?: readonly Permission[];
}
export interface AuthRoleListRequest {
}
export interface AuthRoleListResponse {
  readonly header?: ResponseHeader;
  readonly roles?: readonly string[];
}
export interface AuthRoleDeleteRequest {
  readonly role?: string;
}
export interface AuthRoleDeleteResponse {
  readonly header?: ResponseHeader;
}
export interface AuthRoleGrantPermissionRequest {
  readonly name?: string;
  readonly perm?: Permission;
}
export interface AuthRoleGrantPermissionResponse {
  readonly header?: ResponseHeader;
}
export interface AuthRoleRevokePermissionRequest {
  readonly role?: string;
  readonly key?: Uint8Array;
  readonly rangeEnd?: Uint8Array;
}
export interface AuthRoleRevokePermissionResponse {
  readonly header?: ResponseHeader;
}
export interface LeaseCheckpoint {
  readonly ID?: number | string;
  readonly remainingTTL?: number | string;
}
export interface LeaseCheckpointRequest {
  readonly checkpoints?: readonly LeaseCheckpoint[];
}
export interface LeaseCheckpointResponse {
  readonly header?: ResponseHeader;
}
export interface DowngradeVersionTestRequest {
  readonly ver?: string;
}
export interface KeyValue {
  readonly key?: Uint8Array;
  readonly createRevision?: number | string;
  readonly modRevision?: number | string;
  readonly version?: number | string;
  readonly value?: Uint8Array;
  readonly lease?: number | string;
}
export interface Event {
  readonly type?: EventEventType;
  readonly kv?: KeyValue;
  readonly prevKv?: KeyValue;
}
export type EventEventType = "PUT" | "DELETE";
export interface UserAddOptions {
  readonly noPassword?: boolean;
}
export interface Permission {
  readonly permType?: PermissionType;
  readonly key?: Uint8Array;
  readonly rangeEnd?: Uint8Array;
}
export type PermissionType = "READ" | "WRITE" | "READWRITE";
export interface User {
  readonly name?: Uint8Array;
  readonly password?: Uint8Array;
  readonly roles?: readonly string[];
  readonly options?: UserAddOptions;
}
export interface Role {
  readonly name?: Uint8Array;
  readonly keyPermission?: readonly Permission[];
}
