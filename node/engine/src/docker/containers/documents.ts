import type { Ulimit } from "../../containers/rlimits.ts";

/** Documents of the Engine API (v1.51), as clients send them: any part may be absent or null. Durations are nanoseconds. */
type Maybe<T> = T | null | undefined;
type Table<T> = Maybe<Readonly<Record<string, T>>>;
type List<T> = Maybe<readonly T[]>;

/** ContainerConfig: what of a container could be an image's. */
export interface ConfigDocument {
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly User?: string;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly ExposedPorts?: Table<object>;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly Env?: List<string>;
  readonly Cmd?: List<string> | string;
  readonly Healthcheck?: Maybe<HealthDocument>;
  readonly Image?: string;
  readonly Volumes?: Table<object>;
  readonly WorkingDir?: string;
  readonly Entrypoint?: List<string> | string;
  readonly NetworkDisabled?: boolean;
  readonly MacAddress?: string;
  readonly OnBuild?: List<string>;
  readonly Labels?: Table<string>;
  readonly StopSignal?: string;
  /** Seconds. */
  readonly StopTimeout?: Maybe<number>;
  readonly Shell?: List<string>;
}

export interface HealthDocument {
  readonly Test?: List<string>;
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly StartInterval?: number;
  readonly Retries?: number;
}

export interface MountDocument {
  readonly Type?: string;
  readonly Source?: string;
  readonly Target?: string;
  readonly ReadOnly?: boolean;
  readonly Consistency?: string;
  readonly BindOptions?: Maybe<{
    readonly Propagation?: string;
    readonly NonRecursive?: boolean;
    readonly ReadOnlyNonRecursive?: boolean;
    readonly ReadOnlyForceRecursive?: boolean;
    readonly CreateMountpoint?: boolean;
  }>;
  readonly VolumeOptions?: Maybe<{
    readonly NoCopy?: boolean;
    readonly Labels?: Table<string>;
    readonly Subpath?: string;
    readonly DriverConfig?: Maybe<{ readonly Name?: string; readonly Options?: Table<string> }>;
  }>;
  readonly ImageOptions?: Maybe<{ readonly Subpath?: string }>;
  readonly TmpfsOptions?: Maybe<{
    readonly SizeBytes?: number;
    readonly Mode?: number;
    readonly Options?: List<readonly string[]>;
  }>;
}

interface PortBinding {
  readonly HostIp?: string;
  readonly HostPort?: string;
}

export interface DeviceRate {
  readonly Path?: string;
  readonly Rate?: number;
}

/** What of HostConfig can be changed while a container runs. */
export interface ResourcesDocument {
  readonly Memory?: number;
  readonly MemorySwap?: number;
  readonly MemoryReservation?: number;
  readonly MemorySwappiness?: Maybe<number>;
  readonly OomKillDisable?: Maybe<boolean>;
  readonly NanoCpus?: number;
  readonly CpuShares?: number;
  readonly CpuPeriod?: number;
  readonly CpuQuota?: number;
  readonly CpuRealtimePeriod?: number;
  readonly CpuRealtimeRuntime?: number;
  readonly CpusetCpus?: string;
  readonly CpusetMems?: string;
  readonly PidsLimit?: Maybe<number>;
  readonly BlkioWeight?: number;
  readonly BlkioWeightDevice?: List<{ readonly Path?: string; readonly Weight?: number }>;
  readonly BlkioDeviceReadBps?: List<DeviceRate>;
  readonly BlkioDeviceWriteBps?: List<DeviceRate>;
  readonly BlkioDeviceReadIOps?: List<DeviceRate>;
  readonly BlkioDeviceWriteIOps?: List<DeviceRate>;
}

export interface HostConfigDocument extends ResourcesDocument {
  readonly Binds?: List<string>;
  readonly Mounts?: List<MountDocument>;
  readonly Tmpfs?: Table<string>;
  readonly VolumesFrom?: List<string>;
  readonly VolumeDriver?: string;
  readonly ContainerIDFile?: string;
  readonly LogConfig?: Maybe<{ readonly Type?: string; readonly Config?: Table<string> }>;
  readonly NetworkMode?: string;
  readonly PortBindings?: Table<List<PortBinding>>;
  readonly PublishAllPorts?: boolean;
  readonly RestartPolicy?: Maybe<{ readonly Name?: string; readonly MaximumRetryCount?: number }>;
  readonly AutoRemove?: boolean;
  readonly CapAdd?: List<string>;
  readonly CapDrop?: List<string>;
  readonly CgroupnsMode?: string;
  readonly CgroupParent?: string;
  readonly Dns?: List<string>;
  readonly DnsOptions?: List<string>;
  readonly DnsSearch?: List<string>;
  readonly ExtraHosts?: List<string>;
  readonly GroupAdd?: List<string>;
  readonly IpcMode?: string;
  readonly Isolation?: string;
  readonly Links?: List<string>;
  readonly OomScoreAdj?: number;
  readonly PidMode?: string;
  readonly Privileged?: boolean;
  readonly ReadonlyRootfs?: boolean;
  readonly SecurityOpt?: List<string>;
  readonly UTSMode?: string;
  readonly UsernsMode?: string;
  readonly ShmSize?: number;
  readonly Sysctls?: Table<string>;
  readonly Runtime?: string;
  readonly Init?: Maybe<boolean>;
  readonly Devices?: List<{
    readonly PathOnHost?: string;
    readonly PathInContainer?: string;
    readonly CgroupPermissions?: string;
  }>;
  readonly DeviceCgroupRules?: List<string>;
  readonly DeviceRequests?: List<object>;
  readonly Ulimits?: List<Ulimit>;
  readonly MaskedPaths?: List<string>;
  readonly ReadonlyPaths?: List<string>;
  readonly Annotations?: Table<string>;
  readonly StorageOpt?: Table<string>;
  readonly ConsoleSize?: readonly number[];
}

export interface EndpointDocument {
  readonly Aliases?: List<string>;
  readonly Links?: List<string>;
  readonly MacAddress?: string;
  readonly DriverOpts?: Table<string>;
  readonly GwPriority?: number;
  readonly IPAMConfig?: Maybe<{ readonly IPv4Address?: string; readonly IPv6Address?: string }>;
  readonly NetworkID?: string;
}

/** The body of `POST /containers/create`. */
export interface CreateDocument extends ConfigDocument {
  readonly HostConfig?: Maybe<HostConfigDocument>;
  readonly NetworkingConfig?: Maybe<{ readonly EndpointsConfig?: Table<Maybe<EndpointDocument>> }>;
}
