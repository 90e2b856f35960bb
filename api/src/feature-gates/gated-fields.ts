import { type FieldPath, fieldPath } from "./field-path.ts";

/** By gate: fields that are dropped on a write while it is off, unless the object had one of them before. */
type Fields = Readonly<Record<string, readonly string[]>>;

const CONTAINERS = "(containers|initContainers|ephemeralContainers)[]";
const STATUSES = "(containerStatuses|initContainerStatuses|ephemeralContainerStatuses)[]";
const PROBES = "(livenessProbe|readinessProbe|startupProbe)";
const SOURCES = "volumes[].projected.sources[]";

/** Of core/v1.PodSpec. */
const POD_SPEC: Fields = {
  AtomicWriteVolumeUserFields: [
    "volumes[].(secret|configMap|downwardAPI|projected).defaultUser",
    "volumes[].(secret|configMap|downwardAPI).items[].user",
    `${SOURCES}.(secret|configMap|downwardAPI).items[].user`,
    `${SOURCES}.(serviceAccountToken|clusterTrustBundle|podCertificate).user`,
  ],
  ClusterTrustBundleProjection: [`${SOURCES}.clusterTrustBundle`],
  ContainerRestartRules: [
    `${CONTAINERS}.restartPolicyRules`,
    "(containers|ephemeralContainers)[].restartPolicy",
    "initContainers[].restartPolicy!Always",
  ],
  ContainerStopSignals: [`${CONTAINERS}.lifecycle?.stopSignal`],
  EmptyDirVolumeMode: ["volumes[].emptyDir.mode"],
  EnvFiles: [`${CONTAINERS}.env[].valueFrom.fileKeyRef`],
  EvictionRequestAPI: ["evictionResponders"],
  GRPCContainerProbeTLS: [`${CONTAINERS}.${PROBES}.grpc.mode`],
  GenericWorkload: ["schedulingGroup"],
  H2CContainerProbe: [
    `${CONTAINERS}.${PROBES}.httpGet.protocol`,
    `${CONTAINERS}.lifecycle.(postStart|preStop).httpGet.protocol`,
  ],
  MatchLabelKeysInPodTopologySpread: ["topologySpreadConstraints[].matchLabelKeys"],
  PodCertificateRequest: [`${SOURCES}.podCertificate`],
  PodLevelResources: ["resources"],
  VolumeBindMountOptions: [`${CONTAINERS}.volumeMounts[].bindMountOptions`],
};

const POD_STATUS: Fields = {
  CSIVolumeHealth: ["status.volumeHealth"],
  DRANodeAllocatableResources: ["status.nodeAllocatableResourceClaimStatuses"],
  ImageVolumeWithDigest: [`status.${STATUSES}.volumeMounts[].volumeStatus`],
  InPlacePodLevelResourcesVerticalScaling: ["status.(resources|allocatedResources)"],
  ResourceHealthStatus: [`status.${STATUSES}.allocatedResourcesStatus`],
  ResourceHealthStatusMessage: [`status.${STATUSES}.allocatedResourcesStatus[].resources[].message`],
};

/** What a claim asks for: below `exactly`, or beside the name of the request as resource.k8s.io/v1beta1 has it. */
function requested(...names: readonly string[]): readonly string[] {
  return names.flatMap((name) => [
    `devices.requests[].exactly.${name}`,
    `devices.requests[].${name}`,
    `devices.requests[].firstAvailable[].${name}`,
  ]);
}

const CLAIM_SPEC: Fields = {
  DRAConsumableCapacity: ["devices.constraints[].distinctAttribute", ...requested("capacity")],
  DRADerivedAttributes: requested("derivedAttributes"),
  DRADeviceTaints: requested("tolerations"),
};

const RESULTS = "status.allocation.devices.results[]";
const CLAIM_STATUS: Fields = {
  DRAConsumableCapacity: [`${RESULTS}.(shareID|consumedCapacity)`, "status.devices[].shareID"],
  DRADeviceBindingConditions: [`${RESULTS}.(bindingConditions|bindingFailureConditions)`],
  DRAOptionalNodeOperations: [`${RESULTS}.skipNodeOperations`],
};

/** Of devices: beside their names, or below `basic` as resource.k8s.io/v1beta1 has it. */
function ofDevices(...paths: readonly string[]): readonly string[] {
  return paths.flatMap((path) => [`spec.devices[].${path}`, `spec.devices[].basic.${path}`]);
}

const SLICE: Fields = {
  DRAConsumableCapacity: ofDevices("allowMultipleAllocations", "capacity{}.requestPolicy"),
  DRADeviceBindingConditions: ofDevices("(bindingConditions|bindingFailureConditions|bindsToNode)"),
  DRADeviceCompatibilityGroups: ofDevices("consumesCounters[].compatibilityGroups"),
  DRADeviceTaints: ofDevices("taints"),
  DRAListTypeAttributes: ofDevices("attributes{}.(bools|ints|strings|versions)"),
  DRANodeAllocatableResources: ofDevices("nodeAllocatableResources"),
  DRAOptionalNodeOperations: ["spec.skipNodeOperations"],
  DRAPartitionableDevices: [
    "spec.(sharedCounters|perDeviceNodeSelection)",
    ...ofDevices("(consumesCounters|nodeName|nodeSelector|allNodes)"),
  ],
  DRAPartitionableDevicesType: ["spec.partitionTypeAttribute"],
};

const POD_GROUP: Fields = {
  CompositePodGroup: ["spec.parentCompositePodGroupName"],
  DRAWorkloadResourceClaims: ["spec.resourceClaims", "status.resourceClaimStatuses"],
  PodGroupPreemptionPolicy: ["spec.preemptionPolicy"],
  TopologyAwareWorkloadScheduling: ["spec.schedulingConstraints"],
};

/** As deep as templates of groups of groups may lie in one another. */
const TEMPLATES = [
  "spec",
  ...[1, 2, 3, 4].map((depth) => `spec.${Array(depth).fill("compositePodGroupTemplates[]").join(".")}`),
];

const inTemplates = (name: string): readonly string[] => TEMPLATES.map((at) => `${at}.podGroupTemplates[].${name}`);

const WORKLOAD: Fields = {
  CompositePodGroup: ["spec.compositePodGroupTemplates"],
  DRAWorkloadResourceClaims: inTemplates("resourceClaims"),
  PodGroupPreemptionPolicy: [
    ...inTemplates("preemptionPolicy"),
    ...TEMPLATES.slice(1).map((at) => `${at}.preemptionPolicy`),
  ],
  TopologyAwareWorkloadScheduling: inTemplates("schedulingConstraints"),
};

const JOB_SPEC: Fields = { WorkloadWithJob: ["scheduling"], ...below("template.spec", POD_SPEC) };

/** By "<group>/<Kind>". Those of gates that are locked are not here: they cannot be off, or never on. */
const FIELDS: Readonly<Record<string, Fields>> = {
  "/Node": {
    InPlacePodVerticalScalingSchedulerPreemption: ["spec.podPreemptionPolicy"],
    KubeletInUserNamespace: ["status.nodeInfo.runningInUserNamespace"],
  },
  "/PersistentVolumeClaim": {
    CSIVolumeHealth: ["status.healthStatus"],
    CrossNamespaceVolumeDataSource: ["spec.dataSourceRef"],
  },
  "/Pod": both(below("spec", POD_SPEC), POD_STATUS),
  "/PodTemplate": below("template.spec", POD_SPEC),
  "/ReplicationController": below("spec.template.spec", POD_SPEC),
  "apiextensions.k8s.io/CustomResourceDefinition": {
    CRDObservedGenerationTracking: ["status.observedGeneration", "status.conditions[].observedGeneration"],
  },
  "apps/DaemonSet": below("spec.template.spec", POD_SPEC),
  "apps/Deployment": both(below("spec.template.spec", POD_SPEC), {
    DeploymentReplicaSetTerminatingReplicas: ["status.terminatingReplicas"],
  }),
  "apps/ReplicaSet": both(below("spec.template.spec", POD_SPEC), {
    DeploymentReplicaSetTerminatingReplicas: ["status.terminatingReplicas"],
  }),
  "apps/StatefulSet": both(below("spec.template.spec", POD_SPEC), {
    MaxUnavailableStatefulSet: ["spec.updateStrategy.rollingUpdate.maxUnavailable"],
  }),
  "batch/CronJob": below("spec.jobTemplate.spec", JOB_SPEC),
  "batch/Job": below("spec", JOB_SPEC),
  "coordination.k8s.io/Lease": { CoordinatedLeaderElection: ["spec.(strategy|preferredHolder)"] },
  "resource.k8s.io/ResourceClaim": both(below("spec", CLAIM_SPEC), CLAIM_STATUS),
  "resource.k8s.io/ResourceClaimTemplate": below("spec.spec", CLAIM_SPEC),
  "resource.k8s.io/ResourcePoolStatusRequest": {
    DRAPartitionableDevicesType: ["spec.defaultPartitionTypeAttribute"],
  },
  "resource.k8s.io/ResourceSlice": SLICE,
  "scheduling.k8s.io/CompositePodGroup": { PodGroupPreemptionPolicy: ["spec.preemptionPolicy"] },
  "scheduling.k8s.io/PodGroup": POD_GROUP,
  "scheduling.k8s.io/Workload": WORKLOAD,
  "storage.k8s.io/CSIDriver": { VolumeLimitScaling: ["spec.preventPodSchedulingIfMissing"] },
  "storage.k8s.io/CSINode": { CSIVolumeHealth: ["status.storageHealth"] },
};

function below(at: string, fields: Fields): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([gate, paths]) => [gate, paths.map((path) => `${at}.${path}`)]),
  );
}

function both(some: Fields, others: Fields): Fields {
  const all: Record<string, readonly string[]> = { ...some };
  for (const [gate, paths] of Object.entries(others)) all[gate] = [...(all[gate] ?? []), ...paths];
  return all;
}

/** What makes fields go that are fine without it. */
const TRIGGERS: Fields = { CrossNamespaceVolumeDataSource: ["spec.dataSourceRef.namespace"] };

/** The fields of a kind that are behind one gate. */
export interface GatedFields {
  readonly gate: string;
  readonly paths: readonly FieldPath[];
  /** They go only where one of these is used: mostly the fields themselves. */
  readonly triggers: readonly FieldPath[];
}

const NONE: readonly GatedFields[] = [];
const compiled = new Map<string, readonly GatedFields[]>();

/** @param kind "<group>/<Kind>". */
export function gatedFieldsOf(kind: string): readonly GatedFields[] {
  const known = compiled.get(kind);
  if (known !== undefined) return known;
  const fields = FIELDS[kind];
  const made = fields === undefined ? NONE : Object.entries(fields).map(compile);
  compiled.set(kind, made);
  return made;
}

function compile([gate, texts]: readonly [string, readonly string[]]): GatedFields {
  const paths = texts.map(fieldPath);
  return { gate, paths, triggers: TRIGGERS[gate]?.map(fieldPath) ?? paths };
}
