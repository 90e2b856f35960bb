import type { Ulimit } from "../../containers/rlimits.ts";
import type { Fields, Shape } from "../document-shape.ts";
import type {
  ConfigDocument,
  CreateDocument,
  DeviceRate,
  EndpointDocument,
  HealthDocument,
  HostConfigDocument,
  MountDocument,
} from "./documents.ts";

const WORDS: Shape = { listOf: "string" };
const TEXTS: Shape = { tableOf: "string" };
const NOTHINGS: Shape = { tableOf: "object" };

const HEALTH: Fields<HealthDocument> = {
  Test: WORDS,
  Interval: "integer",
  Timeout: "integer",
  StartPeriod: "integer",
  StartInterval: "integer",
  Retries: "integer",
};

export const CONFIG_FIELDS: Fields<ConfigDocument> = {
  Hostname: "string",
  Domainname: "string",
  User: "string",
  AttachStdin: "boolean",
  AttachStdout: "boolean",
  AttachStderr: "boolean",
  ExposedPorts: NOTHINGS,
  Tty: "boolean",
  OpenStdin: "boolean",
  StdinOnce: "boolean",
  Env: WORDS,
  Cmd: "words",
  Healthcheck: { fields: HEALTH },
  Image: "string",
  Volumes: NOTHINGS,
  WorkingDir: "string",
  Entrypoint: "words",
  NetworkDisabled: "boolean",
  MacAddress: "string",
  OnBuild: WORDS,
  Labels: TEXTS,
  StopSignal: "string",
  StopTimeout: "integer",
  Shell: "words",
};

const BIND_OPTIONS: Fields<NonNullable<MountDocument["BindOptions"]>> = {
  Propagation: "string",
  NonRecursive: "boolean",
  ReadOnlyNonRecursive: "boolean",
  ReadOnlyForceRecursive: "boolean",
  CreateMountpoint: "boolean",
};
const VOLUME_OPTIONS: Fields<NonNullable<MountDocument["VolumeOptions"]>> = {
  NoCopy: "boolean",
  Labels: TEXTS,
  Subpath: "string",
  DriverConfig: { fields: { Name: "string", Options: TEXTS } },
};
const TMPFS_OPTIONS: Fields<NonNullable<MountDocument["TmpfsOptions"]>> = {
  SizeBytes: "integer",
  Mode: "integer",
  Options: { listOf: WORDS },
};
const MOUNT: Fields<MountDocument> = {
  Type: "string",
  Source: "string",
  Target: "string",
  ReadOnly: "boolean",
  Consistency: "string",
  BindOptions: { fields: BIND_OPTIONS },
  VolumeOptions: { fields: VOLUME_OPTIONS },
  ImageOptions: { fields: { Subpath: "string" } },
  TmpfsOptions: { fields: TMPFS_OPTIONS },
};
const RATE: Fields<DeviceRate> = { Path: "string", Rate: "integer" };
const RATES: Shape = { listOf: { fields: RATE } };
const ULIMIT: Fields<Ulimit> = { Name: "string", Soft: "integer", Hard: "integer" };

export const HOST_FIELDS: Fields<HostConfigDocument> = {
  Memory: "integer",
  MemorySwap: "integer",
  MemoryReservation: "integer",
  MemorySwappiness: "integer",
  OomKillDisable: "boolean",
  NanoCpus: "integer",
  CpuShares: "integer",
  CpuPeriod: "integer",
  CpuQuota: "integer",
  CpuRealtimePeriod: "integer",
  CpuRealtimeRuntime: "integer",
  CpusetCpus: "string",
  CpusetMems: "string",
  PidsLimit: "integer",
  BlkioWeight: "integer",
  BlkioWeightDevice: { listOf: { fields: { Path: "string", Weight: "integer" } } },
  BlkioDeviceReadBps: RATES,
  BlkioDeviceWriteBps: RATES,
  BlkioDeviceReadIOps: RATES,
  BlkioDeviceWriteIOps: RATES,
  Binds: WORDS,
  Mounts: { listOf: { fields: MOUNT } },
  Tmpfs: TEXTS,
  VolumesFrom: WORDS,
  VolumeDriver: "string",
  ContainerIDFile: "string",
  LogConfig: { fields: { Type: "string", Config: TEXTS } },
  NetworkMode: "string",
  PortBindings: { tableOf: { listOf: { fields: { HostIp: "string", HostPort: "string" } } } },
  PublishAllPorts: "boolean",
  RestartPolicy: { fields: { Name: "string", MaximumRetryCount: "integer" } },
  AutoRemove: "boolean",
  CapAdd: WORDS,
  CapDrop: WORDS,
  CgroupnsMode: "string",
  CgroupParent: "string",
  Dns: WORDS,
  DnsOptions: WORDS,
  DnsSearch: WORDS,
  ExtraHosts: WORDS,
  GroupAdd: WORDS,
  IpcMode: "string",
  Isolation: "string",
  Links: WORDS,
  OomScoreAdj: "integer",
  PidMode: "string",
  Privileged: "boolean",
  ReadonlyRootfs: "boolean",
  SecurityOpt: WORDS,
  UTSMode: "string",
  UsernsMode: "string",
  ShmSize: "integer",
  Sysctls: TEXTS,
  Runtime: "string",
  Init: "boolean",
  Devices: {
    listOf: { fields: { PathOnHost: "string", PathInContainer: "string", CgroupPermissions: "string" } },
  },
  DeviceCgroupRules: WORDS,
  DeviceRequests: { listOf: "object" },
  Ulimits: { listOf: { fields: ULIMIT } },
  MaskedPaths: WORDS,
  ReadonlyPaths: WORDS,
  Annotations: TEXTS,
  StorageOpt: TEXTS,
  ConsoleSize: { listOf: "integer" },
};

export const ENDPOINT_FIELDS: Fields<EndpointDocument> = {
  Aliases: WORDS,
  Links: WORDS,
  MacAddress: "string",
  DriverOpts: TEXTS,
  GwPriority: "integer",
  IPAMConfig: { fields: { IPv4Address: "string", IPv6Address: "string" } },
  NetworkID: "string",
};

export const CREATE_FIELDS: Fields<CreateDocument> = {
  ...CONFIG_FIELDS,
  HostConfig: { fields: HOST_FIELDS },
  NetworkingConfig: { fields: { EndpointsConfig: { tableOf: { fields: ENDPOINT_FIELDS } } } },
};
