import type { GroupVersionResource } from "@tsukube/api";
import type { Client, EventRecorder, InformerFactory, QueueMetrics } from "@tsukube/client";
import type { Clock, Lifetime, Logger, Random } from "@tsukube/foundation";

/** What a controller is made with. Reads go through `informers`, which all share; writes through its own identity. */
export interface ControllerContext {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly lifetime: Lifetime;
  /** Where queues are measured. */
  readonly queues: QueueMetrics | undefined;
}

export const PODS: GroupVersionResource = { group: "", version: "v1", resource: "pods" };
export const POD_GROUPS: GroupVersionResource = {
  group: "scheduling.k8s.io",
  version: "v1beta1",
  resource: "podgroups",
};
export const CLAIMS: GroupVersionResource = { group: "", version: "v1", resource: "persistentvolumeclaims" };
export const VOLUMES: GroupVersionResource = { group: "", version: "v1", resource: "persistentvolumes" };
export const ATTRIBUTES_CLASSES: GroupVersionResource = {
  group: "storage.k8s.io",
  version: "v1",
  resource: "volumeattributesclasses",
};
export const STORAGE_CLASSES: GroupVersionResource = {
  group: "storage.k8s.io",
  version: "v1",
  resource: "storageclasses",
};
export const NAMESPACES: GroupVersionResource = { group: "", version: "v1", resource: "namespaces" };
export const CONFIG_MAPS: GroupVersionResource = { group: "", version: "v1", resource: "configmaps" };
export const SERVICE_ACCOUNTS: GroupVersionResource = { group: "", version: "v1", resource: "serviceaccounts" };
export const REPLICA_SETS: GroupVersionResource = { group: "apps", version: "v1", resource: "replicasets" };
export const DEPLOYMENTS: GroupVersionResource = { group: "apps", version: "v1", resource: "deployments" };
export const SERVICES: GroupVersionResource = { group: "", version: "v1", resource: "services" };
export const ENDPOINT_SLICES: GroupVersionResource = {
  group: "discovery.k8s.io",
  version: "v1",
  resource: "endpointslices",
};
export const REPLICATION_CONTROLLERS: GroupVersionResource = {
  group: "",
  version: "v1",
  resource: "replicationcontrollers",
};
export const JOBS: GroupVersionResource = { group: "batch", version: "v1", resource: "jobs" };
export const STORAGE_VERSION_MIGRATIONS: GroupVersionResource = {
  group: "storagemigration.k8s.io",
  version: "v1",
  resource: "storageversionmigrations",
};
export const NODES: GroupVersionResource = { group: "", version: "v1", resource: "nodes" };
export const CRON_JOBS: GroupVersionResource = { group: "batch", version: "v1", resource: "cronjobs" };
export const STATEFUL_SETS: GroupVersionResource = { group: "apps", version: "v1", resource: "statefulsets" };
export const DAEMON_SETS: GroupVersionResource = { group: "apps", version: "v1", resource: "daemonsets" };
export const CONTROLLER_REVISIONS: GroupVersionResource = {
  group: "apps",
  version: "v1",
  resource: "controllerrevisions",
};
export const CLUSTER_ROLES: GroupVersionResource = {
  group: "rbac.authorization.k8s.io",
  version: "v1",
  resource: "clusterroles",
};
export const RESOURCE_QUOTAS: GroupVersionResource = { group: "", version: "v1", resource: "resourcequotas" };
export const ENDPOINTS: GroupVersionResource = { group: "", version: "v1", resource: "endpoints" };
export const LEASES: GroupVersionResource = { group: "coordination.k8s.io", version: "v1", resource: "leases" };
export const DISRUPTION_BUDGETS: GroupVersionResource = {
  group: "policy",
  version: "v1",
  resource: "poddisruptionbudgets",
};
export const TRUST_BUNDLES: GroupVersionResource = {
  group: "certificates.k8s.io",
  version: "v1",
  resource: "clustertrustbundles",
};
export const POD_CERTIFICATE_REQUESTS: GroupVersionResource = {
  group: "certificates.k8s.io",
  version: "v1",
  resource: "podcertificaterequests",
};
export const SIGNING_REQUESTS: GroupVersionResource = {
  group: "certificates.k8s.io",
  version: "v1",
  resource: "certificatesigningrequests",
};
export const AUTOSCALERS: GroupVersionResource = {
  group: "autoscaling",
  version: "v2",
  resource: "horizontalpodautoscalers",
};
export const SECRETS: GroupVersionResource = { group: "", version: "v1", resource: "secrets" };
export const SERVICE_CIDRS: GroupVersionResource = {
  group: "networking.k8s.io",
  version: "v1",
  resource: "servicecidrs",
};
export const IP_ADDRESSES: GroupVersionResource = {
  group: "networking.k8s.io",
  version: "v1",
  resource: "ipaddresses",
};
