// Generated from the gRPC descriptor by tools/src/generate-grpc-types.ts. Do not edit.
export interface RuntimeService {
  Version: { request: VersionRequest; response: VersionResponse; requestStream: false; responseStream: false };
  RunPodSandbox: { request: RunPodSandboxRequest; response: RunPodSandboxResponse; requestStream: false; responseStream: false };
  StopPodSandbox: { request: StopPodSandboxRequest; response: StopPodSandboxResponse; requestStream: false; responseStream: false };
  RemovePodSandbox: { request: RemovePodSandboxRequest; response: RemovePodSandboxResponse; requestStream: false; responseStream: false };
  PodSandboxStatus: { request: PodSandboxStatusRequest; response: PodSandboxStatusResponse; requestStream: false; responseStream: false };
  ListPodSandbox: { request: ListPodSandboxRequest; response: ListPodSandboxResponse; requestStream: false; responseStream: false };
  StreamPodSandboxes: { request: StreamPodSandboxesRequest; response: StreamPodSandboxesResponse; requestStream: false; responseStream: true };
  CreateContainer: { request: CreateContainerRequest; response: CreateContainerResponse; requestStream: false; responseStream: false };
  StartContainer: { request: StartContainerRequest; response: StartContainerResponse; requestStream: false; responseStream: false };
  StopContainer: { request: StopContainerRequest; response: StopContainerResponse; requestStream: false; responseStream: false };
  RemoveContainer: { request: RemoveContainerRequest; response: RemoveContainerResponse; requestStream: false; responseStream: false };
  ListContainers: { request: ListContainersRequest; response: ListContainersResponse; requestStream: false; responseStream: false };
  StreamContainers: { request: StreamContainersRequest; response: StreamContainersResponse; requestStream: false; responseStream: true };
  ContainerStatus: { request: ContainerStatusRequest; response: ContainerStatusResponse; requestStream: false; responseStream: false };
  UpdateContainerResources: { request: UpdateContainerResourcesRequest; response: UpdateContainerResourcesResponse; requestStream: false; responseStream: false };
  ReopenContainerLog: { request: ReopenContainerLogRequest; response: ReopenContainerLogResponse; requestStream: false; responseStream: false };
  ExecSync: { request: ExecSyncRequest; response: ExecSyncResponse; requestStream: false; responseStream: false };
  Exec: { request: ExecRequest; response: ExecResponse; requestStream: false; responseStream: false };
  Attach: { request: AttachRequest; response: AttachResponse; requestStream: false; responseStream: false };
  PortForward: { request: PortForwardRequest; response: PortForwardResponse; requestStream: false; responseStream: false };
  ContainerStats: { request: ContainerStatsRequest; response: ContainerStatsResponse; requestStream: false; responseStream: false };
  ListContainerStats: { request: ListContainerStatsRequest; response: ListContainerStatsResponse; requestStream: false; responseStream: false };
  StreamContainerStats: { request: StreamContainerStatsRequest; response: StreamContainerStatsResponse; requestStream: false; responseStream: true };
  PodSandboxStats: { request: PodSandboxStatsRequest; response: PodSandboxStatsResponse; requestStream: false; responseStream: false };
  ListPodSandboxStats: { request: ListPodSandboxStatsRequest; response: ListPodSandboxStatsResponse; requestStream: false; responseStream: false };
  StreamPodSandboxStats: { request: StreamPodSandboxStatsRequest; response: StreamPodSandboxStatsResponse; requestStream: false; responseStream: true };
  UpdateRuntimeConfig: { request: UpdateRuntimeConfigRequest; response: UpdateRuntimeConfigResponse; requestStream: false; responseStream: false };
  Status: { request: StatusRequest; response: StatusResponse; requestStream: false; responseStream: false };
  CheckpointContainer: { request: CheckpointContainerRequest; response: CheckpointContainerResponse; requestStream: false; responseStream: false };
  CheckpointPod: { request: CheckpointPodRequest; response: CheckpointPodResponse; requestStream: false; responseStream: false };
  RestorePod: { request: RestorePodRequest; response: RestorePodResponse; requestStream: false; responseStream: false };
  GetContainerEvents: { request: GetEventsRequest; response: ContainerEventResponse; requestStream: false; responseStream: true };
  ListMetricDescriptors: { request: ListMetricDescriptorsRequest; response: ListMetricDescriptorsResponse; requestStream: false; responseStream: false };
  ListPodSandboxMetrics: { request: ListPodSandboxMetricsRequest; response: ListPodSandboxMetricsResponse; requestStream: false; responseStream: false };
  StreamPodSandboxMetrics: { request: StreamPodSandboxMetricsRequest; response: StreamPodSandboxMetricsResponse; requestStream: false; responseStream: true };
  RuntimeConfig: { request: RuntimeConfigRequest; response: RuntimeConfigResponse; requestStream: false; responseStream: false };
  UpdatePodSandboxResources: { request: UpdatePodSandboxResourcesRequest; response: UpdatePodSandboxResourcesResponse; requestStream: false; responseStream: false };
}
export interface ImageService {
  ListImages: { request: ListImagesRequest; response: ListImagesResponse; requestStream: false; responseStream: false };
  StreamImages: { request: StreamImagesRequest; response: StreamImagesResponse; requestStream: false; responseStream: true };
  ImageStatus: { request: ImageStatusRequest; response: ImageStatusResponse; requestStream: false; responseStream: false };
  PullImage: { request: PullImageRequest; response: PullImageResponse; requestStream: false; responseStream: false };
  RemoveImage: { request: RemoveImageRequest; response: RemoveImageResponse; requestStream: false; responseStream: false };
  ImageFsInfo: { request: ImageFsInfoRequest; response: ImageFsInfoResponse; requestStream: false; responseStream: false };
}
export interface VersionRequest {
  readonly version?: string;
}
export interface VersionResponse {
  readonly version?: string;
  readonly runtimeName?: string;
  readonly runtimeVersion?: string;
  readonly runtimeApiVersion?: string;
}
export interface RunPodSandboxRequest {
  readonly config?: PodSandboxConfig;
  readonly runtimeHandler?: string;
}
export interface PodSandboxConfig {
  readonly metadata?: PodSandboxMetadata;
  readonly hostname?: string;
  readonly logDirectory?: string;
  readonly dnsConfig?: DNSConfig;
  readonly portMappings?: readonly PortMapping[];
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly linux?: LinuxPodSandboxConfig;
  readonly windows?: WindowsPodSandboxConfig;
}
export interface PodSandboxMetadata {
  readonly name?: string;
  readonly uid?: string;
  readonly namespace?: string;
  readonly attempt?: number;
}
export interface DNSConfig {
  readonly servers?: readonly string[];
  readonly searches?: readonly string[];
  readonly options?: readonly string[];
}
export interface PortMapping {
  readonly protocol?: Protocol;
  readonly containerPort?: number;
  readonly hostPort?: number;
  readonly hostIp?: string;
}
export type Protocol = "TCP" | "UDP" | "SCTP";
export interface LinuxPodSandboxConfig {
  readonly cgroupParent?: string;
  readonly securityContext?: LinuxSandboxSecurityContext;
  readonly sysctls?: { readonly [key: string]: string };
  readonly overhead?: LinuxContainerResources;
  readonly resources?: LinuxContainerResources;
}
export interface LinuxSandboxSecurityContext {
  readonly namespaceOptions?: NamespaceOption;
  readonly selinuxOptions?: SELinuxOption;
  readonly runAsUser?: Int64Value;
  readonly runAsGroup?: Int64Value;
  readonly readonlyRootfs?: boolean;
  readonly supplementalGroups?: readonly (number | string)[];
  readonly supplementalGroupsPolicy?: SupplementalGroupsPolicy;
  readonly privileged?: boolean;
  readonly seccomp?: SecurityProfile;
  readonly apparmor?: SecurityProfile;
  readonly seccompProfilePath?: string;
}
export interface NamespaceOption {
  readonly network?: NamespaceMode;
  readonly pid?: NamespaceMode;
  readonly ipc?: NamespaceMode;
  readonly targetId?: string;
  readonly usernsOptions?: UserNamespace;
}
export type NamespaceMode = "POD" | "CONTAINER" | "NODE" | "TARGET";
export interface UserNamespace {
  readonly mode?: NamespaceMode;
  readonly uids?: readonly IDMapping[];
  readonly gids?: readonly IDMapping[];
}
export interface IDMapping {
  readonly hostId?: number;
  readonly containerId?: number;
  readonly length?: number;
}
export interface SELinuxOption {
  readonly user?: string;
  readonly role?: string;
  readonly type?: string;
  readonly level?: string;
}
export interface Int64Value {
  readonly value?: number | string;
}
export type SupplementalGroupsPolicy = "Merge" | "Strict";
export interface SecurityProfile {
  readonly profileType?: SecurityProfileProfileType;
  readonly localhostRef?: string;
}
export type SecurityProfileProfileType = "RuntimeDefault" | "Unconfined" | "Localhost";
export interface LinuxContainerResources {
  readonly cpuPeriod?: number | string;
  readonly cpuQuota?: number | string;
  readonly cpuShares?: number | string;
  readonly memoryLimitInBytes?: number | string;
  readonly oomScoreAdj?: number | string;
  readonly cpusetCpus?: string;
  readonly cpusetMems?: string;
  readonly hugepageLimits?: readonly HugepageLimit[];
  readonly unified?: { readonly [key: string]: string };
  readonly memorySwapLimitInBytes?: number | string;
}
export interface HugepageLimit {
  readonly pageSize?: string;
  readonly limit?: number | string;
}
export interface WindowsPodSandboxConfig {
  readonly securityContext?: WindowsSandboxSecurityContext;
}
export interface WindowsSandboxSecurityContext {
  readonly runAsUsername?: string;
  readonly credentialSpec?: string;
  readonly hostProcess?: boolean;
  readonly namespaceOptions?: WindowsNamespaceOption;
}
export interface WindowsNamespaceOption {
  readonly network?: NamespaceMode;
}
export interface RunPodSandboxResponse {
  readonly podSandboxId?: string;
}
export interface StopPodSandboxRequest {
  readonly podSandboxId?: string;
}
export interface StopPodSandboxResponse {
}
export interface RemovePodSandboxRequest {
  readonly podSandboxId?: string;
}
export interface RemovePodSandboxResponse {
}
export interface PodSandboxStatusRequest {
  readonly podSandboxId?: string;
  readonly verbose?: boolean;
}
export interface PodSandboxStatusResponse {
  readonly status?: PodSandboxStatus;
  readonly info?: { readonly [key: string]: string };
  readonly containersStatuses?: readonly ContainerStatus[];
  readonly timestamp?: number | string;
}
export interface PodSandboxStatus {
  readonly id?: string;
  readonly metadata?: PodSandboxMetadata;
  readonly state?: PodSandboxState;
  readonly createdAt?: number | string;
  readonly network?: PodSandboxNetworkStatus;
  readonly linux?: LinuxPodSandboxStatus;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly runtimeHandler?: string;
}
export type PodSandboxState = "SANDBOX_READY" | "SANDBOX_NOTREADY";
export interface PodSandboxNetworkStatus {
  readonly ip?: string;
  readonly additionalIps?: readonly PodIP[];
}
export interface PodIP {
  readonly ip?: string;
}
export interface LinuxPodSandboxStatus {
  readonly namespaces?: Namespace;
}
export interface Namespace {
  readonly options?: NamespaceOption;
}
export interface ContainerStatus {
  readonly id?: string;
  readonly metadata?: ContainerMetadata;
  readonly state?: ContainerState;
  readonly createdAt?: number | string;
  readonly startedAt?: number | string;
  readonly finishedAt?: number | string;
  readonly exitCode?: number;
  readonly image?: ImageSpec;
  readonly imageRef?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly mounts?: readonly Mount[];
  readonly logPath?: string;
  readonly resources?: ContainerResources;
  readonly imageId?: string;
  readonly user?: ContainerUser;
  readonly stopSignal?: Signal;
}
export interface ContainerMetadata {
  readonly name?: string;
  readonly attempt?: number;
}
export type ContainerState = "CONTAINER_CREATED" | "CONTAINER_RUNNING" | "CONTAINER_EXITED" | "CONTAINER_UNKNOWN";
export interface ImageSpec {
  readonly image?: string;
  readonly annotations?: { readonly [key: string]: string };
  readonly userSpecifiedImage?: string;
  readonly runtimeHandler?: string;
  readonly imageRef?: string;
}
export interface Mount {
  readonly containerPath?: string;
  readonly hostPath?: string;
  readonly readonly?: boolean;
  readonly selinuxRelabel?: boolean;
  readonly propagation?: MountPropagation;
  readonly uidMappings?: readonly IDMapping[];
  readonly gidMappings?: readonly IDMapping[];
  readonly recursiveReadOnly?: boolean;
  readonly image?: ImageSpec;
  readonly imageSubPath?: string;
  readonly mountOptions?: readonly string[];
}
export type MountPropagation = "PROPAGATION_PRIVATE" | "PROPAGATION_HOST_TO_CONTAINER" | "PROPAGATION_BIDIRECTIONAL";
export interface ContainerResources {
  readonly linux?: LinuxContainerResources;
  readonly windows?: WindowsContainerResources;
}
export interface WindowsContainerResources {
  readonly cpuShares?: number | string;
  readonly cpuCount?: number | string;
  readonly cpuMaximum?: number | string;
  readonly memoryLimitInBytes?: number | string;
  readonly rootfsSizeInBytes?: number | string;
  readonly affinityCpus?: readonly WindowsCpuGroupAffinity[];
}
export interface WindowsCpuGroupAffinity {
  readonly cpuMask?: number | string;
  readonly cpuGroup?: number;
}
export interface ContainerUser {
  readonly linux?: LinuxContainerUser;
}
export interface LinuxContainerUser {
  readonly uid?: number | string;
  readonly gid?: number | string;
  readonly supplementalGroups?: readonly (number | string)[];
}
export type Signal = "SIGNAL_RUNTIME_DEFAULT" | "SIGNAL_SIGABRT" | "SIGNAL_SIGALRM" | "SIGNAL_SIGBUS" | "SIGNAL_SIGCHLD" | "SIGNAL_SIGCLD" | "SIGNAL_SIGCONT" | "SIGNAL_SIGFPE" | "SIGNAL_SIGHUP" | "SIGNAL_SIGILL" | "SIGNAL_SIGINT" | "SIGNAL_SIGIO" | "SIGNAL_SIGIOT" | "SIGNAL_SIGKILL" | "SIGNAL_SIGPIPE" | "SIGNAL_SIGPOLL" | "SIGNAL_SIGPROF" | "SIGNAL_SIGPWR" | "SIGNAL_SIGQUIT" | "SIGNAL_SIGSEGV" | "SIGNAL_SIGSTKFLT" | "SIGNAL_SIGSTOP" | "SIGNAL_SIGSYS" | "SIGNAL_SIGTERM" | "SIGNAL_SIGTRAP" | "SIGNAL_SIGTSTP" | "SIGNAL_SIGTTIN" | "SIGNAL_SIGTTOU" | "SIGNAL_SIGURG" | "SIGNAL_SIGUSR1" | "SIGNAL_SIGUSR2" | "SIGNAL_SIGVTALRM" | "SIGNAL_SIGWINCH" | "SIGNAL_SIGXCPU" | "SIGNAL_SIGXFSZ" | "SIGNAL_SIGRTMIN" | "SIGNAL_SIGRTMINPLUS1" | "SIGNAL_SIGRTMINPLUS2" | "SIGNAL_SIGRTMINPLUS3" | "SIGNAL_SIGRTMINPLUS4" | "SIGNAL_SIGRTMINPLUS5" | "SIGNAL_SIGRTMINPLUS6" | "SIGNAL_SIGRTMINPLUS7" | "SIGNAL_SIGRTMINPLUS8" | "SIGNAL_SIGRTMINPLUS9" | "SIGNAL_SIGRTMINPLUS10" | "SIGNAL_SIGRTMINPLUS11" | "SIGNAL_SIGRTMINPLUS12" | "SIGNAL_SIGRTMINPLUS13" | "SIGNAL_SIGRTMINPLUS14" | "SIGNAL_SIGRTMINPLUS15" | "SIGNAL_SIGRTMAXMINUS14" | "SIGNAL_SIGRTMAXMINUS13" | "SIGNAL_SIGRTMAXMINUS12" | "SIGNAL_SIGRTMAXMINUS11" | "SIGNAL_SIGRTMAXMINUS10" | "SIGNAL_SIGRTMAXMINUS9" | "SIGNAL_SIGRTMAXMINUS8" | "SIGNAL_SIGRTMAXMINUS7" | "SIGNAL_SIGRTMAXMINUS6" | "SIGNAL_SIGRTMAXMINUS5" | "SIGNAL_SIGRTMAXMINUS4" | "SIGNAL_SIGRTMAXMINUS3" | "SIGNAL_SIGRTMAXMINUS2" | "SIGNAL_SIGRTMAXMINUS1" | "SIGNAL_SIGRTMAX";
export interface ListPodSandboxRequest {
  readonly filter?: PodSandboxFilter;
}
export interface PodSandboxFilter {
  readonly id?: string;
  readonly state?: PodSandboxStateValue;
  readonly labelSelector?: { readonly [key: string]: string };
}
export interface PodSandboxStateValue {
  readonly state?: PodSandboxState;
}
export interface ListPodSandboxResponse {
  readonly items?: readonly PodSandbox[];
}
export interface PodSandbox {
  readonly id?: string;
  readonly metadata?: PodSandboxMetadata;
  readonly state?: PodSandboxState;
  readonly createdAt?: number | string;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly runtimeHandler?: string;
}
export interface StreamPodSandboxesRequest {
  readonly filter?: PodSandboxFilter;
}
export interface StreamPodSandboxesResponse {
  readonly podSandboxes?: readonly PodSandbox[];
}
export interface CreateContainerRequest {
  readonly podSandboxId?: string;
  readonly config?: ContainerConfig;
  readonly sandboxConfig?: PodSandboxConfig;
}
export interface ContainerConfig {
  readonly metadata?: ContainerMetadata;
  readonly image?: ImageSpec;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly envs?: readonly KeyValue[];
  readonly mounts?: readonly Mount[];
  readonly devices?: readonly Device[];
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly logPath?: string;
  readonly stdin?: boolean;
  readonly stdinOnce?: boolean;
  readonly tty?: boolean;
  readonly linux?: LinuxContainerConfig;
  readonly windows?: WindowsContainerConfig;
  readonly CDIDevices?: readonly CDIDevice[];
  readonly stopSignal?: Signal;
}
export interface KeyValue {
  readonly key?: string;
  readonly value?: Uint8Array;
}
export interface Device {
  readonly containerPath?: string;
  readonly hostPath?: string;
  readonly permissions?: string;
}
export interface LinuxContainerConfig {
  readonly resources?: LinuxContainerResources;
  readonly securityContext?: LinuxContainerSecurityContext;
}
export interface LinuxContainerSecurityContext {
  readonly capabilities?: Capability;
  readonly privileged?: boolean;
  readonly namespaceOptions?: NamespaceOption;
  readonly selinuxOptions?: SELinuxOption;
  readonly runAsUser?: Int64Value;
  readonly runAsGroup?: Int64Value;
  readonly runAsUsername?: string;
  readonly readonlyRootfs?: boolean;
  readonly supplementalGroups?: readonly (number | string)[];
  readonly supplementalGroupsPolicy?: SupplementalGroupsPolicy;
  readonly noNewPrivs?: boolean;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly seccomp?: SecurityProfile;
  readonly apparmor?: SecurityProfile;
  readonly apparmorProfile?: string;
  readonly seccompProfilePath?: string;
}
export interface Capability {
  readonly addCapabilities?: readonly string[];
  readonly dropCapabilities?: readonly string[];
  readonly addAmbientCapabilities?: readonly string[];
}
export interface WindowsContainerConfig {
  readonly resources?: WindowsContainerResources;
  readonly securityContext?: WindowsContainerSecurityContext;
}
export interface WindowsContainerSecurityContext {
  readonly runAsUsername?: string;
  readonly credentialSpec?: string;
  readonly hostProcess?: boolean;
}
export interface CDIDevice {
  readonly name?: string;
}
export interface CreateContainerResponse {
  readonly containerId?: string;
}
export interface StartContainerRequest {
  readonly containerId?: string;
}
export interface StartContainerResponse {
}
export interface StopContainerRequest {
  readonly containerId?: string;
  readonly timeout?: number | string;
}
export interface StopContainerResponse {
}
export interface RemoveContainerRequest {
  readonly containerId?: string;
}
export interface RemoveContainerResponse {
}
export interface ListContainersRequest {
  readonly filter?: ContainerFilter;
}
export interface ContainerFilter {
  readonly id?: string;
  readonly state?: ContainerStateValue;
  readonly podSandboxId?: string;
  readonly labelSelector?: { readonly [key: string]: string };
}
export interface ContainerStateValue {
  readonly state?: ContainerState;
}
export interface ListContainersResponse {
  readonly containers?: readonly Container[];
}
export interface Container {
  readonly id?: string;
  readonly podSandboxId?: string;
  readonly metadata?: ContainerMetadata;
  readonly image?: ImageSpec;
  readonly imageRef?: string;
  readonly state?: ContainerState;
  readonly createdAt?: number | string;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
  readonly imageId?: string;
}
export interface StreamContainersRequest {
  readonly filter?: ContainerFilter;
}
export interface StreamContainersResponse {
  readonly containers?: readonly Container[];
}
export interface ContainerStatusRequest {
  readonly containerId?: string;
  readonly verbose?: boolean;
}
export interface ContainerStatusResponse {
  readonly status?: ContainerStatus;
  readonly info?: { readonly [key: string]: string };
}
export interface UpdateContainerResourcesRequest {
  readonly containerId?: string;
  readonly linux?: LinuxContainerResources;
  readonly windows?: WindowsContainerResources;
  readonly annotations?: { readonly [key: string]: string };
}
export interface UpdateContainerResourcesResponse {
}
export interface ReopenContainerLogRequest {
  readonly containerId?: string;
}
export interface ReopenContainerLogResponse {
}
export interface ExecSyncRequest {
  readonly containerId?: string;
  readonly cmd?: readonly string[];
  readonly timeout?: number | string;
}
export interface ExecSyncResponse {
  readonly stdout?: Uint8Array;
  readonly stderr?: Uint8Array;
  readonly exitCode?: number;
}
export interface ExecRequest {
  readonly containerId?: string;
  readonly cmd?: readonly string[];
  readonly tty?: boolean;
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
}
export interface ExecResponse {
  readonly url?: string;
}
export interface AttachRequest {
  readonly containerId?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
}
export interface AttachResponse {
  readonly url?: string;
}
export interface PortForwardRequest {
  readonly podSandboxId?: string;
  readonly port?: readonly number[];
}
export interface PortForwardResponse {
  readonly url?: string;
}
export interface ContainerStatsRequest {
  readonly containerId?: string;
}
export interface ContainerStatsResponse {
  readonly stats?: ContainerStats;
}
export interface ContainerStats {
  readonly attributes?: ContainerAttributes;
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly writableLayer?: FilesystemUsage;
  readonly swap?: SwapUsage;
  readonly io?: IoUsage;
}
export interface ContainerAttributes {
  readonly id?: string;
  readonly metadata?: ContainerMetadata;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
}
export interface CpuUsage {
  readonly timestamp?: number | string;
  readonly usageCoreNanoSeconds?: UInt64Value;
  readonly usageNanoCores?: UInt64Value;
  readonly psi?: PsiStats;
}
export interface UInt64Value {
  readonly value?: number | string;
}
export interface PsiStats {
  readonly Full?: PsiData;
  readonly Some?: PsiData;
}
export interface PsiData {
  readonly Total?: number | string;
  readonly Avg10?: number;
  readonly Avg60?: number;
  readonly Avg300?: number;
}
export interface MemoryUsage {
  readonly timestamp?: number | string;
  readonly workingSetBytes?: UInt64Value;
  readonly availableBytes?: UInt64Value;
  readonly usageBytes?: UInt64Value;
  readonly rssBytes?: UInt64Value;
  readonly pageFaults?: UInt64Value;
  readonly majorPageFaults?: UInt64Value;
  readonly psi?: PsiStats;
}
export interface FilesystemUsage {
  readonly timestamp?: number | string;
  readonly fsId?: FilesystemIdentifier;
  readonly usedBytes?: UInt64Value;
  readonly inodesUsed?: UInt64Value;
}
export interface FilesystemIdentifier {
  readonly mountpoint?: string;
}
export interface SwapUsage {
  readonly timestamp?: number | string;
  readonly swapAvailableBytes?: UInt64Value;
  readonly swapUsageBytes?: UInt64Value;
}
export interface IoUsage {
  readonly timestamp?: number | string;
  readonly psi?: PsiStats;
}
export interface ListContainerStatsRequest {
  readonly filter?: ContainerStatsFilter;
}
export interface ContainerStatsFilter {
  readonly id?: string;
  readonly podSandboxId?: string;
  readonly labelSelector?: { readonly [key: string]: string };
}
export interface ListContainerStatsResponse {
  readonly stats?: readonly ContainerStats[];
}
export interface StreamContainerStatsRequest {
  readonly filter?: ContainerStatsFilter;
}
export interface StreamContainerStatsResponse {
  readonly containerStats?: readonly ContainerStats[];
}
export interface PodSandboxStatsRequest {
  readonly podSandboxId?: string;
}
export interface PodSandboxStatsResponse {
  readonly stats?: PodSandboxStats;
}
export interface PodSandboxStats {
  readonly attributes?: PodSandboxAttributes;
  readonly linux?: LinuxPodSandboxStats;
  readonly windows?: WindowsPodSandboxStats;
}
export interface PodSandboxAttributes {
  readonly id?: string;
  readonly metadata?: PodSandboxMetadata;
  readonly labels?: { readonly [key: string]: string };
  readonly annotations?: { readonly [key: string]: string };
}
export interface LinuxPodSandboxStats {
  readonly cpu?: CpuUsage;
  readonly memory?: MemoryUsage;
  readonly network?: NetworkUsage;
  readonly process?: ProcessUsage;
  readonly containers?: readonly ContainerStats[];
  readonly io?: IoUsage;
}
export interface NetworkUsage {
  readonly timestamp?: number | string;
  readonly defaultInterface?: NetworkInterfaceUsage;
  readonly interfaces?: readonly NetworkInterfaceUsage[];
}
export interface NetworkInterfaceUsage {
  readonly name?: string;
  readonly rxBytes?: UInt64Value;
  readonly rxErrors?: UInt64Value;
  readonly txBytes?: UInt64Value;
  readonly txErrors?: UInt64Value;
}
export interface ProcessUsage {
  readonly timestamp?: number | string;
  readonly processCount?: UInt64Value;
}
export interface WindowsPodSandboxStats {
  readonly cpu?: WindowsCpuUsage;
  readonly memory?: WindowsMemoryUsage;
  readonly network?: WindowsNetworkUsage;
  readonly process?: WindowsProcessUsage;
  readonly containers?: readonly WindowsContainerStats[];
}
export interface WindowsCpuUsage {
  readonly timestamp?: number | string;
  readonly usageCoreNanoSeconds?: UInt64Value;
  readonly usageNanoCores?: UInt64Value;
}
export interface WindowsMemoryUsage {
  readonly timestamp?: number | string;
  readonly workingSetBytes?: UInt64Value;
  readonly availableBytes?: UInt64Value;
  readonly pageFaults?: UInt64Value;
  readonly commitMemoryBytes?: UInt64Value;
}
export interface WindowsNetworkUsage {
  readonly timestamp?: number | string;
  readonly defaultInterface?: WindowsNetworkInterfaceUsage;
  readonly interfaces?: readonly WindowsNetworkInterfaceUsage[];
}
export interface WindowsNetworkInterfaceUsage {
  readonly name?: string;
  readonly rxBytes?: UInt64Value;
  readonly rxPacketsDropped?: UInt64Value;
  readonly txBytes?: UInt64Value;
  readonly txPacketsDropped?: UInt64Value;
}
export interface WindowsProcessUsage {
  readonly timestamp?: number | string;
  readonly processCount?: UInt64Value;
}
export interface WindowsContainerStats {
  readonly attributes?: ContainerAttributes;
  readonly cpu?: WindowsCpuUsage;
  readonly memory?: WindowsMemoryUsage;
  readonly writableLayer?: WindowsFilesystemUsage;
}
export interface WindowsFilesystemUsage {
  readonly timestamp?: number | string;
  readonly fsId?: FilesystemIdentifier;
  readonly usedBytes?: UInt64Value;
}
export interface ListPodSandboxStatsRequest {
  readonly filter?: PodSandboxStatsFilter;
}
export interface PodSandboxStatsFilter {
  readonly id?: string;
  readonly labelSelector?: { readonly [key: string]: string };
}
export interface ListPodSandboxStatsResponse {
  readonly stats?: readonly PodSandboxStats[];
}
export interface StreamPodSandboxStatsRequest {
  readonly filter?: PodSandboxStatsFilter;
}
export interface StreamPodSandboxStatsResponse {
  readonly podSandboxStats?: readonly PodSandboxStats[];
}
export interface UpdateRuntimeConfigRequest {
  readonly runtimeConfig?: RuntimeConfig;
}
export interface RuntimeConfig {
  readonly networkConfig?: NetworkConfig;
}
export interface NetworkConfig {
  readonly podCidr?: string;
}
export interface UpdateRuntimeConfigResponse {
}
export interface StatusRequest {
  readonly verbose?: boolean;
}
export interface StatusResponse {
  readonly status?: RuntimeStatus;
  readonly info?: { readonly [key: string]: string };
  readonly runtimeHandlers?: readonly RuntimeHandler[];
  readonly features?: RuntimeFeatures;
}
export interface RuntimeStatus {
  readonly conditions?: readonly RuntimeCondition[];
}
export interface RuntimeCondition {
  readonly type?: string;
  readonly status?: boolean;
  readonly reason?: string;
  readonly message?: string;
}
export interface RuntimeHandler {
  readonly name?: string;
  readonly features?: RuntimeHandlerFeatures;
}
export interface RuntimeHandlerFeatures {
  readonly recursiveReadOnlyMounts?: boolean;
  readonly userNamespaces?: boolean;
}
export interface RuntimeFeatures {
  readonly supplementalGroupsPolicy?: boolean;
  readonly userNamespacesHostNetwork?: boolean;
  readonly mountOptions?: boolean;
}
export interface CheckpointContainerRequest {
  readonly containerId?: string;
  readonly location?: string;
  readonly timeout?: number | string;
}
export interface CheckpointContainerResponse {
}
export interface CheckpointPodRequest {
  readonly podSandboxId?: string;
  readonly outputPath?: string;
  readonly containerIds?: readonly string[];
  readonly options?: { readonly [key: string]: string };
}
export interface CheckpointPodResponse {
}
export interface RestorePodRequest {
  readonly checkpointPath?: string;
  readonly config?: PodSandboxConfig;
  readonly runtimeHandler?: string;
  readonly options?: { readonly [key: string]: string };
  readonly containerConfigs?: readonly ContainerConfig[];
}
export interface RestorePodResponse {
  readonly podSandboxId?: string;
  readonly restoredContainers?: readonly RestoredContainer[];
}
export interface RestoredContainer {
  readonly name?: string;
  readonly containerId?: string;
}
export interface GetEventsRequest {
}
export interface ContainerEventResponse {
  readonly containerId?: string;
  readonly containerEventType?: ContainerEventType;
  readonly createdAt?: number | string;
  readonly podSandboxStatus?: PodSandboxStatus;
  readonly containersStatuses?: readonly ContainerStatus[];
}
export type ContainerEventType = "CONTAINER_CREATED_EVENT" | "CONTAINER_STARTED_EVENT" | "CONTAINER_STOPPED_EVENT" | "CONTAINER_DELETED_EVENT";
export interface ListMetricDescriptorsRequest {
}
export interface ListMetricDescriptorsResponse {
  readonly descriptors?: readonly MetricDescriptor[];
}
export interface MetricDescriptor {
  readonly name?: string;
  readonly help?: string;
  readonly labelKeys?: readonly string[];
}
export interface ListPodSandboxMetricsRequest {
}
export interface ListPodSandboxMetricsResponse {
  readonly podMetrics?: readonly PodSandboxMetrics[];
}
export interface PodSandboxMetrics {
  readonly podSandboxId?: string;
  readonly metrics?: readonly Metric[];
  readonly containerMetrics?: readonly ContainerMetrics[];
}
export interface Metric {
  readonly name?: string;
  readonly timestamp?: number | string;
  readonly metricType?: MetricType;
  readonly labelValues?: readonly string[];
  readonly value?: UInt64Value;
}
export type MetricType = "COUNTER" | "GAUGE";
export interface ContainerMetrics {
  readonly containerId?: string;
  readonly metrics?: readonly Metric[];
}
export interface StreamPodSandboxMetricsRequest {
}
export interface StreamPodSandboxMetricsResponse {
  readonly podSandboxMetrics?: readonly PodSandboxMetrics[];
}
export interface RuntimeConfigRequest {
}
export interface RuntimeConfigResponse {
  readonly linux?: LinuxRuntimeConfiguration;
}
export interface LinuxRuntimeConfiguration {
  readonly cgroupDriver?: CgroupDriver;
}
export type CgroupDriver = "SYSTEMD" | "CGROUPFS";
export interface UpdatePodSandboxResourcesRequest {
  readonly podSandboxId?: string;
  readonly overhead?: LinuxContainerResources;
  readonly resources?: LinuxContainerResources;
}
export interface UpdatePodSandboxResourcesResponse {
}
export interface ListImagesRequest {
  readonly filter?: ImageFilter;
}
export interface ImageFilter {
  readonly image?: ImageSpec;
}
export interface ListImagesResponse {
  readonly images?: readonly Image[];
}
export interface Image {
  readonly id?: string;
  readonly repoTags?: readonly string[];
  readonly repoDigests?: readonly string[];
  readonly size?: number | string;
  readonly uid?: Int64Value;
  readonly username?: string;
  readonly spec?: ImageSpec;
  readonly pinned?: boolean;
}
export interface StreamImagesRequest {
  readonly filter?: ImageFilter;
}
export interface StreamImagesResponse {
  readonly images?: readonly Image[];
}
export interface ImageStatusRequest {
  readonly image?: ImageSpec;
  readonly verbose?: boolean;
}
export interface ImageStatusResponse {
  readonly image?: Image;
  readonly info?: { readonly [key: string]: string };
}
export interface PullImageRequest {
  readonly image?: ImageSpec;
  readonly auth?: AuthConfig;
  readonly sandboxConfig?: PodSandboxConfig;
}
export interface AuthConfig {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly serverAddress?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}
export interface PullImageResponse {
  readonly imageRef?: string;
}
export interface RemoveImageRequest {
  readonly image?: ImageSpec;
}
export interface RemoveImageResponse {
}
export interface ImageFsInfoRequest {
}
export interface ImageFsInfoResponse {
  readonly imageFilesystems?: readonly FilesystemUsage[];
  readonly containerFilesystems?: readonly FilesystemUsage[];
}
